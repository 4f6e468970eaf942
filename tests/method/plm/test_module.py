"""PLM as a whole: the masks it draws, the prototypes it gives, and that each option does something."""

from dataclasses import fields
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from clipteacher.method.plm.fused_labels import fuse_labels
from clipteacher.method.plm.fusion import fuse_masks
from clipteacher.method.plm.kmeans import kmeans, window_seeds
from clipteacher.method.plm.module import PLM, PLMConfig, Prototypes, latent_masks, region_tokens
from clipteacher.method.plm.synthesizer import mean_features

# Not the defaults: those may change without a word here.
BASE: dict[str, Any] = {
    "windows": (4, 8),
    "overlap": 0.5,
    "iterations": 10,
    "fusion_threshold": 0.5,
    "center": True,
    "prototypes": "synthesizer",
    "layers": 1,
    "heads": 4,
    "feedforward": 16,
    "dropout": 0.0,
}


def config(**options: object) -> PLMConfig:
    return PLMConfig(**BASE | options)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def tokens(images: int = 3, seed: int = 1) -> Tensor:
    """A common part and four kinds of tokens in patches, with noise."""
    generator = torch.Generator().manual_seed(seed)
    kinds = torch.randn(4, 16, generator=generator)
    patches = torch.randint(4, (images, 3, 3), generator=generator).repeat_interleave(4, 1).repeat_interleave(4, 2)
    noise = 0.7 * torch.randn(images, 16, 12, 12, generator=generator)
    return kinds[patches].permute(0, 3, 1, 2) + noise + 2


@pytest.mark.parametrize("center", [True, False])
def test_the_same_tokens_give_the_same_masks(center: bool) -> None:
    first = latent_masks(tokens(), config(center=center))
    torch.manual_seed(99)
    assert torch.equal(latent_masks(tokens(), config(center=center)), first)
    assert first.shape == (3, 12, 12)
    assert first.dtype == torch.int64


@pytest.mark.parametrize("center", [True, False])
def test_mask_ids_are_gapless_in_each_image(center: bool) -> None:
    for mask in latent_masks(tokens(), config(center=center, fusion_threshold=0.9)):
        ids = mask.unique().tolist()
        assert ids == list(range(len(ids)))
        assert len(ids) > 1


def test_without_centering_images_do_not_see_each_other() -> None:
    apart, dense = config(center=False, fusion_threshold=0.9), tokens()
    alone = torch.cat([latent_masks(image.unsqueeze(0), apart) for image in dense])
    assert torch.equal(latent_masks(dense, apart), alone)


def test_masks_follow_their_parts() -> None:
    """K-means at unit length after centering, labels read at the fused ids of their clusters."""
    options, dense = config(windows=(3, 6), overlap=0.4, iterations=3, fusion_threshold=0.3), tokens()
    unit = F.normalize(dense, dim=1)
    unit = unit - unit.mean(dim=(0, 2, 3), keepdim=True)
    centroids, labels = kmeans(unit.flatten(2).transpose(1, 2), window_seeds(unit, (3, 6), 0.4), iterations=3)
    sizes = torch.stack([torch.bincount(row, minlength=centroids.shape[1]) for row in labels])
    fused = fuse_masks(centroids, sizes, 0.3)
    expected = torch.stack([fused[b][labels[b]] for b in range(3)]).view(3, 12, 12)
    assert (expected >= 0).all()
    assert torch.equal(latent_masks(dense, options), expected)


def test_clear_kinds_of_tokens_are_told_apart() -> None:
    kinds = F.normalize(torch.randn(3, 16), dim=1)
    truth = torch.tensor([[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 2, 2], [2, 2, 2, 2]]).repeat_interleave(4, 0)
    truth = truth.repeat_interleave(4, 1)
    dense = kinds[truth].permute(2, 0, 1).unsqueeze(0) + 0.02 * torch.randn(1, 16, 16, 16)
    (mask,) = latent_masks(dense, config(windows=(4,), center=False))
    assert len({(int(t), int(m)) for t, m in zip(truth.flatten(), mask.flatten(), strict=True)}) == 3
    assert mask.unique().numel() == 3


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("dense", [torch.ones(1, 4, 6, 6), torch.zeros(2, 4, 6, 6), torch.ones(1, 4, 1, 1)])
def test_tokens_all_alike_are_one_mask(dense: Tensor, center: bool) -> None:
    assert (latent_masks(dense, config(center=center)) == 0).all()


