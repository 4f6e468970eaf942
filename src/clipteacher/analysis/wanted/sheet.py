"""One picture that shows what each wanted name stands for: a row a name, with its most confident regions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from torch import Tensor

from clipteacher.analysis.wanted.summary import SHOWN, ShownRegion, WantedName, WantedSummary
from clipteacher.pictures.colours import class_colours
from clipteacher.pictures.typesetting import INK, PALE_INK, lettering, typeface, wrapped, write
from clipteacher.utils.percent import percent

MOST_ROWS: Final = 25
"""Names with regions that get a row, those with most pixels first; and names without a region that get a line."""

_CELL, _GAP, _MARGIN, _NAMES = 140, 12, 28, 210  # side of a region's picture, spaces, width of the names' column
_WIDTH: Final = 2 * _MARGIN + _NAMES + SHOWN * (_CELL + _GAP)
_SIZE, _SMALL = 17, 13  # of type
_CONTEXT: Final = 0.35  # of a region's longer side, that is shown around it
_FAINT: Final = 0.3  # contrast of what lies outside the region
_NAME_LINES: Final = 3

Read = Callable[[int], NDArray[np.uint8]]
"""Reads a photo, (H, W, 3), uint8, RGB, by its number."""


def wanted_sheet(summary: WantedSummary, shown: Sequence[Sequence[ShownRegion]], read: Read, title: str) -> Image.Image:
    """Draw the most confident regions of each wanted name, cut out of their photos.

    A region has its own colours and an outline in its name's colour; what is around it is faint. Below it are photo and
    margin. Names with most pixels come first, names without a region last, each in words.

    Args:
        summary: What the names get.
        shown: The regions to show of each name, as `summarize` returns them.
        read: Reads a photo, (H, W, 3), uint8, RGB, by its number.
        title: What the photos are, for the second line.

    Returns:
        An RGB picture.
    """
    colours = class_colours([each.name for each in summary.names])
    order = sorted(range(len(summary.names)), key=lambda i: -summary.names[i].pixels)
    rows = [i for i in order if shown[i]]
    without = [i for i in order if not shown[i]]
    parts = [_heading(title)]
    parts += [_row(i, summary.names[i], shown[i], tuple(colours[i].tolist()), read) for i in rows[:MOST_ROWS]]
    parts += [_line(i, summary.names[i], tuple(colours[i].tolist())) for i in without[:MOST_ROWS]]
    left_out = max(0, len(rows) - MOST_ROWS), max(0, len(without) - MOST_ROWS)
    if any(left_out):
        parts.append(_note(f"Not shown: {left_out[0]} more names with regions, {left_out[1]} more without."))
    picture = Image.new("RGB", (_WIDTH, 2 * _MARGIN + sum(part.height for part in parts)), "white")
    top = _MARGIN
    for part in parts:
        picture.paste(part, (_MARGIN, top))
        top += part.height
    return picture


def cut_out(photo: NDArray[np.uint8], mask: Tensor, colour: tuple[int, int, int], side: int = _CELL) -> Image.Image:
    """Cut a region out of its photo, with what lies around it made faint.

    Args:
        photo: The photo (H, W, 3), uint8, RGB.
        mask: The region, (h, w) bool, at a stride of the photo; not empty.
        colour: Of the outline, RGB, 0..255.
        side: Longest side of the result in pixels.

    Returns:
        An RGB picture: square, unless the photo ends before.
    """
    height, width = photo.shape[:2]
    region = Image.fromarray(mask.numpy().astype(np.uint8) * 255)
    box = _box(mask.numpy(), height, width)
    scale = side / max(box[2] - box[0], box[3] - box[1])
    size = tuple(max(1, round(scale * (box[i + 2] - box[i]))) for i in (0, 1))
    # A mask has positions, a photo pixels.
    ratio = region.width / width, region.height / height
    on_mask = (box[0] * ratio[0], box[1] * ratio[1], box[2] * ratio[0], box[3] * ratio[1])
    found = region.resize((size[0], size[1]), Image.Resampling.BILINEAR, box=on_mask).point(lambda v: 255 * (v > 127))
    cut = Image.fromarray(photo).resize((size[0], size[1]), Image.Resampling.LANCZOS, box=box)
    faint = Image.blend(Image.new("RGB", cut.size, "white"), cut.convert("L").convert("RGB"), _FAINT)
    picture = Image.composite(cut, faint, found)
    # A white line around the outline keeps it visible on a photo of its own colour.
    for line, grown in (("white", 7), (colour, 5)):
        ring = np.asarray(found.filter(ImageFilter.MaxFilter(grown))) > np.asarray(found)
        picture.paste(line, mask=Image.fromarray(ring.astype(np.uint8) * 255))
    return picture


def _box(mask: NDArray[np.bool_], height: int, width: int) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom, in pixels, of a square around a region, as far as the photo reaches."""
    spans = []
    for axis, side in ((1, width), (0, height)):
        inside = np.flatnonzero(mask.any(axis=1 - axis))
        unit = side / mask.shape[axis]
        spans.append((inside[0] * unit, (inside[-1] + 1) * unit, side))
    longest = max(end - start for start, end, _ in spans)
    wish = longest * (1 + _CONTEXT)
    edges = []
    for start, end, side in spans:
        length = min(wish, side)
        first = min(max(0.0, (start + end - length) / 2), side - length)
        edges.append((first, first + length))
    (left, right), (top, bottom) = edges
    return left, top, right, bottom


