"""Which photos make up each training step: a pure function of seed and step."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

# The two uses of the seed; a tag separates their random streams.
_ORDER, _DRAW = 0, 1


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

    def __init__(
        self,
        dataset_size: int,
        batch_size: int,
        steps: int,
        seed: int,
        start: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        """Check the numbers; nothing is drawn yet."""
        for name, value, low, high in (
            ("dataset_size", dataset_size, 1, None),
            ("batch_size", batch_size, 1, None),
            ("steps", steps, 1, None),
            ("seed", seed, 0, None),
            ("start", start, 0, steps),
            ("world_size", world_size, 1, None),
            ("rank", rank, 0, world_size - 1),
        ):
            if value < low or (high is not None and value > high):
                expected = f"at least {low}" if high is None else f"{low}..{high}"
                raise ValueError(f"{name}: got {value}, expected a whole number, {expected}.")
        if batch_size % world_size:
            raise ValueError(
                f"batch_size: got {batch_size} for {world_size} ranks, expected a multiple. It counts the photos of "
                "all ranks together."
            )
        self.dataset_size = dataset_size
        self.batch_size = batch_size
        self.steps = steps
        self.seed = seed
        self.start = start
        self.rank = rank
        self.world_size = world_size

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
                    order = self._epoch_order(epoch)
                batch.append((int(order[position % self.dataset_size]), self._draw(position)))
            yield batch

    def _epoch_order(self, epoch: int) -> NDArray[np.int64]:
        """Permutation of the photos (dataset_size,), int64."""
        return np.random.default_rng([self.seed, _ORDER, epoch]).permutation(self.dataset_size)

    def _draw(self, position: int) -> int:
        """Augmentation seed of a position in the stream, 0..2^63-1."""
        return int(np.random.SeedSequence([self.seed, _DRAW, position]).generate_state(1, np.uint64)[0] >> np.uint64(1))
