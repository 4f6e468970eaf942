"""The confusion of a validation is pooled over batches and devices."""

import pytest
import torch
from torch import Tensor

from clipteacher.training.pooled_confusion import PooledConfusion


def random_pair(seed: int) -> tuple[Tensor, Tensor]:
    """Truth with ignored pixels, and a prediction, both (3, 11, 13)."""
    generator = torch.Generator().manual_seed(seed)
    truth, prediction = torch.randint(5, (2, 3, 11, 13), generator=generator)
    return truth.masked_fill(torch.rand(truth.shape, generator=generator) < 0.2, 255), prediction


def naive_confusion(pairs: list[tuple[Tensor, Tensor]]) -> list[list[int]]:
    table = [[0] * 5 for _ in range(5)]
    for truths, predictions in pairs:
        for truth, prediction in zip(truths.flatten().tolist(), predictions.flatten().tolist(), strict=True):
            if truth != 255:
                table[truth][prediction] += 1
    return table


def test_it_sums_over_batches_and_ranks() -> None:
    pairs = [random_pair(seed) for seed in range(4)]
    other = PooledConfusion(5)
    for truth, prediction in pairs[2:]:
        other.update(truth, prediction)
    # What two devices would gather: this rank's state and the other's.
    rank = PooledConfusion(
        5,
        dist_sync_fn=lambda state, group: [state, other.confusion],
        distributed_available_fn=lambda: True,
    )
    for truth, prediction in pairs[:2]:
        rank.update(truth, prediction)
    assert rank.compute().tolist() == naive_confusion(pairs)
    rank.reset()
    assert rank.confusion.sum() == 0


def test_further_names_are_predicted_and_never_true() -> None:
    truth, prediction = torch.tensor([0, 1, 255]), torch.tensor([0, 2, 2])
    metric = PooledConfusion(3, 2)
    metric.update(truth, prediction)
    assert metric.compute().tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 0]]
    with pytest.raises(ValueError, match=r"truth: got value 2 .*expected class ids 0\.\.1"):
        metric.update(torch.tensor([2]), torch.tensor([0]))


def test_one_class_is_a_matrix_too() -> None:
    metric = PooledConfusion(1)
    metric.update(torch.tensor([0, 0, 255]), torch.tensor([0, 0, 0]))
    assert metric.matrix().tolist() == [[2]]
