"""Pseudo labels and attention against loops; GLM's weights are those that GLM itself attends with."""

import math
from typing import Any

import pytest
import torch
from tests.analysis.student.worlds import SPLIT, WIDTH, samples, segmenter, text_features
from torch import Tensor, nn
from torch.nn import functional as F

from clipteacher.analysis.student.attention import PhotoAttention, attention_metrics, glm_weights, photo_attention
from clipteacher.analysis.student.pseudo_labels import PseudoLabelMetrics, mask_matches, pseudo_label_metrics
from clipteacher.analysis.student.run_options import RunOptions
from clipteacher.analysis.student.with_teacher import diagnose_photo, diagnose_with_teacher
from clipteacher.inference import TestSettings
from clipteacher.inference.window_labels import window_labels
from clipteacher.method.config import MethodConfig
from clipteacher.method.glm import GLMConfig
from clipteacher.method.plm.module import PLMConfig, latent_masks
from clipteacher.protocols.protocol import TestPipeline
from clipteacher.protocols.splits import ClassSplit
from clipteacher.teachers.teacher import TeacherTokens

PLM = PLMConfig(windows=(2, 4), fusion_threshold=0.3)


def scene() -> tuple[Tensor, Tensor]:
    """Tokens (1, C, 4, 8) of a sky on the left and a cat, of a direction of its own, on the right; truth (1, 8, 16)."""
    dense = torch.zeros(1, WIDTH, 4, 8)
    dense[:, 0, :, :4], dense[:, 1, :, 4:] = 1, 1
    truth = torch.zeros(1, 8, 16, dtype=torch.int64)
    truth[:, :, 8:] = 1
    return dense, truth


def test_a_pure_mask_is_found_whole_and_named() -> None:
    (match,) = mask_matches(*scene(), SPLIT, PLM)
    assert (match.name, match.purity, match.recall, match.masks) == ("cat", 1.0, 1.0, 1)
    names = torch.eye(WIDTH)[:5]  # sky, cat, ...
    found = pseudo_label_metrics([[match], []], names, SPLIT.names, SPLIT.unseen)
    assert (found.masks_per_photo, found.total.right_name, found.total.masks) == (1.0, 1.0, 1)
    assert [each.name for each in found.classes] == ["cat", "car"]
    assert math.isnan(found.classes[1].purity)
    turned = pseudo_label_metrics([[match]], names.flip(0), SPLIT.names, SPLIT.unseen)
    assert (turned.total.right_name, turned.total.wrong_name) == (0.0, "car")


def test_purity_and_recall_by_counting() -> None:
    """Against sets of pixels, on random tokens and masks."""
    generator = torch.Generator().manual_seed(0)
    dense = torch.randn(1, WIDTH, 6, 6, generator=generator)
    truth = torch.randint(5, (1, 6, 6), generator=generator)
    truth[0, 0] = 255
    latent = latent_masks(dense, PLM)[0]
    matches = {match.name: match for match in mask_matches(dense, truth, SPLIT, PLM, 0.0)}
    filled = {(r, c) for r in range(6) for c in range(6) if int(truth[0, r, c]) in (1, 3, 255)}
    assert set(matches) == {"cat", "car"}
    for index, name in ((1, "cat"), (3, "car")):
        own = {(r, c) for r, c in filled if truth[0, r, c] == index}
        masks = {
            mask: {(r, c) for r, c in filled if latent[r, c] == mask}
            for mask in {int(latent[place]) for place in filled}
        }
        best = max(len(mask & own) for mask in masks.values())
        assert matches[name].recall == pytest.approx(best / len(own))
        assert matches[name].masks == len(masks)
        fitting = [mask for mask in masks.values() if len(mask & own) == best]
        assert any(matches[name].purity == pytest.approx(best / len(mask)) for mask in fitting)
        means = [torch.stack([F.normalize(dense[0, :, r, c], dim=0) for r, c in mask]).mean(0) for mask in fitting]
        assert any(torch.allclose(matches[name].token, mean, atol=1e-5) for mean in means)


def test_small_classes_are_passed_over() -> None:
    dense, truth = scene()
    truth[0, 0, 0] = 3
    assert [match.name for match in mask_matches(dense, truth, SPLIT, PLM, 0.01)] == ["cat"]
    assert [match.name for match in mask_matches(dense, truth, SPLIT, PLM, 0.0)] == ["cat", "car"]
    truth[:] = 0
    assert not list(mask_matches(dense, truth, SPLIT, PLM, 0.0)), "nothing is ignored, nothing is filled"


def test_more_than_255_classes() -> None:
    names = tuple(f"class {number}" for number in range(300))
    dense, truth = scene()
    truth = truth.masked_fill(truth == 1, 299)
    truth[0, 0, 0] = 65535
    (match,) = mask_matches(dense, truth, ClassSplit(names, names[280:]), PLM)
    assert (match.name, match.purity) == ("class 299", 1.0)


