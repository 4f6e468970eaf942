"""Mean features against a loop; what the synthesizer may see and what not."""

import pytest
import torch
from torch import Tensor

from clipteacher.method.plm.synthesizer import Synthesizer, mean_features


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def naive_means(features: Tensor, labels: Tensor, num_ids: int) -> tuple[Tensor, list[list[bool]]]:
    batch, width, height, breadth = features.shape
    means, exists = torch.zeros(batch, num_ids, width), [[False] * num_ids for _ in range(batch)]
    for b in range(batch):
        for n in range(num_ids):
            places = [(y, x) for y in range(height) for x in range(breadth) if int(labels[b, y, x]) == n]
            for y, x in places:
                means[b, n] += features[b, :, y, x] / len(places)
            exists[b][n] = bool(places)
    return means, exists


@pytest.mark.parametrize("ignore_index", [-1, 255])
@pytest.mark.parametrize(
    ("images", "ids", "ignored"), [(3, 5, 0.3), (1, 5, 0.3), (3, 1, 0.3), (3, 5, 0.0), (2, 5, 2.0)]
)
def test_mean_features_as_a_loop_computes_them(images: int, ids: int, ignored: float, ignore_index: int) -> None:
    features, labels = torch.randn(images, 4, 3, 5), torch.randint(ids, (images, 3, 5))
    labels[torch.rand(labels.shape) < ignored] = ignore_index
    means, exists = mean_features(features, labels, ids + 1)  # the last id occurs nowhere
    expected_means, expected_exists = naive_means(features, labels, ids + 1)
    torch.testing.assert_close(means, expected_means)
    assert exists.tolist() == expected_exists
    assert not exists[:, -1].any()
    assert (means[~exists] == 0).all()


def test_mean_features_carry_the_gradient_to_the_pixels_of_their_id() -> None:
    features = torch.randn(1, 2, 1, 4, requires_grad=True)
    means, _ = mean_features(features, torch.tensor([[[0, 0, 1, -1]]]), 2)
    torch.autograd.backward(means[0, 0].sum())
    assert features.grad is not None
    assert features.grad[0, 0, 0].tolist() == [0.5, 0.5, 0, 0]


@pytest.mark.parametrize("labels", [(2, 6, 5), (1, 3, 5), (2, 1, 3, 5)])
def test_mean_features_of_sizes_that_differ(labels: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"mean_features: got features \(2, 4, 3, 5\), labels \(.*expected \(B, C, h"):
        mean_features(torch.zeros(2, 4, 3, 5), torch.zeros(labels, dtype=torch.int64), 2)


def inputs(images: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    exists = torch.tensor([[True, True, False, True, False], [False, True, False, False, False]])[:images]
    queries = torch.randn(images, 5, 16)
    return queries * exists.unsqueeze(2), exists, torch.randn(3, 16)


def small() -> Synthesizer:
    return Synthesizer(16, layers=2, heads=4, feedforward=8).eval()


def test_one_prototype_an_id() -> None:
    queries, exists, cls = inputs()
    prototypes = small()(queries, exists, cls)
    assert prototypes.shape == (2, 5, 16)
    assert prototypes.isfinite().all()


def test_ids_that_do_not_occur_do_not_touch_the_others() -> None:
    synthesizer = small()
    queries, exists, cls = inputs()
    plain = synthesizer(queries, exists, cls)
    noisy = synthesizer(torch.where(exists.unsqueeze(2), queries, 50.0), exists, cls)
    torch.testing.assert_close(noisy[exists], plain[exists])
    without = synthesizer(queries[:1, exists[0]], torch.ones(1, 3, dtype=torch.bool), cls)
    torch.testing.assert_close(without[0], plain[0, exists[0]], rtol=1e-4, atol=1e-5)


def test_ids_that_occur_see_each_other_within_their_image() -> None:
    synthesizer = small()
    queries, exists, cls = inputs()
    plain = synthesizer(queries, exists, cls)
    queries[0, 3] += 2
    other = synthesizer(queries, exists, cls)
    assert not torch.allclose(other[0, 0], plain[0, 0], atol=1e-3)
    torch.testing.assert_close(other[1], plain[1])


def test_every_image_asks_the_cls_tokens_of_the_whole_batch_in_any_order() -> None:
    synthesizer = small()
    queries, exists, cls = inputs()
    plain = synthesizer(queries, exists, cls)
    shuffled = synthesizer(queries, exists, cls[[2, 0, 1]])
    torch.testing.assert_close(shuffled, plain, rtol=1e-4, atol=1e-5)
    changed = synthesizer(queries, exists, torch.cat([cls[:2], -cls[2:]]))
    assert (changed - plain)[exists].abs().amax(dim=1).min() > 1e-3


def test_ids_have_no_order() -> None:
    synthesizer = small()
    queries, exists, cls = inputs()
    order = torch.tensor([3, 1, 4, 0, 2])
    torch.testing.assert_close(
        synthesizer(queries[:, order], exists[:, order], cls)[exists[:, order]],
        synthesizer(queries, exists, cls)[:, order][exists[:, order]],
        rtol=1e-4,
        atol=1e-5,
    )


@pytest.mark.parametrize("nothing", [[0], [0, 1]])
def test_an_image_without_any_id_stays_finite(nothing: list[int]) -> None:
    synthesizer = small().train()
    queries, exists, cls = inputs()
    exists[nothing] = False
    queries = (queries * exists.unsqueeze(2)).requires_grad_()
    prototypes = synthesizer(queries, exists, cls)
    prototypes.square().sum().backward()
    assert prototypes.isfinite().all()
    for tensor in (queries, *synthesizer.parameters()):
        assert tensor.grad is not None
        assert tensor.grad.isfinite().all()


def test_an_image_without_any_id_stays_finite_in_eval_mode() -> None:
    """There torch takes a fast path, whose softmax over nothing is NaN."""
    queries, exists, cls = inputs()
    exists[0] = False
    with torch.no_grad():
        assert small()(queries * exists.unsqueeze(2), exists, cls).isfinite().all()


def test_a_batch_of_one() -> None:
    queries, exists, cls = inputs(images=1)
    assert small()(queries, exists, cls[:1]).shape == (1, 5, 16)


def test_layers_and_feedforward_are_as_asked() -> None:
    synthesizer = small()
    assert len(synthesizer.decoder.layers) == 2
    shapes = {name: tuple(parameter.shape) for name, parameter in synthesizer.named_parameters()}
    assert shapes["decoder.layers.1.linear1.weight"] == (8, 16)


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(ValueError, match="Synthesizer: got 3 heads for width 16, expected a divisor of the width"):
        Synthesizer(16, heads=3)
