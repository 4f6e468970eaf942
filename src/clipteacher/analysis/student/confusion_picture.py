"""The confusion matrix as a picture: rows are the truth, columns what is called, unseen classes first."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

from clipteacher.analysis.student.axes import OTHER, OWN, mixed, turned
from clipteacher.pictures.legend import UNSEEN_INK
from clipteacher.pictures.typesetting import INK, PALE_INK, printable, typeface, wrapped, write
from clipteacher.protocols.splits import ClassSplit

MOST_CLASSES: Final = 60
"""Classes that are drawn one by one; of more, those that unseen ones are confused with, the others as one."""

_GRID: Final = (226, 226, 228)
_CELL, _SMALL_CELL = 38, 20  # pixels; numbers fit in the larger
_NUMBERS_UP_TO: Final = 30  # classes


class Gathered(NamedTuple):
    """A confusion matrix ready to be drawn.

    Attributes:
        names: M names, unseen ones first, perhaps with collective ones.
        unseen: How many of them are unseen.
        counts: Pixels (M, M), float64, rows = truth.
    """

    names: tuple[str, ...]
    unseen: int
    counts: NDArray[np.float64]


def gathered(confusion: Tensor, split: ClassSplit, most: int = MOST_CLASSES) -> Gathered:
    """Order a confusion matrix, unseen classes first; join the least involved where there are too many.

    Args:
        confusion: (N, N), integer, rows = truth, in the order of `split.names`.
        split: The classes.
        most: Classes to keep apart, unseen and seen ones half each at least.

    Returns:
        The matrix; nothing is lost from it, for what is joined is summed.
    """
    counts = confusion.detach().cpu().double().numpy()
    flow = counts[list(split.unseen_ids)].sum(axis=0) + counts[:, list(split.unseen_ids)].sum(axis=1)
    unseen_room = min(len(split.unseen), max(most // 2, most - len(split.seen)))
    kept: list[list[int]] = []
    names: list[str] = []
    sizes = []
    for ids, room, kind in (
        (split.unseen_ids, unseen_room, "unseen"),
        (split.seen_ids, most - unseen_room, "seen"),
    ):
        before = len(kept)
        order = sorted(ids, key=lambda index: -flow[index])
        chosen, rest = set(order[:room]), order[room:]
        kept += [[index] for index in ids if index in chosen]
        names += [split.names[index] for index in ids if index in chosen]
        if rest:
            kept.append(rest)
            names.append(f"{len(rest)} other {kind}")
        sizes.append(len(kept) - before)
    joined = np.array([[counts[np.ix_(row, column)].sum() for column in kept] for row in kept])
    return Gathered(tuple(names), sizes[0], joined)


def confusion_picture(confusion: Tensor, split: ClassSplit, title: str) -> Image.Image:
    """Draw the confusion matrix, each row in shares of its true pixels.

    What is right is blue, what is wrong is orange, so that mistakes are seen first. Names of unseen classes are red. A
    class that never occurs has an empty, hatched row.

    Args:
        confusion: (N, N), integer, rows = truth, in the order of `split.names`.
        split: The classes.
        title: Written over it, such as the protocol's name.

    Returns:
        An RGB picture.
    """
    table = gathered(confusion, split)
    count = len(table.names)
    cell = _CELL if count <= _NUMBERS_UP_TO else _SMALL_CELL
    font, small = typeface(17 if cell == _CELL else 14), typeface(13)
    names = [printable(name, f"class {number}") for number, name in enumerate(table.names)]
    label = int(max(font.getlength(name) for name in names)) + 14
    margin, side = 28, cell * count
    width = max(margin * 2 + label + side, 640)
    heading = wrapped(f"{title}: where each class's pixels go", typeface(22), width - 2 * margin)
    explained = wrapped(
        "Rows: the true class, in per cent of its pixels. Columns: what they are called. Blue: right; orange: wrong. "
        "Red names: unseen in training, before the thick lines.",
        font,
        width - 2 * margin,
    )
    top = margin + 30 * len(heading) + 24 * len(explained) + 8 + label
    left = margin + label
    picture = Image.new("RGB", (width, top + side + margin), "white")
    draw = ImageDraw.Draw(picture)
    for number, line in enumerate(heading):
        write(draw, (margin, margin + 22 + 30 * number), line, typeface(22), bold=True)
    for number, line in enumerate(explained):
        write(draw, (margin, margin + 30 * len(heading) + 20 + 24 * number), line, font, colour=PALE_INK)
    for row, name in enumerate(names):
        colour, bold = (UNSEEN_INK, True) if row < table.unseen else (INK, False)
        middle = top + row * cell + cell / 2
        write(draw, (left - 8, middle), name, font, colour=colour, bold=bold, anchor="rm")
        column = turned(name, font, colour, bold=bold)
        picture.paste(column, (left + row * cell + (cell - column.width) // 2, top - 8 - column.height))
    sums = table.counts.sum(axis=1)
    for row in range(count):
        for number in range(count):
            box = (left + number * cell, top + row * cell, left + (number + 1) * cell, top + (row + 1) * cell)
            if not sums[row]:
                draw.rectangle(box, fill=(244, 244, 245), outline=_GRID)
                draw.line((box[0], box[3], box[2], box[1]), fill=_GRID)
                continue
            share = table.counts[row, number] / sums[row]
            right = row == number and " other " not in table.names[row]
            # A square root, so that a few per cent are seen.
            draw.rectangle(box, fill=mixed(OWN if right else OTHER, float(np.sqrt(share))), outline=_GRID)
            if cell == _CELL and share >= 0.005:
                ink = (255, 255, 255) if share > 0.45 else INK
                at = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
                write(draw, at, f"{100 * share:.0f}", small, colour=ink, anchor="mm")
    edge = table.unseen * cell
    if 0 < table.unseen < count:
        draw.line((margin, top + edge, left + side, top + edge), fill=INK, width=3)
        draw.line((left + edge, top - label, left + edge, top + side), fill=INK, width=3)
    draw.rectangle((left, top, left + side, top + side), outline=INK)
    return picture
