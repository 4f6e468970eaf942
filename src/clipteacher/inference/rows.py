"""Bilinear resizing that can be cut: some rows of the result from some rows of the source."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def resize_rows(
    source: Callable[[int, int], Tensor], old: tuple[int, int], new: tuple[int, int], start: int, stop: int
) -> Tensor:
    """Compute some rows of a bilinear resizing, from those rows of the source alone that they need.

    As `F.interpolate(mode="bilinear", align_corners=False)` to rounding. Each value hangs on its own place alone, so
    rows in pieces equal the rows of the whole to the bit, which `F.interpolate`'s do not.

    Args:
        source: Gives rows first..last-1 of what is resized, (B, N, last - first, w), float.
        old: Its size (h, w).
        new: The size (H, W) to bring it to.
        start: First row that is wanted, in 0..H-1.
        stop: One past the last, in start+1..H.

    Returns:
        (B, N, stop - start, W), float.

    Example:
        >>> ramp = torch.arange(4.0).view(1, 1, 4, 1)
        >>> resize_rows(lambda first, last: ramp[:, :, first:last], (4, 1), (2, 1), 0, 2).flatten().tolist()
        [0.5, 2.5]
    """
    if old == new:
        return source(start, stop)
    lower, upper, share = _taps(old[0], new[0], start, stop)
    first, last = int(lower[0]), int(upper[-1]) + 1
    strip = _mixed(source(first, last), lower - first, upper - first, share, dim=2)
    return _mixed(strip, *_taps(old[1], new[1], 0, new[1]), dim=3)


def _taps(old: int, new: int, start: int, stop: int) -> tuple[Tensor, Tensor, Tensor]:
    """Lower and upper neighbour of places start..stop-1 and the upper one's share, (stop - start,) each."""
    places = ((torch.arange(start, stop, dtype=torch.float64) + 0.5) * old / new - 0.5).clamp(min=0)
    lower = places.long()
    return lower, (lower + 1).clamp(max=old - 1), (places - lower).float()


def _mixed(values: Tensor, lower: Tensor, upper: Tensor, share: Tensor, dim: int) -> Tensor:
    """Mix neighbours (B, N, h, w) along a side."""
    lower, upper, share = (part.to(values.device) for part in (lower, upper, share))
    share = share.view(-1, *[1] * (values.ndim - 1 - dim))
    mixed = values.index_select(dim, lower).mul_(1 - share)
    return mixed.add_(values.index_select(dim, upper).mul_(share))
