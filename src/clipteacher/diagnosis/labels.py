"""Labels at the network's own stride, where its features are."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from clipteacher.inference.placement import resized_size, windows
from clipteacher.protocols.protocol import TestPipeline


def window_labels(
    mask: Tensor, sizes: Sequence[tuple[int, int]], pad_multiple: int, pipeline: TestPipeline, ignore: int
) -> list[Tensor]:
    """Bring a photo's labels to the features of each window, by nearest neighbour as training does.

    Where windows overlap a pixel is in several of them.

    Args:
        mask: Labels of the photo (H, W), int64, class ids or `ignore`.
        sizes: Height and width of the features of each window, in the order of `windows`.
        pad_multiple: What the network was given is padded to a multiple of this.
        pipeline: Size and windows in which the network saw the photo.
        ignore: Label of what is not counted; padding gets it.

    Returns:
        Labels (h, w), int64, of each window.
    """
    size = resized_size(mask.shape[0], mask.shape[1], pipeline.short_side)
    seen = _nearest(mask, size)
    found = []
    for (top, left, bottom, right), own in zip(windows(*size, pipeline), sizes, strict=True):
        window = seen[top:bottom, left:right]
        padding = (0, -(right - left) % pad_multiple, 0, -(bottom - top) % pad_multiple)
        found.append(_nearest(F.pad(window, padding, value=ignore), own))
    return found


def _nearest(labels: Tensor, size: tuple[int, int]) -> Tensor:
    """Bring labels (H, W) to a size; float64 holds every id."""
    if tuple(labels.shape) == size:
        return labels
    return F.interpolate(labels[None, None].double(), size=size, mode="nearest-exact")[0, 0].to(torch.int64)
