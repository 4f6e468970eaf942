"""Pixel cross-entropy and prototype BCE against loops."""

import math
from collections.abc import Sequence

import pytest
import torch
from tests.method.losses.sums import check_sum
from torch import Tensor
from torch.nn import functional as F

from clipteacher.method.losses.classification import pixel_cross_entropy, prototype_bce


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def naive_cross_entropy(
    logits: Tensor, labels: Tensor, ignore_index: int, weights: Sequence[float] = ()
) -> tuple[float, float]:
    total, count = 0.0, 0.0
    for b in range(len(labels)):
        for y in range(labels.shape[1]):
            for x in range(labels.shape[2]):
                label = int(labels[b, y, x])
                if label != ignore_index:
                    powers = [math.exp(value) for value in logits[b, :, y, x].tolist()]
                    weight = weights[label] if label < len(weights) else 1.0
                    total -= weight * math.log(powers[label] / sum(powers))
                    count += weight
    return total, count


def naive_bce(prototypes: Tensor, text: Tensor, present: Tensor) -> tuple[float, float]:
    total, count = 0.0, 0
    for b in range(len(prototypes)):
        for i in range(len(text)):
            if present[b, i]:
                terms = []
                for j in range(len(text)):
                    p = 1 / (1 + math.exp(-float(prototypes[b, i] @ text[j])))
                    terms.append(-math.log(p if i == j else 1 - p))
                total += sum(terms) / len(terms)
                count += 1
    return total, count


@pytest.mark.parametrize("ignore_index", [255, -1])
@pytest.mark.parametrize(("images", "ids", "ignored"), [(3, 4, 0.4), (3, 4, 0.0), (1, 4, 0.4), (3, 1, 0.4), (2, 3, 2)])
def test_cross_entropy_as_a_loop_computes_it(images: int, ids: int, ignored: float, ignore_index: int) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(images, ids, 3, 5, generator=generator)
    labels = torch.randint(ids, (images, 3, 5), generator=generator)
    labels[torch.rand(labels.shape, generator=generator) < ignored] = ignore_index
    loss = pixel_cross_entropy(logits, labels, ignore_index=ignore_index)
    check_sum(loss, naive_cross_entropy(logits, labels, ignore_index))


@pytest.mark.parametrize("weights", [[2.0, 1.0, 0.5], [3.0], [1.0, 1.0, 1.0, 1.0]])
def test_weighted_cross_entropy_as_a_loop_computes_it(weights: list[float]) -> None:
    logits, labels = 2 * torch.randn(2, 4, 3, 5), torch.randint(-1, 4, (2, 3, 5))
    loss = pixel_cross_entropy(logits, labels, ignore_index=-1, class_weights=torch.tensor(weights))
    check_sum(loss, naive_cross_entropy(logits, labels, -1, weights))
    nothing = pixel_cross_entropy(
        logits, torch.full_like(labels, -1), ignore_index=-1, class_weights=torch.tensor(weights)
    )
    assert nothing.mean().item() == 0


def test_on_a_gpu_the_weights_are_summed_without_picking_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    logits, labels, weights = torch.randn(2, 4, 3, 5), torch.randint(-1, 4, (2, 3, 5)), torch.tensor([2.0, 1.0, 0.5])
    here = pixel_cross_entropy(logits, labels, ignore_index=-1, class_weights=weights)
    monkeypatch.setattr("clipteacher.method.losses.classification.waits", lambda values: True)
    there = pixel_cross_entropy(logits, labels, ignore_index=-1, class_weights=weights)
    assert here.count > 0
    torch.testing.assert_close(there.count, here.count)
    assert torch.equal(there.total, here.total)


def test_cross_entropy_is_a_mean_over_the_labelled_pixels_of_the_batch() -> None:
    logits = torch.zeros(2, 2, 1, 4)
    logits[1, 0] = 5.0
    labels = torch.full((2, 1, 4), 255)
    labels[0, 0, 0] = labels[1, 0, :3] = 1
    expected = (math.log(2) + 3 * math.log(1 + math.exp(5))) / 4
    assert pixel_cross_entropy(logits, labels, ignore_index=255).mean().item() == pytest.approx(expected, rel=1e-5)


def test_cross_entropy_without_a_label_is_zero_with_zero_gradient() -> None:
    logits = torch.randn(2, 3, 2, 2, requires_grad=True)
    loss = pixel_cross_entropy(logits, torch.full((2, 2, 2), 255), ignore_index=255).mean()
    torch.autograd.backward(loss)
    assert loss.item() == 0
    assert logits.grad is not None
    assert (logits.grad == 0).all()


def test_cross_entropy_takes_minus_infinity_for_ids_that_an_image_lacks() -> None:
    leaf, labels = torch.randn(2, 3, 2, 2, requires_grad=True), torch.randint(2, (2, 2, 2))
    lacking = torch.tensor([False, False, True]).view(1, 3, 1, 1)
    loss = pixel_cross_entropy(leaf.masked_fill(lacking, -torch.inf), labels, ignore_index=-1).mean()
    (gradient,) = torch.autograd.grad(loss, leaf)
    torch.testing.assert_close(loss, pixel_cross_entropy(leaf[:, :2], labels, ignore_index=-1).mean())
    assert gradient.isfinite().all()
    assert (gradient[:, 2] == 0).all()
    assert (gradient[:, :2] != 0).all()


@pytest.mark.parametrize(
    ("images", "classes", "share"), [(3, 4, 0.5), (3, 4, 2.0), (1, 4, 0.5), (2, 1, 2.0), (2, 3, 0)]
)
def test_bce_as_a_loop_computes_it(images: int, classes: int, share: float) -> None:
    generator = torch.Generator().manual_seed(1)
    prototypes = 2 * torch.randn(images, classes, 6, generator=generator)
    text = F.normalize(torch.randn(classes, 6, generator=generator), dim=1)
    present = torch.rand(images, classes, generator=generator) < share
    check_sum(prototype_bce(prototypes, text, present), naive_bce(prototypes, text, present))


def test_absent_classes_play_no_part_in_bce() -> None:
    prototypes, text = torch.randn(2, 3, 4, requires_grad=True), F.normalize(torch.randn(3, 4), dim=1)
    present = torch.tensor([[True, False, True], [False, False, False]])
    loss = prototype_bce(prototypes, text, present).mean()
    (gradient,) = torch.autograd.grad(loss, prototypes)
    assert ((gradient != 0).any(dim=2) == present).all()
    other = prototypes.detach().clone()
    other[~present] = 100.0
    torch.testing.assert_close(prototype_bce(other, text, present).mean(), loss.detach())


def test_bce_where_no_class_is_present_is_zero_with_zero_gradient() -> None:
    prototypes = torch.randn(2, 3, 4, requires_grad=True)
    loss = prototype_bce(prototypes, torch.eye(3, 4), torch.zeros(2, 3, dtype=torch.bool)).mean()
    torch.autograd.backward(loss)
    assert loss.item() == 0
    assert prototypes.grad is not None
    assert (prototypes.grad == 0).all()


def test_bce_wants_a_prototype_to_answer_to_its_own_name_alone() -> None:
    text, present = torch.eye(3), torch.ones(1, 3, dtype=torch.bool)
    right = (20 * torch.eye(3) - 10).unsqueeze(0)
    assert prototype_bce(right, text, present).mean() < 1e-3
    assert prototype_bce(-right, text, present).mean() > 5
    assert prototype_bce(right[:, [1, 2, 0]], text, present).mean() > 5
