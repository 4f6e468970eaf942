"""Fused labels F: the seen labels, and latent ids where nothing is labelled (arXiv 2310.02296, PLM)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from clipteacher.utils.nearest import resize_labels
from clipteacher.utils.waits import read_number


class FusedLabels(NamedTuple):
    """Labels of seen and latent ids.

    Attributes:
        labels: F, (B, H, W) int64: seen ids 0..N_s-1, latent ids N_s..N_s+M-1, `ignore_index` where neither is.
        valid_mask: (B, M) bool: the latent ids that occur in each image. M is the largest number in the batch.
    """

    labels: Tensor
    valid_mask: Tensor


def fuse_labels(
    seen: Tensor, latent: Tensor, num_seen: int, *, ignore_index: int, num_masks: int | None = None
) -> FusedLabels:
    """Fill the ignored pixels with the image's latent masks.

    Args:
        seen: (B, H, W) int64 in 0..num_seen-1 or `ignore_index`.
        latent: (B, h, w) int64, latent mask ids 0.. of each image on the token map, -1 where there is none. Brought
            to (H, W) by nearest neighbour.
        num_seen: N_s.
        ignore_index: Id of pixels without a label; outside 0..N_s+M-1.
        num_masks: A number that all latent mask ids are below; None reads it off the map, which waits for a GPU.

    Returns:
        The fused labels. Latent ids that cover no ignored pixel are dropped and the others closed up.

    Raises:
        ValueError: Batch sizes differ.

    Example:
        >>> seen, latent = torch.tensor([[[0, -1, -1, 1]]]), torch.tensor([[[4, 4, 7, 7]]])
        >>> fuse_labels(seen, latent, num_seen=2, ignore_index=-1).labels.tolist()
        [[[0, 2, 3, 1]]]
    """
    if len(seen) != len(latent):
        raise ValueError(f"fuse_labels: got {len(seen)} seen and {len(latent)} latent maps, expected as many")
    latent = resize_labels(latent, (seen.shape[1], seen.shape[2]))
    latent = latent.masked_fill(seen != ignore_index, -1)
    if num_masks is None:
        num_masks = read_number(latent.max()) + 1
    occurs = torch.zeros(len(seen), num_masks + 1, dtype=torch.int64, device=seen.device)
    occurs = occurs.scatter(1, latent.flatten(1) + 1, 1)[:, 1:]  # column 0 is "none"
    rank = occurs.cumsum(dim=1) - 1
    counts = occurs.sum(dim=1)
    # This waits for a GPU: the size of every tensor of latent ids depends on it, and bounds known before are far above.
    valid_mask = torch.arange(read_number(counts.max()), device=seen.device) < counts.unsqueeze(1)
    if num_masks == 0:
        return FusedLabels(seen, valid_mask)
    renumbered = rank.gather(1, latent.flatten(1).clamp(min=0)).view_as(latent)
    return FusedLabels(torch.where(latent >= 0, num_seen + renumbered, seen), valid_mask)
