"""Multi-scale K-means on the teacher's dense tokens (arXiv 2310.02296, PLM), batched over images."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from clipteacher.utils.waits import waits

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

    On a CPU it stops early where nothing moves any more, and compares points with those centroids alone that moved; on
    other devices it does every iteration in full, because checking would wait for the device.

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
    # Contiguous first: tokens come channels first, and across those a length takes longer.
    points, centroids = F.normalize(points.contiguous(), dim=2), _unit(seeds)
    similarity = _similarity(centroids, points)
    labels = similarity.argmax(dim=2)
    for _ in range(iterations):
        sums = _sums(points, labels, centroids.shape[1])
        # No points, or points that cancel out: there is no direction to move to.
        empty = sums.norm(dim=2, keepdim=True) < _NO_DIRECTION
        moved = torch.where(empty, centroids, F.normalize(sums, dim=2))
        if not waits(points):
            which = _moved(centroids, moved)
            if which.shape[1] == 0:
                break
            columns = _similarity(moved[torch.arange(len(which)).unsqueeze(1), which], points)
            similarity.scatter_(2, which.unsqueeze(1).expand_as(columns), columns)
        else:
            similarity = _similarity(moved, points)
        centroids, labels = moved, similarity.argmax(dim=2)
    return centroids, labels


def _unit(seeds: Tensor) -> Tensor:
    """Bring seeds to unit length; one that is rounding noise alone, as the mean of centred tokens, becomes zero."""
    noise = seeds.norm(dim=2, keepdim=True) < _NO_DIRECTION
    return F.normalize(seeds, dim=2).masked_fill(noise, 0.0)


def _similarity(centroids: Tensor, points: Tensor) -> Tensor:
    """Cosines of points (B, L, C) with centroids (B, K, C), (B, L, K)."""
    return torch.bmm(points, centroids.transpose(1, 2))


def _sums(points: Tensor, labels: Tensor, clusters: int) -> Tensor:
    """Sum the points (B, L, C) of each label (B, L), (B, K, C), zero where there are none.

    Each cluster is a bag of points in their order, so the bits are the same each time. `index_add_` does not repeat
    itself on a GPU, and a product with one-hot labels is K times the work.
    """
    images, _, channels = points.shape
    bags = (labels + clusters * torch.arange(images, device=labels.device).unsqueeze(1)).flatten()
    counts = torch.zeros(images * clusters, dtype=torch.int64, device=labels.device)
    # Whole numbers: their sum does not depend on the order. `bincount` would wait for a GPU.
    counts.scatter_add_(0, bags, torch.ones_like(bags))
    order = bags.argsort(stable=True)
    sums = F.embedding_bag(order, points.reshape(-1, channels), counts.cumsum(0) - counts, mode="sum")
    return sums.view(images, clusters, channels)


def _moved(before: Tensor, after: Tensor) -> Tensor:
    """List the centroids (B, K, C) that moved, (B, m) int64, m the most of one image; others fill the shorter lists."""
    moved = (before != after).any(dim=2)
    most = int(moved.sum(dim=1).max()) if len(moved) else 0
    return moved.to(torch.uint8).argsort(dim=1, descending=True, stable=True)[:, :most]
