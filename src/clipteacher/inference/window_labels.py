"""Labels of a photo at the positions of the network's output, window by window."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional as F

from clipteacher.inference.placement import input_size, windows
from clipteacher.inference.settings import TestSettings
from clipteacher.utils.nearest import resize_labels


def window_labels(mask: Tensor, sizes: Sequence[tuple[int, int]], settings: TestSettings, ignore: int) -> list[Tensor]:
    """Bring a photo's labels to the features of each window, by nearest neighbour as training does.

    A pixel in overlapping windows appears in each of them.

    Args:
        mask: Labels of the photo (H, W), int64, class ids or `ignore`.
        sizes: Height and width of each window's features, in the order of `placement.windows`.
        settings: Size, windows and padding in which the network sees the photo.
        ignore: Label of pixels that do not count; padding gets it.

    Returns:
        Labels (h, w), int64, of each window.
    """
    pipeline, multiple = settings.pipeline, settings.pad_multiple
    size = input_size(mask.shape[0], mask.shape[1], pipeline)
    resized = resize_labels(mask, size)
    labels = []
    for (top, left, bottom, right), own in zip(windows(*size, pipeline), sizes, strict=True):
        padding = (0, -(right - left) % multiple, 0, -(bottom - top) % multiple)
        labels.append(resize_labels(F.pad(resized[top:bottom, left:right], padding, value=ignore), own))
    return labels