def test_attention_by_hand() -> None:
    weights = torch.tensor([[0.5, 0.25], [0.25, 0.0]])
    found = photo_attention(weights, torch.tensor([[1, 0], [3, 255]]), SPLIT)
    assert found.effective == pytest.approx(math.exp(0.5 * math.log(2) + 0.5 * math.log(4)) / 4)
    assert [float(found.area.sum()), float(found.mass.sum())] == pytest.approx([2 / 3, 0.75])
    bare = photo_attention(torch.full((2, 2), 0.25), torch.full((2, 2), 0), SPLIT)
    assert [bare.effective, float(bare.area.sum())] == pytest.approx([1.0, 0.0])
    nothing = photo_attention(weights, torch.full((2, 2), 255), SPLIT)
    assert math.isnan(nothing.mass.sum())
    pooled = attention_metrics([found, bare, nothing], SPLIT.unseen)
    assert (pooled.photos, pooled.photos_with_unseen) == (3, 1)
    assert pooled.gain == pytest.approx(0.75 / (2 / 3))
    assert {each.name: each.gain for each in pooled.classes} == {
        "cat": pytest.approx(0.5 * 3),
        "car": pytest.approx(0.25 * 3),
    }
    assert math.isnan(attention_metrics([bare], SPLIT.unseen).gain)


@pytest.mark.parametrize("config", [GLMConfig(), GLMConfig(scale=None), GLMConfig(normalize=False, scale=0.5)])
def test_attention_is_glms_own(config: GLMConfig) -> None:
    generator = torch.Generator().manual_seed(0)
    cls, features = torch.randn(1, 6, generator=generator), torch.randn(1, 6, 3, 4, generator=generator)
    weights = glm_weights(cls, features, config)
    query, dense = cls[0], features[0].flatten(1)
    if config.normalize:
        query, dense = query / query.norm(), dense / dense.norm(dim=0)
    scale = 1 / math.sqrt(6) if config.scale is None else config.scale
    expected = torch.softmax((query @ dense) * scale, dim=0)
    assert torch.allclose(weights.flatten(), expected, atol=1e-6)


def test_positions_that_glm_leaves_out_have_no_attention() -> None:
    cls, features = torch.ones(1, 4), torch.randn(1, 4, 2, 5, generator=torch.Generator().manual_seed(0))
    weights = glm_weights(cls, features, GLMConfig(keep=0.3, keep_steps=100))
    assert int((weights > 0).sum()) == 3
    assert weights.sum() == pytest.approx(1)


class Teacher(nn.Module):
    """Blocks of pixels through a fixed random matrix."""

    width = WIDTH

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[tuple[int, ...]] = []
        self.matrix = torch.randn(WIDTH, 48, generator=torch.Generator().manual_seed(0))

    def encode_image(self, images: Tensor) -> TeacherTokens:
        self.sizes.append(tuple(images.shape))
        images = images[:, :, : images.shape[2] // 4 * 4, : images.shape[3] // 4 * 4]
        dense = torch.einsum("ck,bkhw->bchw", self.matrix, F.pixel_unshuffle(images, 4))
        return TeacherTokens(dense.mean(dim=(2, 3)), dense)

    def encode_text(self, names: Any) -> Tensor:  # noqa: ANN401
        return text_features()[: len(names)]

    def spec(self) -> None:
        return None


def test_padding_is_no_position_of_the_photo() -> None:
    """17 × 30 pixels are padded to 24 × 32: 6 × 8 positions, of which 4 × 8 are the photo's."""
    teacher = Teacher()
    options = RunOptions(teacher, MethodConfig(plm=PLM))
    _, attention = diagnose_photo(segmenter(), options, samples(1, 17, 30)[0], SPLIT)
    assert teacher.sizes == [(1, 3, 17, 30)], "the teacher sees no padding"
    assert attention is not None
    assert attention.weights.shape == (4, 8)
    assert float(attention.weights.sum()) == pytest.approx(1)
    resized = segmenter(TestPipeline(short_side=34, mode="slide", crop=16, stride=12))
    diagnose_photo(resized, options, samples(1, 17, 30)[0], SPLIT)
    assert teacher.sizes[-1] == (1, 3, 34, 60), "whole, at the size of the test"


def test_what_the_run_had_is_measured_and_no_more() -> None:
    def diagnosed(**method: Any) -> tuple[PseudoLabelMetrics | None, tuple[PhotoAttention, ...]]:  # noqa: ANN401
        return diagnose_with_teacher(segmenter(), RunOptions(Teacher(), MethodConfig(**method)), samples(), SPLIT)

    pseudo_labels, attention = diagnosed(plm=PLM)
    assert len(attention) == 2
    assert pseudo_labels is not None
    assert pseudo_labels.total.masks == 4
    no_labels, alone = diagnosed(plm=None)
    assert no_labels is None
    assert attention_metrics(alone, SPLIT.unseen) == attention_metrics(attention, SPLIT.unseen)
    assert diagnosed(glm=None, plm=PLM) == (pseudo_labels, ())


def test_a_teacher_of_another_space() -> None:
    teacher = Teacher()
    teacher.width = 5
    with pytest.raises(ValueError, match="width 5 for a student of width 6"):
        diagnose_with_teacher(segmenter(), RunOptions(teacher, MethodConfig()), samples(), SPLIT)
    teacher.width = WIDTH
    other = segmenter()
    other.text_features = text_features(seed=9)
    with pytest.raises(ValueError, match="a text feature for 'sky' that has a cosine of"):
        diagnose_with_teacher(other, RunOptions(teacher, MethodConfig()), samples(), SPLIT)


def test_labels_of_each_window() -> None:
    mask = torch.arange(22 * 30).view(22, 30)
    (labels,) = window_labels(mask, [(6, 8)], TestSettings(pad_multiple=8), 65535)
    expected = F.pad(mask, (0, 2, 0, 2), value=65535)[2::4, 2::4]
    assert torch.equal(labels, expected)
    assert torch.equal(window_labels(mask, [(22, 30)], TestSettings(pad_multiple=1), 65535)[0], mask)
