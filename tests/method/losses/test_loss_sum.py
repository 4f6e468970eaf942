"""Sums and counts: divided once, whoever divides."""

import pytest
import torch

from clipteacher.method.losses.classification import pixel_cross_entropy, prototype_bce
from clipteacher.method.losses.distillation import dense_distillation
from clipteacher.method.losses.infonce import info_nce
from clipteacher.method.losses.loss_sum import LossSum
from clipteacher.method.losses.nel import dice, sigmoid_focal


def test_a_mean_has_a_least_divisor() -> None:
    assert LossSum(torch.tensor(6.0), torch.tensor(4)).mean() == 1.5
    assert LossSum(torch.tensor(6.0), torch.tensor(0)).mean() == 6.0
    assert LossSum(torch.tensor(6.0), torch.tensor(0.5), minimum=0.1).mean() == 12.0


def test_every_loss_counts_what_its_sum_runs_over() -> None:
    logits = torch.randn(2, 3, 2, 2)
    labels = torch.tensor([[[0, 0], [1, 255]], [[255, 255], [2, 255]]])
    assert int(pixel_cross_entropy(logits, labels, ignore_index=255).count) == 4  # labelled pixels
    assert int(sigmoid_focal(logits, labels, ignore_index=255).count) == 3  # masks
    assert int(dice(logits, labels, ignore_index=255).count) == 3
    assert int(info_nce(torch.eye(2), torch.eye(2), temperature=1.0).count) == 2  # queries
    present = torch.tensor([[True, False, True], [True, False, False]])
    assert int(prototype_bce(torch.randn(2, 3, 4), torch.randn(3, 4), present).count) == 3
    counted = torch.zeros(1, 4, 4, dtype=torch.bool)
    counted[0, 0, :2] = True
    distilled = dense_distillation(torch.randn(1, 5, 4, 4), torch.randn(1, 5, 2, 2), counted)
    assert float(distilled.count) == pytest.approx(0.5)  # half of one token's area


def test_sums_of_two_halves_are_the_sum_of_the_whole() -> None:
    torch.manual_seed(0)
    logits, labels = torch.randn(4, 3, 5, 5), torch.randint(3, (4, 5, 5))
    labels[0] = 255
    for loss in (pixel_cross_entropy, sigmoid_focal, dice):
        whole = loss(logits, labels, ignore_index=255)
        parts = [loss(logits[half], labels[half], ignore_index=255) for half in (slice(0, 2), slice(2, 4))]
        torch.testing.assert_close(parts[0].total + parts[1].total, whole.total)
        assert parts[0].count + parts[1].count == whole.count