def test_masks_take_no_gradient() -> None:
    assert not latent_masks(tokens().requires_grad_(), config()).requires_grad


def batch(num_seen: int = 4) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Features and labels at (6, 6), the teacher's tokens at (12, 12), CLS tokens."""
    labels = torch.randint(num_seen - 1, (3, 6, 6), generator=torch.Generator().manual_seed(2))  # the last is absent
    labels[:, 2:] = -1
    labels[1] = -1
    cls = F.normalize(torch.randn(3, 16, generator=torch.Generator().manual_seed(3)), dim=1)
    return torch.randn(3, 16, 6, 6, generator=torch.Generator().manual_seed(4)), labels, tokens(), cls


def prototypes(options: PLMConfig, *, train: bool = True) -> Prototypes:
    features, labels, dense, cls = batch()
    torch.manual_seed(5)
    plm = PLM(16, options).train(train)
    fused = plm.fused_labels(dense, labels, 4, ignore_index=-1)
    output: Prototypes = plm(features, dense, fused, cls, 4)
    return output


def test_fused_labels_are_the_masks_where_nothing_is_labelled() -> None:
    _, labels, dense, _ = batch()
    fused = PLM(16, config()).fused_labels(dense, labels, 4, ignore_index=-1)
    expected = fuse_labels(labels, latent_masks(dense, config()), 4, ignore_index=-1)
    assert torch.equal(fused.labels, expected.labels)
    assert torch.equal(fused.valid_mask, expected.valid_mask)
    assert torch.equal(fused.labels[labels >= 0], labels[labels >= 0])
    assert (fused.labels[labels == -1] >= 4).all()


def test_prototypes_of_seen_and_latent_ids_are_told_apart() -> None:
    features, labels, dense, cls = batch()
    plm = PLM(16, config())
    fused = plm.fused_labels(dense, labels, 4, ignore_index=-1)
    output = plm(features, dense, fused, cls, 4)
    latent = fused.valid_mask.shape[1]
    assert latent > 0
    assert output.seen is not None
    assert output.seen.shape == (3, 4, 16)
    assert output.pseudo.shape == (3, latent, 16)
    assert output.present.tolist() == [[bool((image == n).any()) for n in range(4)] for image in labels]
    queries, valid_mask = mean_features(features, fused.labels, 4 + latent)
    assert torch.equal(valid_mask[:, 4:], fused.valid_mask)
    assert plm.synthesizer is not None
    assert output.seen is not None
    expected = plm.synthesizer(queries, valid_mask, cls)
    torch.testing.assert_close(torch.cat([output.seen, output.pseudo], dim=1), expected)


def test_nothing_ignored_leaves_no_latent_prototype() -> None:
    features, labels, dense, cls = batch()
    plm = PLM(16, config())
    fused = plm.fused_labels(dense, labels.clamp(min=0), 4, ignore_index=-1)
    output = plm(features, dense, fused, cls, 4)
    assert output.pseudo.shape == (3, 0, 16)
    assert output.seen.isfinite().all()


def test_everything_ignored_leaves_no_seen_class_present() -> None:
    features, labels, dense, cls = batch()
    plm = PLM(16, config())
    output = plm(features, dense, plm.fused_labels(dense, labels.fill_(-1), 4, ignore_index=-1), cls, 4)
    assert not output.present.any()
    assert output.pseudo.isfinite().all()


def test_gradients_reach_features_and_synthesizer() -> None:
    features, labels, dense, cls = batch()
    features.requires_grad_()
    plm = PLM(16, config())
    output = plm(features, dense, plm.fused_labels(dense, labels, 4, ignore_index=-1), cls, 4)
    (output.seen.square().sum() + output.pseudo.square().sum()).backward()
    for tensor in (features, *plm.parameters()):
        assert tensor.grad is not None
        assert tensor.grad.isfinite().all()


