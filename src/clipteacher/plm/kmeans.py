"""Multi-scale K-means on the teacher's dense tokens (arXiv 2310.02296, PLM), batched over images."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

_NO_DIRECTION = 1e-6  # vectors shorter than this, among points of length about 1, are rounding noise


def window_seeds(tokens: Tensor, windows: Sequence[int], overlap: float = 0.5) -> Tensor:
    """Slide windows of several sizes over the token map; the mean token of each window is a seed.

    Windows begin at the top left; where the step does not divide the map, a strip at the far edge seeds nothing.

    Args:
        tokens: D, (B, C, h, w).
        windows: Window sides in tokens; a side longer than the map is cut to the map.
        overlap: Share of a window that it has in common with the next, 0 ≤ overlap < 1.

    Returns:
        Seeds, (B, K, C), in the order of `windows`, row by row. K depends on the map's size alone.

    Raises:
        ValueError: No window, a side below 1, or an overlap outside 0..1.

    Example:
        >>> window_seeds(torch.zeros(2, 5, 8, 8), windows=[4, 8]).shape  # 3 × 3 windows, then 1
        torch.Size([2, 10, 5])
    """
    if not windows or min(windows) < 1:
        raise ValueError(f"window_seeds: got windows {list(windows)}, expected at least one side of 1 token or more")
    if not 0 <= overlap < 1:
        raise ValueError(f"window_seeds: got overlap {overlap}, expected 0 <= overlap < 1")
    seeds = []
    for window in windows:
        side = (min(window, tokens.shape[2]), min(window, tokens.shape[3]))
        step = (max(1, round(side[0] * (1 - overlap))), max(1, round(side[1] * (1 - overlap))))
        seeds.append(F.avg_pool2d(tokens, side, step).flatten(2).transpose(1, 2))
    return torch.cat(seeds, dim=1)


def kmeans(points: Tensor, seeds: Tensor, iterations: int) -> tuple[Tensor, Tensor]:
    """Spherical K-means: points go to the centroid of highest cosine, centroids to the mean of their points.

    There is no chance in it: the seeds decide the result. The labels returned are those of the centroids returned. A
    cluster that loses all its points keeps its centroid and may win points back.

    Args:
        points: (B, L, C); their length does not matter.
        seeds: (B, K, C), the first centroids.
        iterations: Number of updates of the centroids, ≥ 0.

    Returns:
        Centroids, (B, K, C), unit vectors (zero for a seed of no direction that won no point), and labels, (B, L)
        int64 in 0..K-1.

    Raises:
        ValueError: Shapes do not fit, or iterations is negative.

    Example:
        >>> points = torch.tensor([[[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]]])
        >>> kmeans(points, points[:, [0, 2]], iterations=2)[1].tolist()
        [[0, 0, 1]]
    """
    if points.ndim != 3 or seeds.ndim != 3 or points.shape[::2] != seeds.shape[::2]:
        raise ValueError(
            f"kmeans: got points {tuple(points.shape)}, seeds {tuple(seeds.shape)}; expected (B, L, C) and (B, K, C)"
        )
    if iterations < 0:
        raise ValueError(f"kmeans: got {iterations} iterations, expected 0 or more")
    points, centroids = F.normalize(points, dim=2), _unit(seeds)
    labels = _nearest(points, centroids)
    for _ in range(iterations):
        members = F.one_hot(labels, centroids.shape[1]).to(points.dtype)
        sums = torch.einsum("blk,blc->bkc", members, points)
        # No points, or points that cancel out: there is no direction to move to.
        empty = sums.norm(dim=2, keepdim=True) < _NO_DIRECTION
        centroids = torch.where(empty, centroids, F.normalize(sums, dim=2))
        labels = _nearest(points, centroids)
    return centroids, labels


def _unit(seeds: Tensor) -> Tensor:
    """Bring seeds to unit length; one that is rounding noise alone, as the mean of centred tokens, becomes zero."""
    noise = seeds.norm(dim=2, keepdim=True) < _NO_DIRECTION
    return F.normalize(seeds, dim=2).masked_fill(noise, 0.0)


def _nearest(points: Tensor, centroids: Tensor) -> Tensor:
    return torch.einsum("blc,bkc->blk", points, centroids).argmax(dim=2)
