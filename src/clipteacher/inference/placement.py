"""Where the network looks: the size that a photo is brought to, and the windows on it."""

from __future__ import annotations

from typing import Final

from clipteacher.protocols.protocol import TestPipeline
from clipteacher.utils.spans import spans

OWN_SIZE: Final = TestPipeline(short_side=None, mode="whole")
"""The whole photo at its own size."""


def resized_size(height: int, width: int, short_side: int | None) -> tuple[int, int]:
    """Return the size with the shorter side at `short_side`, the ratio kept; None leaves the size.

    Source: mmseg 0.x `Resize(keep_ratio=True, min_size=S)`, which rounds halves up. A side keeps at least one pixel.

    Example:
        >>> resized_size(375, 500, 512), resized_size(640, 427, 512), resized_size(375, 500, None)
        ((512, 683), (767, 512), (375, 500))
    """
    if short_side is None:
        return height, width
    shorter = min(height, width)
    new_height, new_width = ((2 * side * short_side + shorter) // (2 * shorter) for side in (height, width))
    return new_height, new_width


def windows(height: int, width: int, pipeline: TestPipeline) -> list[tuple[int, int, int, int]]:
    """Place the windows of a pipeline on a photo: one that is the photo, or rows of squares.

    Source: mmseg 0.x `EncoderDecoder.slide_inference`. The last window of a row ends at the photo's edge, so it may
    overlap the one before by more than the others do. Where a side is shorter than the window, the window is as short:
    nothing is padded to the window's size.

    Args:
        height: Of the photo that the network sees, in pixels.
        width: Likewise.
        pipeline: Mode, crop and stride.

    Returns:
        Top, left, bottom and right of each window, row by row; every pixel lies in one at least.

    Example:
        >>> windows(512, 683, TestPipeline(short_side=512, mode="slide", crop=512, stride=426))
        [(0, 0, 512, 512), (0, 171, 512, 683)]
    """
    if pipeline.mode == "whole":
        return [(0, 0, height, width)]
    rows, columns = (spans(side, pipeline.crop, pipeline.stride) for side in (height, width))
    return [(top, left, bottom, right) for top, bottom in rows for left, right in columns]
