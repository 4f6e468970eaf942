"""Where a training step waits for its device: here alone, and only for numbers that the size of a tensor depends on.

A GPU works through a queue. Reading a number back empties it: the processor waits for all that was queued, and then the
GPU for the processor. On a CPU, which has no queue, reading costs nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor


def waits(values: Tensor) -> bool:
    """Return whether reading the values of a tensor, of any shape, waits: on every device but a CPU."""
    return values.device.type != "cpu"


def read_number(value: Tensor) -> int:
    """Read an integer scalar (). This waits for the device.

    Example:
        >>> read_number(torch.tensor([3, 5]).max())
        5
    """
    return int(value)


def read_places(mask: Tensor) -> tuple[Tensor, ...]:
    """List where a mask (...) bool is true, an index (n,) int64 for each of its axes. This waits for n.

    Index with these, and not with the mask, which waits again.

    Example:
        >>> read_places(torch.tensor([[False, True], [True, True]]))
        (tensor([0, 1, 1]), tensor([1, 0, 1]))
    """
    return torch.nonzero(mask, as_tuple=True)
