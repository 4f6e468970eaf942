"""The legend below a picture: swatches with names, in as many columns as fit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from clipteacher.pictures.colours import IGNORE_COLOUR
from clipteacher.pictures.typesetting import INK, PALE_INK, lettering, typeface, wrapped, write

UNSEEN_INK: Final = (176, 32, 44)
"""Colour of the mark of unseen classes, RGB."""

HATCH_COLOUR: Final = (122, 122, 122)
"""Colour of the stripes over ignored pixels, RGB."""

_WIDEST = 20  # width at which a name is broken into lines, in sizes of type


class LegendEntry(NamedTuple):
    """One entry of a legend.

    Attributes:
        name: What the colour means, in any script.
        colour: Colour of the swatch, RGB, 0..255; None for the hatching of ignored pixels.
        detail: Text in grey behind the name, such as a share; may be empty. ASCII.
        unseen: Whether the class is marked as unseen.
        fallback: Text in place of a name that no font of this machine can draw.
    """

    name: str
    colour: Sequence[int] | None
    detail: str = ""
    unseen: bool = False
    fallback: str = "unnamed"


class _Block(NamedTuple):
    """An entry that is set in type: the lines of its name, their font, and its whole width in pixels."""

    entry: LegendEntry
    lines: list[str]
    font: ImageFont.FreeTypeFont
    width: int


def hatching(height: int, width: int, period: int) -> NDArray[np.uint8]:
    """Draw the striped grey that stands for ignored pixels.

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

    Long names are broken into several lines.

    Args:
        entries: The entries, from the top of the first column to the bottom of the last; may be empty.
        width: Width of the picture in pixels, at least 10 times `size`.
        size: Size of type in pixels.

    Returns:
        An RGB picture of that width, as high as the legend needs.
    """
    blocks = [_set(entry, width, size) for entry in entries]
    step = max((block.width for block in blocks), default=width) + 2 * size
    rows = max(1, math.ceil(len(blocks) / max(1, (width + 2 * size) // step)))
    columns = [blocks[start : start + rows] for start in range(0, len(blocks), rows)]
    line_height = _line_height(size)
    height = line_height * max((sum(len(block.lines) for block in column) for column in columns), default=0)
    picture = Image.new("RGB", (width, max(1, height)), "white")
    for number, column in enumerate(columns):
        top = 0
        for block in column:
            _draw(picture, block, (number * step, top), size)
            top += len(block.lines) * line_height
    return picture


def _set(entry: LegendEntry, width: int, size: int) -> _Block:
    """Choose letters and line breaks of an entry."""
    text, font = lettering(entry.name, entry.fallback, size)
    gap = size // 2
    others: float = size + gap + 4
    if entry.unseen:
        others += 2 * gap + _tag_face(size).getlength("unseen")
    if entry.detail:
        others += gap + typeface(size).getlength(entry.detail)
    lines = wrapped(text, font, min(_WIDEST * size, width - others))
    return _Block(entry, lines, font, math.ceil(others + max(map(font.getlength, lines))))


def _draw(picture: Image.Image, block: _Block, corner: tuple[int, int], size: int) -> None:
    """Draw an entry: swatch, name, and behind its last line the mark and the detail."""
    entry, gap, draw = block.entry, size // 2, ImageDraw.Draw(picture)
    left, top = corner
    x, baseline = left + size + gap, top + round(1.08 * size)
    _swatch(picture, entry.colour, (left, top + round(0.24 * size)), size)
    for number, line in enumerate(block.lines):
        write(draw, (x, baseline + number * _line_height(size)), line, block.font, bold=entry.unseen)
    end: float = x + block.font.getlength(block.lines[-1]) + 2
    baseline += (len(block.lines) - 1) * _line_height(size)
    if entry.unseen:
        font = _tag_face(size)
        tag = font.getlength("unseen")
        box = (end + 0.7 * gap, baseline - 0.95 * font.size, end + 1.5 * gap + tag, baseline + 0.32 * font.size)
        draw.rounded_rectangle(box, radius=0.35 * font.size, outline=UNSEEN_INK, width=max(1, size // 16))
        write(draw, (end + 1.1 * gap, baseline - 0.04 * font.size), "unseen", font, colour=UNSEEN_INK)
        end += tag + 2 * gap
    if entry.detail:
        write(draw, (end + gap, baseline), entry.detail, typeface(size), colour=PALE_INK)


def _swatch(picture: Image.Image, colour: Sequence[int] | None, corner: tuple[int, int], size: int) -> None:
    """Draw a square of a colour, or of hatching, with a thin dark outline."""
    if colour is None:
        picture.paste(Image.fromarray(hatching(size, size, max(3, size // 3))), corner)
    box = (*corner, corner[0] + size - 1, corner[1] + size - 1)
    ImageDraw.Draw(picture).rectangle(box, fill=None if colour is None else tuple(colour), outline=INK)


def _line_height(size: int) -> int:
    return round(1.5 * size)


def _tag_face(size: int) -> ImageFont.FreeTypeFont:
    return typeface(max(8, round(0.78 * size)))
