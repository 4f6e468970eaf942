"""Cosines as bars: each class's own name above the best other name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from PIL import Image, ImageDraw

from clipteacher.analysis.student.axes import OTHER, OWN, RULE, mixed, ticks
from clipteacher.analysis.student.cosines import ClassCosines
from clipteacher.pictures.legend import UNSEEN_INK
from clipteacher.pictures.typesetting import INK, PALE_INK, printable, typeface, wrapped, write

MOST_BARS: Final = 60
"""Classes that are drawn, those of the least margin first."""


def drawn_classes(figures: Sequence[ClassCosines], most: int = MOST_BARS) -> list[ClassCosines]:
    """Choose and order what is drawn: unseen classes before seen ones, the least margin first.

    Args:
        figures: Figures of all classes; those without a position are left out.
        most: Classes, at most.

    Returns:
        Those to draw.
    """
    present = [each for each in figures if each.positions]
    # A single name has no margin.
    ordered = sorted(present, key=lambda each: (not each.unseen, 0.0 if math.isnan(each.margin) else each.margin))
    return ordered[:most]


def cosine_picture(figures: Sequence[ClassCosines], title: str) -> Image.Image:
    """Draw a pair of bars for each class: the mean cosine to its own name, and to the best other name.

    Args:
        figures: Figures of all classes.
        title: Written over it, such as the protocol's name.

    Returns:
        An RGB picture.
    """
    shown = drawn_classes(figures)
    font, small, large = typeface(17), typeface(14), typeface(22)
    margin, row, plot = 28, 44, 560
    names = [printable(each.name, f"class {number}") for number, each in enumerate(shown)]
    label = int(max([font.getlength(name) for name in names] + [40])) + 14
    aside = 300  # margin and rival, to the right of the bars
    width = 2 * margin + label + plot + aside
    heading = wrapped(f"{title}: cosine of features to names, on each class's own pixels", large, width - 2 * margin)
    legend = margin + 30 * len(heading) + 8
    top = legend + 56
    values = [value for each in shown for value in (each.own, each.best_other) if not math.isnan(value)]
    scale = ticks(min([0.0, *values]), max([0.1, *values]))
    low, high = scale[0], scale[-1]
    left = margin + label

    def at(value: float) -> float:
        return left + plot * (value - low) / (high - low)

    height = top + row * len(shown) + 44
    left_out = sum(1 for each in figures if each.positions) - len(shown)
    picture = Image.new("RGB", (width, height + (24 if left_out else 0)), "white")
    draw = ImageDraw.Draw(picture)
    for number, line in enumerate(heading):
        write(draw, (margin, margin + 22 + 30 * number), line, large, bold=True)
    for number, (colour, what) in enumerate(((OWN, "to its own name"), (mixed(OTHER, 0.75), "to the best other name"))):
        x = left + 200 * number
        draw.rectangle((x, legend + 4, x + 15, legend + 19), fill=colour)
        write(draw, (x + 22, legend + 18), what, font)
    write(draw, (left + plot + 16, legend + 18), "margin    best other, most often", small, colour=PALE_INK)
    for value in scale:
        draw.line((at(value), top, at(value), height - 40), fill=INK if value == 0 else RULE)
        write(draw, (at(value), height - 20), f"{value:g}", small, colour=PALE_INK, anchor="ms")
    for number, (each, name) in enumerate(zip(shown, names, strict=True)):
        y = top + row * number
        colour = UNSEEN_INK if each.unseen else INK
        write(draw, (left - 10, y + row / 2), name, font, colour=colour, bold=each.unseen, anchor="rm")
        bars = ((each.own, OWN, 7), (each.best_other, mixed(OTHER, 0.75), 22))
        for value, fill, down in bars:
            if not math.isnan(value):
                ends = sorted((at(0.0), at(value)))
                draw.rectangle((ends[0], y + down, ends[1], y + down + 13), fill=fill)
        if not math.isnan(each.margin):
            lost = each.margin < 0
            text = f"{each.margin:+.2f}"
            x = left + plot + 16
            write(draw, (x, y + row / 2), text, font, colour=OTHER if lost else INK, bold=lost, anchor="lm")
            rival = wrapped(printable(each.rival or "", "another"), font, aside - 84)[0]
            write(draw, (x + 62, y + row / 2), rival, font, colour=PALE_INK, anchor="lm")
        if number and each.unseen != shown[number - 1].unseen:
            draw.line((margin, y, width - margin, y), fill=INK, width=2)
    if left_out:
        text = f"{left_out} more classes are left out, those of the largest margins; diagnosis.json has all."
        write(draw, (margin, height + 8), text, small, colour=PALE_INK)
    return picture