MASK_OPTIONS: dict[str, Any] = {
    "windows": (2,),
    "overlap": 0.0,
    "iterations": 0,
    "fusion_threshold": 0.95,
    "center": False,
}
SYNTHESIZER_OPTIONS: dict[str, Any] = {"layers": 2, "heads": 2, "feedforward": 24, "dropout": 0.5}


def test_every_option_is_tried() -> None:
    tried = MASK_OPTIONS.keys() | SYNTHESIZER_OPTIONS.keys() | {"prototypes"}
    assert {field.name for field in fields(PLMConfig)} == tried == BASE.keys()


def test_the_source_of_prototypes_is_one_of_two() -> None:
    with pytest.raises(ValueError, match=r"plm.prototypes: got 'text', expected one of region_pooling, synthesizer"):
        config(prototypes="text")


def test_a_region_is_the_mean_of_its_tokens() -> None:
    """A naive twin: every pixel by itself. The token map is as fine as the labels, so nothing is resized."""
    dense, labels = tokens()[:, :, :6, :6], batch()[1]
    fused = fuse_labels(labels, latent_masks(dense, config()), 4, ignore_index=-1)
    count = fused.valid_mask.shape[1]
    found = region_tokens(dense, fused.labels, 4, count)
    assert found.shape == (3, count, 16)
    for image in range(3):
        for latent in range(count):
            pixels = [
                dense[image, :, y, x] / dense[image, :, y, x].norm()
                for y in range(6)
                for x in range(6)
                if fused.labels[image, y, x] == 4 + latent
            ]
            expected = torch.stack(pixels).mean(dim=0) if pixels else torch.zeros(16)
            torch.testing.assert_close(found[image, latent], expected)


def test_region_tokens_are_the_same_bits_however_the_tokens_lie_in_memory() -> None:
    generator = torch.Generator().manual_seed(0)
    dense = torch.randn(2, 8, 5, 7, generator=generator)
    labels = torch.randint(0, 7, (2, 20, 28), generator=generator)
    expected = region_tokens(dense, labels, 4, 3)
    others = dense.contiguous(memory_format=torch.channels_last), dense.transpose(1, 2).contiguous().transpose(1, 2)
    for other in others:
        assert other.stride() != dense.stride()
        assert torch.equal(region_tokens(other, labels, 4, 3), expected)


def test_regions_need_no_synthesizer_and_give_no_seen_prototype() -> None:
    features, labels, dense, cls = batch()
    plm = PLM(16, config(prototypes="region_pooling"))
    assert not list(plm.parameters())
    fused = plm.fused_labels(dense, labels, 4, ignore_index=-1)
    output = plm(features, dense, fused, cls, 4)
    assert output.seen is None
    assert torch.equal(output.pseudo, region_tokens(dense, fused.labels, 4, fused.valid_mask.shape[1]))
    assert output.present.tolist() == [[bool((image == n).any()) for n in range(4)] for image in labels]


@pytest.mark.parametrize("option", MASK_OPTIONS)
def test_each_option_changes_the_masks(option: str) -> None:
    plain, other = latent_masks(tokens(), config()), latent_masks(tokens(), config(**{option: MASK_OPTIONS[option]}))
    assert not torch.equal(plain, other)


@pytest.mark.parametrize("option", SYNTHESIZER_OPTIONS)
def test_each_option_changes_the_prototypes(option: str) -> None:
    plain, other = prototypes(config()), prototypes(config(**{option: SYNTHESIZER_OPTIONS[option]}))
    assert plain.seen is not None
    assert other.seen is not None
    assert plain.seen.shape == other.seen.shape
    assert not torch.allclose(plain.seen, other.seen, atol=1e-3)


def test_dropout_is_off_in_eval_mode() -> None:
    dropping = prototypes(config(dropout=0.5), train=False)
    torch.testing.assert_close(dropping.seen, prototypes(config()).seen, rtol=1e-4, atol=1e-5)
