"""NEL against loops that follow ZegCLIP's released formulas pixel by pixel."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from clipteacher.method.losses import nel as losses
from clipteacher.method.losses.nel import one_hot_targets


def sigmoid_focal(*arguments: Any, **options: Any) -> Tensor:  # noqa: ANN401
    """The loss of one process, as a number."""
    return losses.sigmoid_focal(*arguments, **options).mean()


def dice(*arguments: Any, **options: Any) -> Tensor:  # noqa: ANN401
    """The loss of one process, as a number."""
    return losses.dice(*arguments, **options).mean()


IGNORED = 255


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


def masks(logits: Tensor, labels: Tensor) -> list[tuple[int, int, list[float], list[float], list[bool]]]:
    """(image, id, logits of the pixels, targets of the pixels, whether a pixel is labelled) of every mask."""
    return [
        (b, n, logits[b, n].flatten().tolist(), [float(id_ == n) for id_ in pixels], [id_ != IGNORED for id_ in pixels])
        for b in range(len(logits))
        for n in range(logits.shape[1])
        for pixels in [labels[b].flatten().tolist()]
    ]


def naive_focal(
    logits: Tensor,
    labels: Tensor,
    exists: Tensor | None = None,
    negatives: bool = True,
    alpha: float = 0.25,
    gamma: float = 2.0,
) -> float:
    total, num_masks = 0.0, 0
    for b, n, xs, targets, labelled in masks(logits, labels):
        num_masks += any(targets)
        if exists is not None and not exists[b, n]:
            continue
        mean = 0.0
        for x, t, counts in zip(xs, targets, labelled, strict=True):
            if counts or negatives:
                p_true = sigmoid(x) if t else 1 - sigmoid(x)
                mean -= (alpha if t else 1 - alpha) * (1 - p_true) ** gamma * math.log(p_true) / len(xs)
        total += mean
    return total / max(1, num_masks)


def naive_dice(logits: Tensor, labels: Tensor, negatives: bool = True) -> float:
    total, num_masks = 0.0, 0
    for _, _, xs, targets, labelled in masks(logits, labels):
        if not any(targets):
            continue
        num_masks += 1
        probabilities = [sigmoid(x) * (counts or negatives) for x, counts in zip(xs, labelled, strict=True)]
        overlap = sum(p * t for p, t in zip(probabilities, targets, strict=True))
        total += 1 - (2 * overlap + 1) / (sum(probabilities) + sum(targets) + 1)
    return total / max(1, num_masks)


def batch(ignored: float, images: int = 3, ids: int = 4, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(images, ids, 4, 3, generator=generator)
    labels = torch.randint(ids - 1, (images, 4, 3), generator=generator)  # the last id occurs nowhere
    labels[torch.rand(labels.shape, generator=generator) < ignored] = IGNORED
    return logits, labels


CASES: dict[str, dict[str, Any]] = {
    "some ignored": {"ignored": 0.4},
    "no pixel ignored": {"ignored": 0.0},
    "everything ignored": {"ignored": 1.1},
    "batch of one": {"ignored": 0.4, "images": 1},
    "two ids, one of them in use": {"ignored": 0.4, "ids": 2},
}


@pytest.mark.parametrize("negatives", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_focal_as_a_loop_computes_it(case: str, negatives: bool) -> None:
    logits, labels = batch(**CASES[case])
    loss = sigmoid_focal(logits, labels, ignore_index=IGNORED, ignored_are_negatives=negatives)
    assert loss.shape == ()
    assert loss.item() == pytest.approx(naive_focal(logits, labels, negatives=negatives), rel=1e-5)


@pytest.mark.parametrize("negatives", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_dice_as_a_loop_computes_it(case: str, negatives: bool) -> None:
    logits, labels = batch(**CASES[case])
    loss = dice(logits, labels, ignore_index=IGNORED, ignored_are_negatives=negatives)
    assert loss.shape == ()
    assert loss.item() == pytest.approx(naive_dice(logits, labels, negatives), rel=1e-5)
    assert 0 <= loss.item() <= 1


def test_one_class() -> None:
    logits, labels = torch.randn(2, 1, 3, 3), torch.zeros(2, 3, 3, dtype=torch.int64)
    labels[0, 0] = IGNORED
    assert sigmoid_focal(logits, labels, ignore_index=IGNORED).item() == pytest.approx(naive_focal(logits, labels))
    assert dice(logits, labels, ignore_index=IGNORED).item() == pytest.approx(naive_dice(logits, labels))


@pytest.mark.parametrize(("alpha", "gamma"), [(0.25, 2.0), (0.75, 2.0), (0.25, 0.0), (0.5, 1.0)])
def test_alpha_and_gamma_as_in_the_loop(alpha: float, gamma: float) -> None:
    logits, labels = batch(ignored=0.3)
    loss = sigmoid_focal(logits, labels, ignore_index=IGNORED, alpha=alpha, gamma=gamma).item()
    assert loss == pytest.approx(naive_focal(logits, labels, alpha=alpha, gamma=gamma), rel=1e-5)


@pytest.mark.parametrize(
    "option", [{"alpha": 0.5}, {"gamma": 1.0}, {"ignored_are_negatives": False}, {"valid_mask": True}]
)
def test_each_option_of_focal_changes_it(option: dict[str, Any]) -> None:
    logits, labels = batch(ignored=0.4)
    if "valid_mask" in option:
        option = {"valid_mask": torch.tensor([True, True, True, False]).expand(3, 4)}
    plain = sigmoid_focal(logits, labels, ignore_index=IGNORED)
    assert not torch.isclose(sigmoid_focal(logits, labels, ignore_index=IGNORED, **option), plain, rtol=1e-3)


def test_ignored_pixels_are_negatives_of_every_id_in_focal_and_dice() -> None:
    labels = torch.tensor([[[0, IGNORED]]])
    high, low = torch.tensor([[[[0.0, 3.0]]]]), torch.tensor([[[[0.0, -3.0]]]])
    for loss in (sigmoid_focal, dice):
        assert loss(high, labels, ignore_index=IGNORED) > loss(low, labels, ignore_index=IGNORED) + 0.1
        torch.testing.assert_close(
            loss(high, labels, ignore_index=IGNORED, ignored_are_negatives=False),
            loss(low, labels, ignore_index=IGNORED, ignored_are_negatives=False),
        )


def test_exists_leaves_ids_out_as_if_they_had_no_channel() -> None:
    logits, labels = batch(ignored=0.4)
    exists = torch.tensor([[True, True, True, False]]).expand(3, 4)
    loss = sigmoid_focal(logits, labels, ignore_index=IGNORED, valid_mask=exists)
    torch.testing.assert_close(loss, sigmoid_focal(logits[:, :3], labels, ignore_index=IGNORED))
    assert loss.item() == pytest.approx(naive_focal(logits, labels, exists=exists), rel=1e-5)


def test_exists_by_image_as_in_the_loop() -> None:
    logits, labels = batch(ignored=0.4)
    exists = (one_hot_targets(labels, 4, IGNORED).flatten(2).amax(2) > 0) | (torch.arange(4) == 1)
    exists[0, 3] = True
    loss = sigmoid_focal(logits, labels, ignore_index=IGNORED, valid_mask=exists)
    assert loss.item() == pytest.approx(naive_focal(logits, labels, exists=exists), rel=1e-5)


@pytest.mark.parametrize("everything_ignored", [False, True])
def test_logits_of_minus_infinity_give_finite_losses_and_gradients(everything_ignored: bool) -> None:
    raw, labels = batch(ignored=1.1 if everything_ignored else 0.4)
    exists = torch.tensor([[True, True, True, False]]).expand(3, 4)
    leaf = raw.clone().requires_grad_()
    logits = leaf.masked_fill(~exists[:, :, None, None], -torch.inf)
    for loss in (
        sigmoid_focal(logits, labels, ignore_index=IGNORED, valid_mask=exists),
        dice(logits, labels, ignore_index=IGNORED),
        dice(logits, labels, ignore_index=IGNORED, ignored_are_negatives=False),
    ):
        assert loss.isfinite()
        (gradient,) = torch.autograd.grad(loss, leaf, retain_graph=True)
        assert gradient.isfinite().all()
        assert (gradient[:, 3] == 0).all()
    focal = sigmoid_focal(logits, labels, ignore_index=IGNORED, valid_mask=exists)
    torch.testing.assert_close(focal, sigmoid_focal(raw[:, :3], labels, ignore_index=IGNORED))


@pytest.mark.parametrize("size", [50.0, 1e4])
def test_confident_logits_stay_finite(size: float) -> None:
    labels = torch.tensor([[[0, 1, IGNORED]]])
    logits = torch.tensor([[[[size, size, size]], [[-size, -size, -size]]]], requires_grad=True)
    loss = sigmoid_focal(logits, labels, ignore_index=IGNORED) + dice(logits, labels, ignore_index=IGNORED)
    torch.autograd.backward(loss)
    assert loss.isfinite()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_right_logits_cost_less_than_wrong_ones() -> None:
    labels = torch.tensor([[[0, 0], [1, 1]]])
    right = 8 * (2 * one_hot_targets(labels, 2, IGNORED) - 1)
    for loss in (sigmoid_focal, dice):
        assert loss(right, labels, ignore_index=IGNORED) < 1e-2
        assert loss(-right, labels, ignore_index=IGNORED) > 0.5


def test_everything_ignored_leaves_focal_the_negatives_and_dice_nothing() -> None:
    logits, labels = torch.zeros(2, 3, 2, 2), torch.full((2, 2, 2), IGNORED)
    # 2 images × 3 ids, each 0.75 · 0.5² · ln 2, divided by 1.
    assert sigmoid_focal(logits, labels, ignore_index=IGNORED).item() == pytest.approx(6 * 0.75 * 0.25 * math.log(2))
    assert sigmoid_focal(logits, labels, ignore_index=IGNORED, ignored_are_negatives=False).item() == 0
    assert dice(logits, labels, ignore_index=IGNORED).item() == 0


@pytest.mark.parametrize("ignore_index", [IGNORED, -1, 1])
def test_one_hot_targets_are_zero_where_ignored(ignore_index: int) -> None:
    labels = torch.tensor([[[0, ignore_index], [2, 0]]])
    targets = one_hot_targets(labels, 3, ignore_index)
    assert targets.dtype == torch.float32
    assert targets.tolist() == [[[[1, 0], [0, 1]], [[0, 0], [0, 0]], [[0, 0], [1, 0]]]]


@pytest.mark.parametrize("loss", [sigmoid_focal, dice])
@pytest.mark.parametrize(
    ("logits", "labels"), [((1, 2, 4, 4), (1, 8, 8)), ((1, 2, 4, 4), (2, 4, 4)), ((2, 4, 4), (2, 4, 4))]
)
def test_shapes_that_do_not_fit(loss: Any, logits: tuple[int, ...], labels: tuple[int, ...]) -> None:  # noqa: ANN401
    with pytest.raises(ValueError, match=r"nel: got logits \(.*, labels \(.*expected \(B, N, h, w\) and \(B, h, w\)"):
        loss(torch.zeros(logits), torch.zeros(labels, dtype=torch.int64), ignore_index=IGNORED)
