"""Mask fusion: clusters whose centroids are alike become one (arXiv 2310.02296, PLM), batched over images."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def fuse_masks(centroids: Tensor, sizes: Tensor, threshold: float) -> Tensor:
    """Merge clusters whose centroids' cosine similarity is above λ; each cluster is used once.

    Greedy: the largest free cluster takes all free clusters above the threshold, then the next largest, and so on.

    Deviation: the paper's restatement leaves the order open; largest first is ours, so that small clusters join large
    ones.

    Args:
        centroids: (B, K, C), any length.
        sizes: (B, K), number of tokens in each cluster; a cluster of 0 takes no part.
        threshold: λ, a cosine in -1..1; above 1 nothing is fused.

    Returns:
        (B, K) int64: the fused id of each cluster, 0..M_b-1 in order of creation, and -1 for empty clusters.

    Raises:
        ValueError: Shapes do not fit.

    Example:
        >>> centroids = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [0.9, 0.1]]])
        >>> fuse_masks(centroids, torch.tensor([[3, 5, 2]]), threshold=0.9).tolist()
        [[1, 0, 1]]
    """
    if centroids.ndim != 3 or sizes.shape != centroids.shape[:2]:
        raise ValueError(
            f"fuse_masks: got centroids {tuple(centroids.shape)}, sizes {tuple(sizes.shape)}; "
            "expected (B, K, C) and (B, K)"
        )
    unit = F.normalize(centroids, dim=2)
    alike = torch.einsum("bkc,bjc->bkj", unit, unit) > threshold
    free = sizes > 0
    fused = torch.full_like(sizes, -1, dtype=torch.int64)
    image = torch.arange(len(sizes), device=sizes.device)
    # A stable sort: equal sizes keep their order, so the result does not depend on the device.
    for leader in sizes.argsort(dim=1, descending=True, stable=True).unbind(1):
        leads = free[image, leader]
        next_id = fused.amax(dim=1) + 1
        taken = alike[image, leader] & free & leads.unsqueeze(1)
        taken[image, leader] = leads
        fused = torch.where(taken, next_id.unsqueeze(1), fused)
        free = free & ~taken
    return fused
