"""Which photos make up each training step: a pure function of seed and step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from torch.utils.data import Sampler

# The two uses of the seed; a tag separates their random streams.
_ORDER, _DRAW = 0, 1


@dataclass(eq=False)
class StepBatchSampler(Sampler[list[tuple[int, int]]]):
    """Yields the batches of a run, as keys (index, draw) of `SegmentationDataset`.

    The photos form one endless stream of epochs, each a permutation seeded by (seed, epoch) alone. Batches cross the
    borders of epochs, so no photo is ever dropped. `draw` seeds the augmentation at one position of the stream, from
    (seed, position) alone. So neither resuming nor the number of workers or ranks changes what a step trains on.

    Args:
        dataset_size: Number of photos.
        batch_size: Photos per step, over all ranks together.
        steps: Number of steps of the whole run.
        seed: Non-negative; determines everything.
        start: The step at which a resumed run begins.
        rank: Which slice of each batch is taken.
        world_size: Number of ranks; it divides the batch size.

    Raises:
        ValueError: A number is out of its range, or the batch size is not a multiple of the number of ranks.

    Example:
        >>> batches = list(StepBatchSampler(dataset_size=3, batch_size=2, steps=3, seed=0))
        >>> [len(batch) for batch in batches], sorted(index for batch in batches for index, _ in batch)
        ([2, 2, 2], [0, 0, 1, 1, 2, 2])
        >>> list(StepBatchSampler(dataset_size=3, batch_size=2, steps=3, seed=0, start=1)) == batches[1:]
        True
    """

    dataset_size: int
    batch_size: int
    steps: int
    seed: int
    start: int = 0
    rank: int = 0
    world_size: int = 1

    def __post_init__(self) -> None:
        """Check the numbers; nothing is drawn yet."""
        limits: dict[str, tuple[int, int | None]] = {
            **dict.fromkeys(("dataset_size", "batch_size", "steps", "world_size"), (1, None)),
            **{"seed": (0, None), "start": (0, self.steps), "rank": (0, self.world_size - 1)},
        }
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if value < low or (high is not None and value > high):
                expected = f"at least {low}" if high is None else f"{low}..{high}"
                raise ValueError(f"{name}: got {value}, expected a whole number, {expected}.")
        if self.batch_size % self.world_size:
            raise ValueError(
                f"batch_size: got {self.batch_size} for {self.world_size} ranks, expected a multiple. It counts the "
                "photos of all ranks together."
            )

    def __len__(self) -> int:
        """Return the steps of the whole run, whatever `start` is: trainers count against it."""
        return self.steps

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        """Yield this rank's slice of each batch from `start` on."""
        share = self.batch_size // self.world_size
        epoch, order = -1, np.empty(0, dtype=np.int64)
        for step in range(self.start, self.steps):
            first = step * self.batch_size + self.rank * share
            batch = []
            for position in range(first, first + share):
                if position // self.dataset_size != epoch:
                    epoch = position // self.dataset_size
                    order = np.random.default_rng([self.seed, _ORDER, epoch]).permutation(self.dataset_size)
                draw = np.random.SeedSequence([self.seed, _DRAW, position]).generate_state(1, np.uint64)[0]
                # torch takes seeds up to 2^63-1.
                batch.append((int(order[position % self.dataset_size]), int(draw >> np.uint64(1))))
            yield batch
