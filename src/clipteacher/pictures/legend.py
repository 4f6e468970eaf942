"""The legend below a picture: swatches with names, in as many columns as fit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from clipteacher.pictures.colours import IGNORE_COLOUR
from clipteacher.pictures.typesetting import INK, PALE_INK, lettering, typeface, wrapped, write

UNSEEN_INK: Final = (176, 32, 44)
"""Colour of the mark of unseen classes, RGB."""

HATCH_COLOUR: Final = (122, 122, 122)
"""Colour of the stripes over ignored pixels, RGB."""

_WIDEST = 20  # width at which a name is broken into lines, in sizes of type
_LINE, _BASELINE = 1.5, 1.08  # height of a line, and of its baseline from the top, likewise

_KEPT: Final = 128
"""Drawings of names that are kept, and of shares: setting type is half the time that a small overlay takes."""


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
    parts = [_drawn(entry, width, size) for entry in entries]
    step = max((part.width for part in parts), default=width) + 2 * size
    rows = max(1, math.ceil(len(parts) / max(1, (width + 2 * size) // step)))
    columns = [parts[start : start + rows] for start in range(0, len(parts), rows)]
    height = max((sum(part.height for part in column) for column in columns), default=1)
    picture = Image.new("RGB", (width, height), "white")
    for number, column in enumerate(columns):
        top = 0
        for part in column:
            picture.paste(part, (number * step, top))
            top += part.height
    return picture


def _drawn(entry: LegendEntry, width: int, size: int) -> Image.Image:
    """Draw an entry, at most `width` wide: swatch, name in lines, and behind the last line the mark and the detail."""
    detail = _detail(entry.detail, size) if entry.detail else None
    detail_width = detail.width if detail else 0
    colour = None if entry.colour is None else (entry.colour[0], entry.colour[1], entry.colour[2])
    named, end = _named(entry.name, entry.fallback, colour, entry.unseen, width - detail_width, size)
    if detail is None:
        return named
    picture = Image.new("RGB", (max(named.width, end + detail_width), named.height), "white")
    picture.paste(named, (0, 0))
    picture.paste(detail, (end, named.height - detail.height))
    return picture


@lru_cache(maxsize=_KEPT)
def _named(
    name: str, fallback: str, colour: tuple[int, int, int] | None, unseen: bool, width: int, size: int
) -> tuple[Image.Image, int]:
    """Draw an entry without its detail, and say where its last line ends, in pixels."""
    (text, font), gap = lettering(name, fallback, size), size // 2
    tag = typeface(max(8, round(0.78 * size)))
    tag_width = 2 * gap + tag.getlength("unseen") if unseen else 0
    others, line_height = size + gap + 4 + tag_width, round(_LINE * size)
    lines = wrapped(text, font, min(_WIDEST * size, width - others))
    full_width = math.ceil(others + max(map(font.getlength, lines)))
    picture = Image.new("RGB", (full_width, len(lines) * line_height), "white")
    draw, top, baseline = ImageDraw.Draw(picture), round(0.24 * size), round(_BASELINE * size)
    if colour is None:
        picture.paste(Image.fromarray(hatching(size, size, max(3, size // 3))), (0, top))
    draw.rectangle((0, top, size - 1, top + size - 1), fill=colour, outline=INK)
    for number, line in enumerate(lines):
        write(draw, (size + gap, baseline + number * line_height), line, font, bold=unseen)
    baseline += (len(lines) - 1) * line_height
    end: float = size + gap + font.getlength(lines[-1]) + 2
    if unseen:
        box = (end + 0.7 * gap, baseline - 0.95 * tag.size, end + tag_width - 0.5 * gap, baseline + 0.32 * tag.size)
        draw.rounded_rectangle(box, radius=0.35 * tag.size, outline=UNSEEN_INK, width=max(1, size // 16))
        write(draw, (end + 1.1 * gap, baseline - 0.04 * tag.size), "unseen", tag, colour=UNSEEN_INK)
        end += tag_width
    return picture, math.ceil(end)


@lru_cache(maxsize=_KEPT)
def _detail(text: str, size: int) -> Image.Image:
    """Draw what stands behind a name, with the gap before it, in a line."""
    font, gap = typeface(size), size // 2
    picture = Image.new("RGB", (math.ceil(gap + font.getlength(text)), round(_LINE * size)), "white")
    write(ImageDraw.Draw(picture), (gap, round(_BASELINE * size)), text, font, colour=PALE_INK)
    return picture
