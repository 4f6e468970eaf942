"""GLM's attention beside the photos: where CLS asks more, and where less, than an even share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from clipteacher.analysis.student.attention import PhotoAttention
from clipteacher.analysis.student.axes import OTHER, OWN, mixed
from clipteacher.pictures.colours import palette
from clipteacher.pictures.legend import LegendEntry, draw_legend, hatching
from clipteacher.pictures.overlays import paint
from clipteacher.pictures.typesetting import PALE_INK, printable, typeface, wrapped, write
from clipteacher.protocols.splits import ClassSplit

STRONGEST: Final = 4.0
"""Times an even share at which a colour is full, and its inverse. Fixed, so that two runs' pictures can be compared."""


class AttentionRow(NamedTuple):
    """One photo of the picture.

    Attributes:
        photo: The photo (H, W, 3), uint8, RGB.
        truth: Class ids (H, W), integer, 0..N-1 or ignore.
        attention: GLM's attention on it.
    """

    photo: NDArray[np.uint8]
    truth: NDArray[np.integer[Any]]
    attention: PhotoAttention


def attention_map(weights: NDArray[np.floating[Any]], height: int, width: int) -> NDArray[np.uint8]:
    """Colour attention: white an even share, orange more, blue less, on a scale of factors.

    Args:
        weights: W, (h, w), sums to 1.
        height: Of the picture in pixels.
        width: Likewise.

    Returns:
        The map (height, width, 3), uint8, RGB.
    """
    share = np.maximum(weights * weights.size, 1e-9)
    small = Image.fromarray((np.log(share) / np.log(STRONGEST)).clip(-1, 1).astype(np.float32))
    strength = np.asarray(small.resize((width, height), Image.Resampling.BILINEAR))[..., None]
    towards = np.where(strength > 0, np.array(OTHER), np.array(OWN))
    mixture: NDArray[np.uint8] = (255 + (towards - 255) * np.abs(strength)).round().astype(np.uint8)
    return mixture


def attention_picture(
    rows: Sequence[AttentionRow], split: ClassSplit, title: str, *, panel_width: int = 320
) -> Image.Image:
    """Draw photo, truth and attention side by side, one photo a row.

    Args:
        rows: The photos, at least one.
        split: The classes.
        title: Written over it, such as the protocol's name.
        panel_width: Width of a column in pixels.

    Returns:
        An RGB picture.
    """
    font, small, large = typeface(17), typeface(15), typeface(22)
    margin, gap, caption = 28, 10, 30
    inner = 3 * panel_width + 2 * gap
    heading = wrapped(f"{title}: what GLM's CLS token asks of the student's features", large, inner)
    ids = sorted({int(each) for row in rows for each in np.unique(row.truth)} - {split.ignore})
    ids.sort(key=lambda each: each in split.unseen_ids)
    colours = palette(len(split.names))
    entries = [
        LegendEntry(
            printable(split.names[each], f"class {each}"),
            (int(colours[each, 0]), int(colours[each, 1]), int(colours[each, 2])),
            unseen=each in split.unseen_ids,
        )
        for each in ids
    ]
    if any((row.truth == split.ignore).any() for row in rows):
        entries.append(LegendEntry("not labelled", None))
    legend = draw_legend(entries, inner, 16)
    heights = [max(1, round(row.photo.shape[0] * panel_width / row.photo.shape[1])) for row in rows]
    top = margin + 30 * len(heading) + 36
    below = top + sum(heights) + (caption + gap) * len(rows)
    picture = Image.new("RGB", (inner + 2 * margin, below + 70 + legend.height + margin), "white")
    draw = ImageDraw.Draw(picture)
    for number, line in enumerate(heading):
        write(draw, (margin, margin + 22 + 30 * number), line, large, bold=True)
    lefts = [margin + column * (panel_width + gap) for column in range(3)]
    for left, text in zip(lefts, ("photo", "truth", "attention"), strict=True):
        write(draw, (left, top - 10), text, font, bold=True)
    for row, height in zip(rows, heights, strict=True):
        photo = Image.fromarray(row.photo).resize((panel_width, height), Image.Resampling.LANCZOS)
        grey = np.asarray(photo.convert("L").convert("RGB"))
        down = ((np.arange(height) + 0.5) * row.truth.shape[0] / height).astype(np.int64)
        across = ((np.arange(panel_width) + 0.5) * row.truth.shape[1] / panel_width).astype(np.int64)
        truth = row.truth[down[:, None], across[None]]
        painted = paint(grey, truth, opacity=0.78, ignore=split.ignore)
        striped = np.where((truth == split.ignore)[..., None], hatching(height, panel_width, 8), painted)
        heat = attention_map(row.attention.weights.numpy(), height, panel_width)
        # Grey under the colours shows where in the photo they lie; a third of it leaves the scale readable.
        laid = (0.7 * heat + 0.3 * grey).round().astype(np.uint8)
        for left, panel in zip(lefts, (np.asarray(photo), striped, laid), strict=True):
            picture.paste(Image.fromarray(panel), (left, top))
        found = row.attention
        text = (
            f"effective positions {100 * found.effective:.0f} %;  unseen: {100 * found.unseen_area:.0f} % of the "
            f"labelled area, {100 * found.unseen_mass:.0f} % of its attention"
        )
        write(draw, (margin, top + height + 20), text, small, colour=PALE_INK)
        top += height + caption + gap
    _scale(draw, (margin, below + 8), inner)
    picture.paste(legend, (margin, below + 70))
    return picture


def _scale(draw: ImageDraw.ImageDraw, corner: tuple[int, int], width: int) -> None:
    """Draw what the colours mean."""
    small, (left, top) = typeface(15), corner
    bar = min(360, width // 2)
    for x in range(bar):
        strength = 2 * x / (bar - 1) - 1
        draw.line((left + x, top, left + x, top + 16), fill=mixed(OTHER if strength > 0 else OWN, abs(strength)))
    draw.rectangle((left, top, left + bar - 1, top + 16), outline=PALE_INK)
    for place, text, anchor in ((0, f"1/{STRONGEST:g}", "ls"), (0.5, "1", "ms"), (1, f"{STRONGEST:g}", "rs")):
        write(draw, (left + place * bar, top + 36), text, small, colour=PALE_INK, anchor=anchor)
    write(draw, (left + bar + 16, top + 14), "times an even share of the attention", small, colour=PALE_INK)
