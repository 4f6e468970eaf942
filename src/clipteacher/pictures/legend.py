"""The legend beneath a picture: swatches with names, in as many columns as fit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from clipteacher.pictures.colours import IGNORE_COLOUR
from clipteacher.pictures.typesetting import INK, PALE_INK, printable, typeface, wrapped, write

UNSEEN_INK: Final = (176, 32, 44)
"""Colour of the mark of unseen classes, RGB."""

HATCH_COLOUR: Final = (122, 122, 122)
"""Colour of the stripes over ignored pixels, RGB."""

_NAME_WIDTHS: Final = (24, 16, 11, 8)  # where names may be broken, in sizes of type


class LegendEntry(NamedTuple):
    """One line of a legend.

    Attributes:
        name: What the colour means.
        colour: Colour of the swatch, RGB; None is the hatching of ignored pixels.
        detail: Written pale behind the name, such as a share; may be empty.
        unseen: Whether the class is marked as unseen.
    """

    name: str
    colour: tuple[int, int, int] | None
    detail: str = ""
    unseen: bool = False


def hatching(height: int, width: int, period: int) -> NDArray[np.uint8]:
    """Draw the dark grey with stripes that stands for ignored pixels.

    Args:
        height: Height H in pixels.
        width: Width W in pixels.
        period: Pixels from stripe to stripe, at least 2.

    Returns:
        The stripes (H, W, 3), uint8, RGB.
    """
    stripe = (np.arange(height)[:, None] + np.arange(width)[None]) % period < max(1, period // 5)
    return np.where(stripe[..., None], np.array(HATCH_COLOUR, dtype=np.uint8), np.array(IGNORE_COLOUR, dtype=np.uint8))


def draw_legend(entries: Sequence[LegendEntry], width: int, size: int) -> Image.Image:
    """Draw a legend on white.

    Names that are too wide go on over several lines; columns are as many as fit.

    Args:
        entries: What to list, from the top of the first column to the foot of the last; may be empty.
        width: Width of the picture in pixels, at least 10 times `size`.
        size: Size of type in pixels.

    Returns:
        An RGB picture of that width, as high as the legend needs.
    """
    font, small = typeface(size), typeface(max(8, round(size * 0.78)))
    swatch, gap = size, max(3, size // 2)
    column_gap, line_height = 2 * size, round(size * 1.5)

    def after(entry: LegendEntry) -> float:
        """Width of what follows a name."""
        tag = small.getlength("unseen") + 2 * gap if entry.unseen else 0.0
        return tag + (font.getlength(entry.detail) + gap if entry.detail else 0.0)

    def before(entry: LegendEntry) -> float:
        """Width of what precedes a name."""
        return swatch + gap + (size + gap // 2 if entry.unseen else 0)

    texts = [printable(entry.name, "unnamed") for entry in entries]
    around = [before(entry) + after(entry) + 2 for entry in entries]

    def arrange(widest: float) -> tuple[list[list[str]], int, list[list[int]], int]:
        """Break names wider than `widest`: their lines, a column's width, each column's entries, lines a column."""
        lines = [wrapped(text, font, min(widest, width - space)) for text, space in zip(texts, around, strict=True)]
        widths = [s + max(map(font.getlength, block)) for s, block in zip(around, lines, strict=True)]
        cell = math.ceil(max(widths, default=width))
        count = max(1, int((width + column_gap) // (cell + column_gap)))
        return lines, cell, *_columns([len(block) for block in lines], count)

    # Narrower columns break more names but stand closer: the lowest legend wins, and then the widest columns.
    lines, cell, columns, depth = min((arrange(widest * size) for widest in _NAME_WIDTHS), key=lambda plan: plan[3])
    picture = Image.new("RGB", (width, max(1, depth * line_height)), "white")
    draw = ImageDraw.Draw(picture)
    for column, indices in enumerate(columns):
        top = 0
        for index in indices:
            entry, left = entries[index], column * (cell + column_gap)
            baseline = top + round(size * 1.08)
            _swatch(picture, entry.colour, (left, top + round(size * 0.24)), swatch)
            x = left + before(entry)
            if entry.unseen:
                _star(draw, (x - gap // 2 - size / 2, top + size * 0.72), size * 0.52)
            for number, line in enumerate(lines[index]):
                write(draw, (x, baseline + number * line_height), line, font, bold=entry.unseen)
            # The mark and the detail follow the last line of the name.
            x += font.getlength(lines[index][-1]) + 2
            baseline += (len(lines[index]) - 1) * line_height
            if entry.unseen:
                tag = small.getlength("unseen")
                box = (x + gap * 0.7, baseline - small.size * 0.95, x + gap * 1.5 + tag, baseline + small.size * 0.32)
                draw.rounded_rectangle(box, radius=small.size * 0.35, outline=UNSEEN_INK, width=max(1, size // 16))
                write(draw, (x + gap * 1.1, baseline - small.size * 0.04), "unseen", small, colour=UNSEEN_INK)
                x += tag + 2 * gap
            if entry.detail:
                write(draw, (x + gap, baseline), entry.detail, font, colour=PALE_INK)
            top += len(lines[index]) * line_height
    return picture


def _columns(heights: Sequence[int], count: int) -> tuple[list[list[int]], int]:
    """Fill at most `count` columns, each from the top, with entries of these heights; their indices, the depth."""
    depth = max(max(heights, default=0), math.ceil(sum(heights) / count))
    while True:
        columns: list[list[int]] = [[]]
        filled = 0
        for index, height in enumerate(heights):
            if filled + height > depth:
                columns.append([])
                filled = 0
            columns[-1].append(index)
            filled += height
        if len(columns) <= count:
            return columns, depth
        depth += 1


def _swatch(picture: Image.Image, colour: tuple[int, int, int] | None, corner: tuple[int, int], size: int) -> None:
    """Draw a square of a colour, or of hatching, with a thin dark outline."""
    if colour is None:
        picture.paste(Image.fromarray(hatching(size, size, max(3, size // 3))), corner)
    draw = ImageDraw.Draw(picture)
    box = (*corner, corner[0] + size - 1, corner[1] + size - 1)
    draw.rectangle(box, fill=colour, outline=INK)


def _star(draw: ImageDraw.ImageDraw, centre: tuple[float, float], radius: float) -> None:
    """Draw a five-pointed star."""
    points = [
        (centre[0] + r * math.sin(angle), centre[1] - r * math.cos(angle))
        for angle, r in ((i * math.pi / 5, radius if i % 2 == 0 else radius * 0.42) for i in range(10))
    ]
    draw.polygon(points, fill=UNSEEN_INK)