def _row(
    number: int, each: WantedName, regions: Sequence[ShownRegion], colour: tuple[int, ...], read: Read
) -> Image.Image:
    """Draw one name with its regions."""
    unit = f"region{'s' if each.regions > 1 else ''} in {each.photos} photo{'s' if each.photos > 1 else ''}"
    details = [
        f"{percent(each.share)} % of what is not labelled",
        f"{each.regions} {unit}",
        f"margin {each.margin:.3f} (median)",
        *_fitted(f"next: {_spelled(each.rival)}", "", _SMALL, _NAMES - 12, lines=2)[0],
    ]
    picture = Image.new("RGB", (_WIDTH - 2 * _MARGIN, _CELL + 58), "white")
    draw = ImageDraw.Draw(picture)
    draw.line((0, 0, picture.width, 0), fill=(214, 214, 218))
    baseline = _name(draw, number, each.name, colour, 12)
    small = 1.45 * _SMALL
    for detail in details:
        text, font = lettering(detail, "", _SMALL)
        write(draw, (0, baseline + small), text, font, colour=PALE_INK)
        baseline += small
    for position, region in enumerate(regions):
        left = _NAMES + position * (_CELL + _GAP)
        rgb = (colour[0], colour[1], colour[2])
        picture.paste(cut_out(read(region.photo.number), region.mask, rgb), (left, 12))
        (name,), font = _fitted(region.photo.name, f"photo {region.photo.number}", _SMALL, _CELL, lines=1)
        write(draw, (left, _CELL + 12 + 16), name, font)
        write(draw, (left, _CELL + 12 + 33), f"margin {region.margin:.3f}", typeface(_SMALL), colour=PALE_INK)
    return picture


def _line(number: int, each: WantedName, colour: tuple[int, ...]) -> Image.Image:
    """Say in words that a name has no region."""
    why = (
        ""
        if each.rival is None
        else f"; where it comes nearest, {_spelled(each.rival)} wins (margin {each.closest:.3f})"
    )
    lines, font = _fitted(f"no region{why}", "no region", _SMALL + 2, _WIDTH - 2 * _MARGIN - _NAMES, lines=1)
    picture = Image.new("RGB", (_WIDTH - 2 * _MARGIN, 24 + round(1.35 * _SIZE) * _NAME_LINES), "white")
    draw = ImageDraw.Draw(picture)
    draw.line((0, 0, picture.width, 0), fill=(214, 214, 218))
    bottom = _name(draw, number, each.name, colour, 12)
    write(draw, (_NAMES, 12 + _SIZE), lines[0], font, colour=PALE_INK)
    return picture.crop((0, 0, picture.width, round(bottom) + 14))


def _name(draw: ImageDraw.ImageDraw, number: int, name: str, colour: tuple[int, ...], top: int) -> float:
    """Draw swatch and name; return the baseline of its last line."""
    lines, font = _fitted(name, f"name {number + 1}", _SIZE, _NAMES - 40, lines=_NAME_LINES)
    draw.rectangle((0, top + 2, _SIZE - 1, top + _SIZE + 1), fill=colour, outline=INK)
    baseline: float = top + _SIZE
    for count, line in enumerate(lines):
        baseline = top + _SIZE + count * round(1.3 * _SIZE)
        write(draw, (_SIZE + 8, baseline), line, font, bold=True)
    return baseline


def _heading(title: str) -> Image.Image:
    """Draw what the picture is."""
    lines = (
        ("Wanted names: the regions that get them, the most confident first", _SIZE + 3, INK),
        (title, _SMALL + 1, PALE_INK),
        (
            "margin: how much nearer the region is to the name than to any seen name or background prompt (cosine)",
            _SMALL + 1,
            PALE_INK,
        ),
    )
    picture = Image.new("RGB", (_WIDTH - 2 * _MARGIN, 84), "white")
    draw = ImageDraw.Draw(picture)
    for number, (line, size, colour) in enumerate(lines):
        (text,), font = _fitted(line, "photos", size, picture.width, lines=1)
        write(draw, (0, 20 + 23 * number), text, font, colour=colour, bold=number == 0)
    return picture


def _note(text: str) -> Image.Image:
    """Draw a line of type."""
    picture = Image.new("RGB", (_WIDTH - 2 * _MARGIN, 40), "white")
    draw = ImageDraw.Draw(picture)
    draw.line((0, 0, picture.width, 0), fill=(214, 214, 218))
    write(draw, (0, 26), text, typeface(_SMALL + 1), colour=PALE_INK)
    return picture


def _spelled(name: str | None) -> str:
    """A name within a sentence: in letters that can be drawn."""
    return lettering(name or "", "another name", _SMALL)[0]


def _fitted(
    text: str, fallback: str, size: int, width: float, *, lines: int
) -> tuple[list[str], ImageFont.FreeTypeFont]:
    """Break a text in any script into at most so many lines; the last ends in an ellipsis where there is more."""
    text, font = lettering(text, fallback, size)
    broken = wrapped(text, font, width)
    if len(broken) > lines:
        last = " ".join(broken[lines - 1 :])
        while last and font.getlength(last + "...") > width:
            last = last[:-1]
        broken = [*broken[: lines - 1], last.rstrip() + "..."]
    return broken, font
