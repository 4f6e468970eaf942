"""Where the network looks: the size that a photo is brought to, and the windows on it."""

from __future__ import annotations

import math
from typing import Final

from clipteacher.protocols.protocol import TestPipeline
from clipteacher.utils.spans import spans

OWN_SIZE: Final = TestPipeline(short_side=None, mode="whole")
"""The whole photo at its own size."""

MOST_PIXELS: Final = 2**22
"""Pixels that a network is given at once, such as 2048 x 2048: activations take some 0.4 GB a megapixel, or more."""

_PHOTO_PIXELS: Final = 8  # pixels of a photo, with its labels, that take as much memory as one that a network is given

_LONGEST: Final = 2**16  # pixels of a side: a photo of one row is padded to 32 of them or more


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


def input_size(height: int, width: int, pipeline: TestPipeline) -> tuple[int, int]:
    """Return the size to which a photo is brought for the network, the ratio kept.

    That is `resized_size`, within a bound, so that no photo takes all memory: a photo that the network sees whole has
    at most `MOST_PIXELS`. One that it sees in windows keeps the size that it has, and is not enlarged beyond as many.

    Args:
        height: Of the photo, in pixels.
        width: Likewise.
        pipeline: Shorter side and mode.

    Example:
        >>> whole = TestPipeline(short_side=None, mode="whole")
        >>> input_size(1080, 1920, whole), input_size(3000, 4000, whole)
        ((1080, 1920), (1773, 2364))
    """
    size = resized_size(height, width, pipeline.short_side)
    most = MOST_PIXELS if pipeline.mode == "whole" else max(MOST_PIXELS, height * width)
    scale = min(math.sqrt(most / math.prod(size)), _LONGEST / max(size))
    return size if scale >= 1 else (max(int(scale * size[0]), 1), max(int(scale * size[1]), 1))


def working_pixels(height: int, width: int, pipeline: TestPipeline) -> int:
    """Return the share of `MOST_PIXELS` that a photo takes while it is segmented: what is worked on at once adds up.

    Example:
        >>> working_pixels(480, 640, OWN_SIZE), working_pixels(3000, 4000, TestPipeline(320, "whole"))
        (307200, 1500000)
    """
    return max(math.prod(input_size(height, width, pipeline)), height * width // _PHOTO_PIXELS)


def bounded_note(height: int, width: int, pipeline: TestPipeline) -> str:
    """Say in which size a photo is seen that is too large for the network; nothing where it is not.

    Example:
        >>> bounded_note(3000, 4000, OWN_SIZE), bounded_note(1080, 1920, OWN_SIZE)
        ('4000x3000 seen as 2364x1773', '')
    """
    size = input_size(height, width, pipeline)
    if size == resized_size(height, width, pipeline.short_side):
        return ""
    return f"{width}x{height} seen as {size[1]}x{size[0]}"


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
