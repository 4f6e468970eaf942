"""One picture that shows what students learnt: photo, truth and each prediction side by side, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from clipteacher.pictures.colours import palette
from clipteacher.pictures.legend import LegendEntry, draw_legend, hatching
from clipteacher.pictures.overlays import check_labels, check_photo, paint
from clipteacher.pictures.typesetting import printable, typeface, wrapped, write
from clipteacher.protocols.splits import IGNORE

_OPACITY: Final = 0.78  # of the colours over the greyed photo


class ReportRow(NamedTuple):
    """What a report shows of one photo.

    Attributes:
        photo: The photo (H, W, 3), uint8, RGB, 0..255.
        truth: True class ids (H, W), integer, values 0..N-1 or ignore.
        predictions: One map of class ids (H, W), integer, values 0..N-1 or ignore, for each segmenter that is compared.
    """

    photo: NDArray[np.uint8]
    truth: NDArray[np.integer[Any]]
    predictions: tuple[NDArray[np.integer[Any]], ...]


def report(
    rows: Sequence[ReportRow],
    names: Sequence[str],
    unseen: Sequence[str],
    columns: Sequence[str] = ("photo", "truth", "student alone", "student"),
    *,
    panel_width: int = 320,
    ignore: int = IGNORE,
) -> Image.Image:
    """Draw photo, truth and predictions side by side, one photo a row, with a legend at the foot.

    Photos of any size are brought to one width. Ignored pixels are hatched dark grey. The legend lists every class that
    appears anywhere, the seen ones first; unseen ones are bold, starred and tagged.

    Args:
        rows: The photos with their ids; at least one, each with as many predictions.
        names: The N class names in the order of their ids.
        unseen: The names that training never saw.
        columns: Titles of the columns: photo, truth, and one for each prediction.
        panel_width: Width of a column in pixels, at least 120.
        ignore: Id of pixels without a class; no class id.

    Returns:
        An RGB picture.

    Raises:
        ValueError: There is no row, an array is not as in `ReportRow` says, an unseen name is no class, there is not
            one title a column, the panels are too narrow, or `ignore` is a class id.
    """
    _check(rows, names, unseen, columns, panel_width, ignore)
    size = max(13, panel_width // 20)
    gap, margin = max(6, panel_width // 40), max(16, panel_width // 12)
    font = typeface(round(size * 1.15))
    titles = [wrapped(printable(title, ""), font, panel_width - 4) for title in columns]
    title_line = round(font.size * 1.3)
    title_height = title_line * max(len(lines) for lines in titles)
    panels = [_panels(row, panel_width, ignore) for row in rows]
    inner = len(columns) * (panel_width + gap) - gap
    legend = draw_legend(_entries(rows, names, unseen, ignore), inner, size)

    width = 2 * margin + inner
    below_titles = margin + title_height + gap
    below_rows = below_titles + sum(row[0].height + gap for row in panels)
    picture = Image.new("RGB", (width, below_rows + gap + legend.height + margin), "white")
    draw = ImageDraw.Draw(picture)
    lefts = [margin + column * (panel_width + gap) for column in range(len(columns))]
    for left, lines in zip(lefts, titles, strict=True):
        for number, line in enumerate(reversed(lines)):
            baseline = margin + title_height - number * title_line - round(font.size * 0.25)
            write(draw, (left, baseline), line, font, bold=True)
    top = below_titles
    for row in panels:
        for left, panel in zip(lefts, row, strict=True):
            picture.paste(panel, (left, top))
        top += row[0].height + gap
    picture.paste(legend, (margin, below_rows + gap))
    return picture


def _check(
    rows: Sequence[ReportRow],
    names: Sequence[str],
    unseen: Sequence[str],
    columns: Sequence[str],
    panel_width: int,
    ignore: int,
) -> None:
    """Check what `report` is given."""
    if not rows:
        raise ValueError("rows: got none, expected at least one photo. Pass a ReportRow for each photo to show.")
    counts = sorted({len(row.predictions) for row in rows})
    if len(counts) > 1 or not counts[0]:
        raise ValueError(f"rows: got {counts} predictions a row, expected as many in each, and at least one.")
    if isinstance(columns, str) or len(columns) != 2 + counts[0]:
        raise ValueError(
            f"columns: got {columns!r}, expected {2 + counts[0]} titles: of photo, truth and each prediction."
        )
    if panel_width < 120:
        raise ValueError(f"panel_width: got {panel_width}, expected at least 120, or the type finds no room.")
    strangers = [name for name in unseen if name not in names]
    if strangers:
        raise ValueError(f"unseen: got {strangers[0]!r}, expected names of the class list. Correct the name.")
    for position, row in enumerate(rows):
        check_photo(row.photo)
        check_labels(f"rows[{position}].truth", row.truth, row.photo, names, ignore)
        for number, labels in enumerate(row.predictions):
            check_labels(f"rows[{position}].predictions[{number}]", labels, row.photo, names, ignore)


def _panels(row: ReportRow, width: int, ignore: int) -> list[Image.Image]:
    """Draw the photo and its label maps, each `width` wide."""
    height = max(1, round(row.photo.shape[0] * width / row.photo.shape[1]))
    photo = Image.fromarray(row.photo).resize((width, height), Image.Resampling.LANCZOS)
    # Over a grey photo the colours stay those of the legend.
    grey = np.asarray(photo.convert("L").convert("RGB"))
    # Ids are picked, never blended, by nearest neighbour.
    down = ((np.arange(height) + 0.5) * row.photo.shape[0] / height).astype(np.int64)
    across = ((np.arange(width) + 0.5) * row.photo.shape[1] / width).astype(np.int64)
    stripes = hatching(height, width, max(6, width // 40))
    panels = [photo]
    for full in (row.truth, *row.predictions):
        labels = full[down[:, None], across[None]]
        painted = paint(grey, labels, opacity=_OPACITY, ignore=ignore)
        panels.append(Image.fromarray(np.where((labels == ignore)[..., None], stripes, painted)))
    return panels


def _entries(rows: Sequence[ReportRow], names: Sequence[str], unseen: Sequence[str], ignore: int) -> list[LegendEntry]:
    """List the classes that appear, seen ones first, and the hatching if there is any."""
    present = {int(i) for row in rows for labels in (row.truth, *row.predictions) for i in np.unique(labels)}
    colours = palette(len(names))
    entries = [
        LegendEntry(
            printable(names[i], f"class {i}"),
            (int(colours[i, 0]), int(colours[i, 1]), int(colours[i, 2])),
            unseen=names[i] in unseen,
        )
        for i in sorted(present - {ignore}, key=lambda i: (names[i] in unseen, i))
    ]
    return [*entries, LegendEntry("not labelled", None)] if ignore in present else entries
