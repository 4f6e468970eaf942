"""Overlapping spans that cover a line: windows along one side of a photo, in pixels or in tokens."""

from __future__ import annotations


def spans(side: int, window: int, stride: int) -> list[tuple[int, int]]:
    """Place windows along one side.

    Source: mmseg 0.x `EncoderDecoder.slide_inference`. The last window ends where the side ends, so it may overlap the
    one before by more than the others do. A side that is shorter than the window has one window, as short as itself.

    Args:
        side: Length to cover, 1 or more.
        window: Length of a window.
        stride: Step from one window to the next, 1..window.

    Returns:
        Begin and end of each window, in order.

    Example:
        >>> spans(683, 512, 426), spans(100, 512, 426)
        ([(0, 512), (171, 683)], [(0, 100)])
    """
    count = max(side - window + stride - 1, 0) // stride + 1
    ends = [min(number * stride + window, side) for number in range(count)]
    return [(max(end - window, 0), end) for end in ends]
