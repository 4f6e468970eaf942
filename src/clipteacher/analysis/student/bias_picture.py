"""The sweep as curves: scores against what is taken off the seen names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from PIL import Image, ImageDraw

from clipteacher.analysis.student.axes import OTHER, OWN, RULE, Colour, ticks
from clipteacher.analysis.student.calibration_sweep import OffsetPoint
from clipteacher.pictures.typesetting import INK, PALE_INK, typeface, wrapped, write

_FINE: Final = 3  # curves are drawn so many times as large, for Pillow's lines have no smooth edge

_LINES: Final[tuple[tuple[str, Colour], ...]] = (
    ("pAcc", (110, 110, 116)),
    ("S", OWN),
    ("U", OTHER),
    ("hIoU", (28, 28, 30)),
)


def bias_picture(curve: Sequence[OffsetPoint], title: str) -> Image.Image:
    """Draw pAcc, S, U and hIoU in per cent against the offset.

    Args:
        curve: Scores at ascending offsets.
        title: Written over it, such as the protocol's name.

    Returns:
        An RGB picture.
    """
    font, small, large = typeface(17), typeface(14), typeface(22)
    margin, plot, tall, aside = 28, 660, 400, 110
    left = margin + 60
    width = left + plot + aside
    heading = wrapped(f"{title}: scores when the seen names are held back", large, width - 2 * margin)
    note = wrapped(
        "A diagnosis on the test set, not a way to choose: an offset that is read off here has seen the test labels. "
        "At 0 the student is as it is scored.",
        font,
        width - 2 * margin,
    )
    top = margin + 30 * len(heading) + 24 * len(note) + 20
    picture = Image.new("RGB", (width, top + tall + 76), "white")
    draw = ImageDraw.Draw(picture)
    for number, line in enumerate(heading):
        write(draw, (margin, margin + 22 + 30 * number), line, large, bold=True)
    for number, line in enumerate(note):
        write(draw, (margin, margin + 30 * len(heading) + 20 + 24 * number), line, font, colour=PALE_INK)
    first, last = curve[0].offset, curve[-1].offset
    if first == last:  # a sweep of 0 alone
        first, last = first - 0.05, last + 0.05
    scale = [value for value in ticks(first, last) if first - 1e-9 <= value <= last + 1e-9]

    def x_of(offset: float) -> float:
        return left + plot * (offset - first) / (last - first)

    def y_of(share: float) -> float:
        return top + tall * (1 - share)

    for percent in range(0, 101, 20):
        y = y_of(percent / 100)
        draw.line((left, y, left + plot, y), fill=RULE)
        write(draw, (left - 10, y), f"{percent}", small, colour=PALE_INK, anchor="rm")
    for value in scale:
        draw.line((x_of(value), top + tall, x_of(value), top + tall + 6), fill=INK)
        write(draw, (x_of(value), top + tall + 24), f"{value:g}", small, colour=PALE_INK, anchor="ms")
    draw.line((x_of(0), top, x_of(0), top + tall), fill=INK)
    draw.line((left, top + tall, left + plot, top + tall), fill=INK)
    write(
        draw,
        (left + plot / 2, top + tall + 54),
        "calibration: taken off the scores of the seen names",
        font,
        anchor="ms",
    )
    ends, layer = [], Image.new("RGBA", (picture.width * _FINE, picture.height * _FINE), (255, 255, 255, 0))
    fine = ImageDraw.Draw(layer)
    for name, colour in _LINES:
        points = [(x_of(each.offset), y_of(getattr(each, name)), getattr(each, name)) for each in curve]
        points = [point for point in points if not math.isnan(point[2])]
        if not points:
            continue
        dots = [(_FINE * x, _FINE * y) for x, y, _ in points]
        fine.line(dots, fill=colour, width=_FINE * (4 if name == "hIoU" else 2), joint="curve")
        for x, y in dots:
            radius = 4 * _FINE
            fine.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
        ends.append((points[-1][1], name, colour))
    smooth = layer.resize(picture.size, Image.Resampling.BOX)
    picture.paste(smooth, (0, 0), smooth)
    for y, name, colour in _apart(sorted(ends), 22):
        write(draw, (left + plot + 14, y), name, font, colour=colour, bold=True, anchor="lm")
    return picture


def _apart(ends: Sequence[tuple[float, str, Colour]], gap: float) -> list[tuple[float, str, Colour]]:
    """Move labels, sorted from the top, so that none lies over another; the lowest stays above its axis."""
    placed: list[tuple[float, str, Colour]] = []
    for number, (y, name, colour) in enumerate(ends):
        # Room for those that come below is kept only by pushing down: the foot has a margin for it.
        placed.append((max(y, placed[-1][0] + gap) if number else y, name, colour))
    return placed
