"""Bilinear resizing as the test protocol does it, and the share of each position in each pixel that it makes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def resized(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Bring maps (B, N, h, w) to a size, each by itself: PyTorch's kernels depend on N, and round differently."""
    if (maps.shape[2], maps.shape[3]) == size:
        return maps
    single = maps.reshape(-1, 1, *maps.shape[2:])
    return F.interpolate(single, size=size, mode="bilinear", align_corners=False).view(*maps.shape[:2], *size)


def shares(spans: Sequence[tuple[int, int]], positions: int, padded: int, own: int, *, device: torch.device) -> Tensor:
    """Return how the pixels along one side of a photo are mixed from the positions of the windows on it.

    Each window's positions are brought to its padded size and cut to its span; where windows overlap, their mean is
    taken; the whole is brought to the photo's own size. Shares are what `resized` makes of unit vectors.

    Args:
        spans: First pixel and one after the last of each window, in the size that the network is given.
        positions: Positions along a window, h.
        padded: A window's size with its padding.
        own: The photo's own size, H.
        device: Where to compute: devices round differently.

    Returns:
        (H, windows · h), float32; rows add up to 1.

    Example:
        >>> shares([(0, 3)], 2, 4, 3, device=torch.device("cpu")).tolist()
        [[1.0, 0.0], [0.75, 0.25], [0.25, 0.75]]
    """
    enlarged = resized(torch.eye(positions, device=device)[:, None, None], (1, padded))[:, 0, 0]
    given = max(end for _, end in spans)
    total, counts = enlarged.new_zeros(len(spans), positions, given), enlarged.new_zeros(given)
    for window, (begin, end) in zip(total, spans, strict=True):
        window[:, begin:end] = enlarged[:, : end - begin]
        counts[begin:end] += 1
    return resized((total / counts).view(-1, 1, 1, given), (1, own))[:, 0, 0].T
