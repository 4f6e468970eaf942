"""Pixel cross-entropy and prototype BCE against loops."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from clipteacher.method.losses import classification as losses


def pixel_cross_entropy(*arguments: Any, **options: Any) -> Tensor:  # noqa: ANN401
    """The loss of one process, as a number."""
    return losses.pixel_cross_entropy(*arguments, **options).mean()


def prototype_bce(*arguments: Any, **options: Any) -> Tensor:  # noqa: ANN401
    """The loss of one process, as a number."""
    return losses.prototype_bce(*arguments, **options).mean()


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def naive_cross_entropy(logits: Tensor, labels: Tensor, ignore_index: int) -> float:
    total, count = 0.0, 0
    for b in range(len(labels)):
        for y in range(labels.shape[1]):
            for x in range(labels.shape[2]):
                label = int(labels[b, y, x])
                if label != ignore_index:
                    powers = [math.exp(value) for value in logits[b, :, y, x].tolist()]
                    total -= math.log(powers[label] / sum(powers))
                    count += 1
    return total / max(1, count)


def naive_bce(prototypes: Tensor, text: Tensor, present: Tensor) -> float:
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
    return total / max(1, count)


@pytest.mark.parametrize("ignore_index", [255, -1])
@pytest.mark.parametrize(("images", "ids", "ignored"), [(3, 4, 0.4), (3, 4, 0.0), (1, 4, 0.4), (3, 1, 0.4), (2, 3, 2)])
def test_cross_entropy_as_a_loop_computes_it(images: int, ids: int, ignored: float, ignore_index: int) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(images, ids, 3, 5, generator=generator)
    labels = torch.randint(ids, (images, 3, 5), generator=generator)
    labels[torch.rand(labels.shape, generator=generator) < ignored] = ignore_index
    loss = pixel_cross_entropy(logits, labels, ignore_index=ignore_index)
    assert loss.shape == ()
    assert loss.item() == pytest.approx(naive_cross_entropy(logits, labels, ignore_index), rel=1e-5, abs=1e-6)


def test_cross_entropy_is_a_mean_over_the_labelled_pixels_of_the_batch() -> None:
    logits = torch.zeros(2, 2, 1, 4)
    logits[1, 0] = 5.0
    labels = torch.full((2, 1, 4), 255)
    labels[0, 0, 0] = labels[1, 0, :3] = 1
    expected = (math.log(2) + 3 * math.log(1 + math.exp(5))) / 4
    assert pixel_cross_entropy(logits, labels, ignore_index=255).item() == pytest.approx(expected, rel=1e-5)


def test_cross_entropy_without_a_label_is_zero_with_zero_gradient() -> None:
    logits = torch.randn(2, 3, 2, 2, requires_grad=True)
    loss = pixel_cross_entropy(logits, torch.full((2, 2, 2), 255), ignore_index=255)
    torch.autograd.backward(loss)
    assert loss.item() == 0
    assert logits.grad is not None
    assert (logits.grad == 0).all()


def test_cross_entropy_takes_minus_infinity_for_ids_that_an_image_lacks() -> None:
    leaf, labels = torch.randn(2, 3, 2, 2, requires_grad=True), torch.randint(2, (2, 2, 2))
    lacking = torch.tensor([False, False, True]).view(1, 3, 1, 1)
    loss = pixel_cross_entropy(leaf.masked_fill(lacking, -torch.inf), labels, ignore_index=-1)
    (gradient,) = torch.autograd.grad(loss, leaf)
    torch.testing.assert_close(loss, pixel_cross_entropy(leaf[:, :2], labels, ignore_index=-1))
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
    loss = prototype_bce(prototypes, text, present)
    assert loss.shape == ()
    assert loss.item() == pytest.approx(naive_bce(prototypes, text, present), rel=1e-5)


def test_bce_of_absent_classes_has_no_say() -> None:
    prototypes, text = torch.randn(2, 3, 4, requires_grad=True), F.normalize(torch.randn(3, 4), dim=1)
    present = torch.tensor([[True, False, True], [False, False, False]])
    loss = prototype_bce(prototypes, text, present)
    (gradient,) = torch.autograd.grad(loss, prototypes)
    assert ((gradient != 0).any(dim=2) == present).all()
    other = prototypes.detach().clone()
    other[~present] = 100.0
    torch.testing.assert_close(prototype_bce(other, text, present), loss.detach())


def test_bce_where_no_class_is_present_is_zero_with_zero_gradient() -> None:
    prototypes = torch.randn(2, 3, 4, requires_grad=True)
    loss = prototype_bce(prototypes, torch.eye(3, 4), torch.zeros(2, 3, dtype=torch.bool))
    torch.autograd.backward(loss)
    assert loss.item() == 0
    assert prototypes.grad is not None
    assert (prototypes.grad == 0).all()


def test_bce_wants_a_prototype_to_answer_to_its_own_name_alone() -> None:
    text, present = torch.eye(3), torch.ones(1, 3, dtype=torch.bool)
    right = (20 * torch.eye(3) - 10).unsqueeze(0)
    assert prototype_bce(right, text, present) < 1e-3
    assert prototype_bce(-right, text, present) > 5
    assert prototype_bce(right[:, [1, 2, 0]], text, present) > 5
