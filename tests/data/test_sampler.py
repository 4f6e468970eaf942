"""The stream of batches: whole epochs, resumable, split over ranks, a pure function of its arguments."""

from collections import Counter

import pytest
import torch

from clipteacher.data.sampler import StepBatchSampler


def stream(**arguments: int) -> list[tuple[int, int]]:
    return [key for batch in StepBatchSampler(**arguments) for key in batch]


@pytest.mark.parametrize(("size", "batch"), [(10, 4), (12, 4), (3, 8), (1, 2)])
def test_every_photo_once_an_epoch(size: int, batch: int) -> None:
    keys = stream(dataset_size=size, batch_size=batch, steps=30, seed=1)
    assert len(keys) == 30 * batch
    for begin in range(0, len(keys) - size + 1, size):
        assert sorted(index for index, _ in keys[begin : begin + size]) == list(range(size))


def test_epochs_are_ordered_differently() -> None:
    keys = stream(dataset_size=20, batch_size=5, steps=8, seed=1)
    orders = [[index for index, _ in keys[begin : begin + 20]] for begin in (0, 20)]
    assert orders[0] != orders[1]


def test_the_seed_alone_decides() -> None:
    arguments = {"dataset_size": 20, "batch_size": 5, "steps": 8}
    torch.manual_seed(0)
    first = stream(**arguments, seed=1)
    torch.manual_seed(1)
    sampler = StepBatchSampler(**arguments, seed=1)
    assert [key for batch in sampler for key in batch] == first
    assert [key for batch in sampler for key in batch] == first, "iterating twice gives the same"
    other = stream(**arguments, seed=2)
    assert [index for index, _ in other] != [index for index, _ in first]
    assert not {draw for _, draw in other} & {draw for _, draw in first}


def test_the_draw_depends_on_the_place_alone() -> None:
    one = stream(dataset_size=20, batch_size=5, steps=8, seed=1)
    other = stream(dataset_size=7, batch_size=4, steps=10, seed=1)
    assert [draw for _, draw in one] == [draw for _, draw in other]
    counts = Counter(draw for _, draw in one)
    assert max(counts.values()) == 1
    assert all(0 <= draw < 2**63 for draw in counts)


@pytest.mark.parametrize("start", [0, 1, 5, 8])
def test_resuming_yields_the_tail(start: int) -> None:
    arguments = {"dataset_size": 6, "batch_size": 4, "steps": 8, "seed": 3}
    sampler = StepBatchSampler(**arguments, start=start)
    assert list(sampler) == list(StepBatchSampler(**arguments))[start:]
    assert len(sampler) == 8


def test_a_longer_run_begins_as_a_shorter_one() -> None:
    arguments = {"dataset_size": 6, "batch_size": 4, "seed": 3}
    assert list(StepBatchSampler(**arguments, steps=9))[:4] == list(StepBatchSampler(**arguments, steps=4))


@pytest.mark.parametrize("world_size", [2, 4])
def test_ranks_share_each_batch(world_size: int) -> None:
    arguments = {"dataset_size": 10, "batch_size": 8, "steps": 6, "seed": 3}
    whole = list(StepBatchSampler(**arguments))
    ranks = [list(StepBatchSampler(**arguments, rank=rank, world_size=world_size)) for rank in range(world_size)]
    for step, batch in enumerate(whole):
        slices = [rank[step] for rank in ranks]
        assert all(len(part) == 8 // world_size for part in slices)
        assert [key for part in slices for key in part] == batch
        draws = [{draw for _, draw in part} for part in slices]
        assert sum(map(len, draws)) == len(set().union(*draws)), "ranks must be disjoint"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dataset_size": 0}, r"dataset_size: got 0, expected a whole number, at least 1"),
        ({"batch_size": 0}, r"batch_size: got 0"),
        ({"steps": 0}, r"steps: got 0"),
        ({"seed": -1}, r"seed: got -1, expected a whole number, at least 0"),
        ({"start": 4}, r"start: got 4, expected a whole number, 0\.\.3"),
        ({"world_size": 0}, r"world_size: got 0"),
        ({"rank": 2, "world_size": 2}, r"rank: got 2, expected a whole number, 0\.\.1"),
        ({"batch_size": 3, "world_size": 2}, r"batch_size: got 3 for 2 ranks, expected a multiple"),
    ],
)
def test_bad_arguments(change: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        StepBatchSampler(**{"dataset_size": 4, "batch_size": 2, "steps": 3, "seed": 0, **change})
