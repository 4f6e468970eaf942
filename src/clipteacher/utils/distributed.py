"""Several processes as one batch: rows of all ranks, counts and means over them. In one process nothing happens.

Gradients are left to the trainer: DDP and FSDP average them over ranks. So a rank's loss is its own sum, divided by the
count over all ranks and multiplied by their number. The mean of the gradients is then that of the whole batch's mean.

All but `world_size` and `number` are collectives: all ranks must call them, in the same order. They need only
`all_reduce`, which every backend has on every device. Ranks are those of the default process group, each with its own
part of the batch; a network that is itself split over ranks (tensor or pipeline parallelism) is not supported.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import torch
from torch import Tensor, distributed


class Gathered(NamedTuple):
    """Rows of all ranks (N, ...), in their order, without gradient, and the index of this rank's first row."""

    rows: Tensor
    first: int


def world_size() -> int:
    """Return the number of processes that train together; 1 where there is no process group."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


@torch.no_grad()
def sum_over_ranks(values: Tensor) -> Tensor:
    """Add up a tensor of any shape, the same on all ranks, over the ranks; without gradient.

    In one process the values themselves are returned.
    """
    if world_size() == 1:
        return values.detach()
    total = values.detach().clone(memory_format=torch.contiguous_format)
    distributed.all_reduce(total)
    return total


@dataclass(frozen=True)
class Ranks:
    """The processes that share a batch. `CLIPTeacher` decides once which they are; modules use this object.

    Attributes:
        together: Whether the batch is that of all ranks. If not, every method answers for this process alone and there
            is no collective.
    """

    together: bool

    @property
    def number(self) -> int:
        """Number of processes that share the batch."""
        return world_size() if self.together else 1

    @torch.no_grad()
    def gather(self, rows: Tensor) -> Gathered:
        """Collect rows (n, ...), n ≥ 0, of all ranks, of which each may have another n; alone, the rows themselves."""
        if self.number == 1:
            return Gathered(rows.detach(), 0)
        rank = distributed.get_rank()
        counts = torch.zeros(self.number, dtype=torch.int64, device=rows.device)
        counts[rank] = len(rows)
        numbers = sum_over_ranks(counts).tolist()  # this waits for a GPU: a rank does not know the others' n
        first = sum(numbers[:rank])
        # Each row is added to zeros, so that it arrives to the bit; gloo has no all_gather for GPUs.
        everyone = rows.new_zeros(sum(numbers), *rows.shape[1:])
        everyone[first : first + len(rows)] = rows
        return Gathered(sum_over_ranks(everyone), first)

    def mean(self, values: Tensor, weight: float = 1.0) -> Tensor:
        """Average values over the ranks, any shape, floating point; without gradient; alone, the values themselves.

        Args:
            values: This rank's; they have the same shape on all ranks.
            weight: What this rank counts for, such as the number of tokens that its values are a mean of; > 0 on one
                rank at least.
        """
        if self.number == 1:
            return values.detach()
        weighted = torch.cat([values.detach().flatten() * weight, values.new_full((1,), weight)])
        total = sum_over_ranks(weighted)
        return (total[:-1] / total[-1]).view_as(values)

    def divisor(self, count: Tensor, minimum: float) -> Tensor:
        """Return what a rank divides its sum by, so that the mean over ranks is the total sum by the total count.

        Args:
            count: This rank's count, a scalar ≥ 0.
            minimum: The least count over all ranks, > 0, for a batch in which nothing is counted.

        Returns:
            max(Σ count, minimum) / ranks, a scalar; in one process max(count, minimum), of the count's own type.
        """
        if self.number == 1:
            return count.clamp(min=minimum)
        return sum_over_ranks(count).clamp(min=minimum) / self.number


ALONE: Final = Ranks(together=False)
"""One process by itself, even if there are others."""

TOGETHER: Final = Ranks(together=True)
"""All processes that there are."""
