"""Cells of a photo: rectangles of pixels whose logits are mixed from the same few positions of the network's output."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

import torch
from torch import Tensor


class Side(NamedTuple):
    """The cells along one side of a photo: G runs of pixels, each mixed from at most K positions.

    Attributes:
        corners: The K positions of each run, (G, K), int64; the last is repeated where a run has fewer.
        shares: Their shares in the run's P pixels, (G, P, K), floating point; 0 for a repeated position.
        pixels: The pixels of each run, (G, P), int64; the last is repeated where a run has fewer.
        run: The run of each pixel, (H,), int64.
    """

    corners: Tensor
    shares: Tensor
    pixels: Tensor
    run: Tensor


def cells_along(shares: Tensor) -> Side:
    """Find the cells along one side of a photo.

    Neighbouring pixels with the same positions are a run. Every run takes the time of the largest; so where there are
    short and long ones, as after two resizings, neighbours become one run that is no longer than another, and has no
    more positions than another, or a quarter more.

    Args:
        shares: The share of each of h positions in each of H pixels, (H, h), floating point; rows add up to 1.

    Example:
        >>> side = cells_along(torch.tensor([[1.0, 0.0], [0.75, 0.25], [0.25, 0.75], [0.0, 1.0]]))
        >>> side.run.tolist(), side.corners.tolist(), side.pixels.tolist()
        ([0, 1, 1, 2], [[0, 0], [0, 1], [1, 1]], [[0, 0], [1, 2], [3, 3]])
    """
    used = shares != 0
    changes = (used[1:] != used[:-1]).any(dim=1)
    run = _joined(torch.cat([changes.new_zeros(1), changes]).cumsum(dim=0), used)
    lengths = run.bincount()
    last = lengths.cumsum(dim=0) - 1
    steps = torch.arange(int(lengths.max()), device=run.device)
    pixels = torch.minimum((last - lengths + 1)[:, None] + steps, last[:, None])
    of_run = used[pixels].any(dim=1)
    counts = of_run.sum(dim=1, keepdim=True)
    slots = torch.arange(int(counts.max()), device=run.device)
    in_use = of_run.byte().argsort(dim=1, descending=True, stable=True)  # those in use first, in their order
    corners = in_use.gather(1, torch.minimum(slots, counts - 1))
    own = shares[pixels[:, :, None], corners[:, None]] * (slots < counts)[:, None]
    return Side(corners, own, pixels, run)


def _joined(run: Tensor, used: Tensor) -> Tensor:
    """Join neighbouring runs of pixels (H,), int64, by the positions that each pixel uses, (H, h) bool."""
    lengths, most = run.bincount().tolist(), int(used.sum(dim=1).max())
    positions = [set[int]() for _ in lengths]
    for number, position in used[[0, *accumulate(lengths[:-1])]].nonzero().tolist():
        positions[number].add(position)
    numbers, held, length = [0], positions[0], lengths[0]
    for own, further in zip(positions[1:], lengths[1:], strict=True):
        apart = length + further > max(lengths) or len(held | own) > most + most // 4
        held, length = (own, further) if apart else (held | own, length + further)
        numbers.append(numbers[-1] + apart)
    return torch.tensor(numbers, device=run.device)[run]


def rounding(rows: Side, columns: Side) -> float:
    """Return by how much two classes may differ and still change places by rounding, as a share of the largest logit.

    With u = 2^-24 and R · C corners, a logit errs by (8 + R + C) u at most as a sum over corners, the rounding of
    shares included. Where whole maps are enlarged, each bilinear resizing errs by 4 u, and there are two at most; the
    mean over windows, R · C at most, by R · C u. The difference of two logits errs twice as much.
    """
    tall, wide = rows.corners.shape[1], columns.corners.shape[1]
    return 2 * (16 + tall + wide + tall * wide) * 2.0**-24


def parts(rows: Side, columns: Side, most: int) -> Iterator[tuple[slice, slice]]:
    """Cut a photo into rectangles of cells whose corners are `most` positions or fewer, but one cell at least.

    Yields:
        Runs from top to bottom, and runs from left to right.
    """
    tall, wide = rows.corners.shape[1], columns.corners.shape[1]
    for across in _stretches(columns, max(most // tall, wide)):
        width = len(torch.unique(columns.corners[across]))
        for down in _stretches(rows, most // width):
            yield down, across


def _stretches(side: Side, most: int) -> Iterator[slice]:
    """Cut a side into stretches of runs with `most` positions or fewer, but one run at least."""
    begin, held = 0, set[int]()
    for number, corners in enumerate(side.corners.tolist()):
        if held and len(held.union(corners)) > most:
            yield slice(begin, number)
            begin, held = number, set()
        held.update(corners)
    yield slice(begin, len(side.corners))
