"""Labels at the network's own stride, where its features are."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional as F

from clipteacher.inference.placement import resized_size, windows
from clipteacher.inference.settings import TestSettings
from clipteacher.utils.nearest import resize_labels


def window_labels(mask: Tensor, sizes: Sequence[tuple[int, int]], settings: TestSettings, ignore: int) -> list[Tensor]:
    """Bring a photo's labels to the features of each window, by nearest neighbour as training does.

    Where windows overlap a pixel is in several of them.

    Args:
        mask: Labels of the photo (H, W), int64, class ids or `ignore`.
        sizes: Height and width of the features of each window, in the order of `windows`.
        settings: How the network saw the photo: size, windows and padding.
        ignore: Label of what is not counted; padding gets it.

    Returns:
        Labels (h, w), int64, of each window.
    """
    pipeline, multiple = settings.pipeline, settings.pad_multiple
    size = resized_size(mask.shape[0], mask.shape[1], pipeline.short_side)
    seen = resize_labels(mask, size)
    found = []
    for (top, left, bottom, right), own in zip(windows(*size, pipeline), sizes, strict=True):
        window = seen[top:bottom, left:right]
        padding = (0, -(right - left) % multiple, 0, -(bottom - top) % multiple)
        found.append(resize_labels(F.pad(window, padding, value=ignore), own))
    return found
