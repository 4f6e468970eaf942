"""One picture that compares segmenters: photo, truth and each prediction side by side; and the choice of its photos."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from clipteacher.pictures.colours import class_colours
from clipteacher.pictures.legend import LegendEntry, draw_legend, hatching
from clipteacher.pictures.overlays import check_labels, paint
from clipteacher.pictures.typesetting import lettering, wrapped, write
from clipteacher.protocols.splits import IGNORE, ClassSplit

_OPACITY: Final = 0.78  # of the colours over the greyed photo


class ReportRow(NamedTuple):
    """One photo of a report.

    Attributes:
        photo: The photo (H, W, 3), uint8, RGB, 0..255.
        truth: True class ids (H, W), integer, values 0..N-1 or ignore.
        predictions: One map of class ids (H, W), integer, values 0..N-1 or ignore, for each segmenter that is compared.
    """

    photo: NDArray[np.uint8]
    truth: NDArray[np.integer[Any]]
    predictions: tuple[NDArray[np.integer[Any]], ...]


def report_rows(masks: Iterable[NDArray[np.integer[Any]]], split: ClassSplit, rows: int) -> list[int]:
    """Choose the photos of a report by their truth alone.

    The unseen classes take turns; each puts forward photos in which it is large, from its median share down. Of these
    it takes the one that lies farthest, in the order of the set, from all that are chosen: neighbours in a set, such as
    the frames of a film, are often near twins. Other photos fill the remaining rows in the same way. No prediction is
    looked at, so none is picked for its success.

    Args:
        masks: Truth of every photo, (H, W), integer, values 0..N-1 or ignore; one is in memory at a time.
        split: The classes.
        rows: Number of photos.

    Returns:
        Indices, at most `rows`, all different.
    """
    shares = [[np.mean(mask == unseen) for unseen in split.unseen_ids] for mask in masks]
    pools = []
    for of_class in map(np.array, zip(*shares, strict=True)):
        holders = np.argsort(-of_class, kind="stable")[: np.count_nonzero(of_class)]
        # Starting at the median share: neither the class's easiest view nor, while there are others, a sliver of it.
        pools.append(np.split(holders[len(holders) // 2 :], [len(holders) - len(holders) // 4 - len(holders) // 2]))
    chosen: list[int] = []
    distances = np.full(len(shares), len(shares))  # from the nearest that is chosen; 0 is chosen itself
    while len(chosen) < min(rows, len(shares)):
        before = len(chosen)
        for parts in pools or [[np.arange(len(shares))]]:
            left = next((some for part in parts if len(some := part[distances[part] > 0])), None)
            if left is not None:
                chosen.append(int(left[np.argmax(distances[left])]))
                distances = np.minimum(distances, np.abs(np.arange(len(shares)) - chosen[-1]))
        if len(chosen) == before:  # the classes have shown all that they put forward
            pools = []
    return chosen[:rows]


def report(
    rows: Sequence[ReportRow],
    class_names: Sequence[str],
    unseen: Sequence[str],
    columns: Sequence[str] = ("photo", "truth", "supervised baseline", "student"),
    *,
    panel_width: int = 320,
    ignore: int = IGNORE,
) -> Image.Image:
    """Draw photo, truth and predictions side by side, one photo a row, with a legend at the bottom.

    Photos of any size are resized to one width. Ignored pixels are hatched dark grey. The legend lists every class that
    appears anywhere, the seen ones first; unseen ones are bold and tagged.

    Args:
        rows: The photos with their ids; at least one, each with the same number of predictions.
        class_names: The N class names in the order of their ids.
        unseen: The names that training never saw.
        columns: Titles of the columns: photo, truth, and one for each prediction.
        panel_width: Width of a column in pixels, at least 120.
        ignore: Id of pixels without a class; not a class id.

    Returns:
        An RGB picture.

    Raises:
        ValueError: There is no row, an array is not as `ReportRow` says, an unseen name is not a class name, the number
            of titles is not that of the columns, the panels are too narrow, or `ignore` is a class id.
    """
    _check(rows, class_names, unseen, columns, panel_width, ignore)
    size = max(13, panel_width // 20)
    gap, margin = max(6, panel_width // 40), max(16, panel_width // 12)
    inner = len(columns) * (panel_width + gap) - gap
    titles = _titles(columns, panel_width, gap, round(1.15 * size))
    colours = class_colours(class_names)
    panels = [_panels(row, panel_width, colours, ignore) for row in rows]
    present = {int(i) for row in rows for labels in (row.truth, *row.predictions) for i in np.unique(labels)}
    entries = [
        LegendEntry(class_names[i], colours[i].tolist(), unseen=class_names[i] in unseen, fallback=f"class {i}")
        for i in sorted(present - {ignore}, key=lambda i: (class_names[i] in unseen, i))
    ]
    if ignore in present:
        entries.append(LegendEntry("not labelled", None))
    legend = draw_legend(entries, inner, size)

    below_titles = margin + titles.height + gap
    below_rows = below_titles + sum(row[0].height + gap for row in panels)
    picture = Image.new("RGB", (2 * margin + inner, below_rows + gap + legend.height + margin), "white")
    picture.paste(titles, (margin, margin))
    top = below_titles
    for row in panels:
        for column, panel in enumerate(row):
            picture.paste(panel, (margin + column * (panel_width + gap), top))
        top += row[0].height + gap
    picture.paste(legend, (margin, below_rows + gap))
    return picture


def _titles(columns: Sequence[str], panel_width: int, gap: int, size: int) -> Image.Image:
    """Draw the titles of the columns, each broken into lines where it is long, on a common last line."""
    lettered = [lettering(title, "", size) for title in columns]
    titles, line_height = [(wrapped(text, font, panel_width - 4), font) for text, font in lettered], round(1.3 * size)
    height = line_height * max(len(lines) for lines, _ in titles)
    picture = Image.new("RGB", (len(columns) * (panel_width + gap) - gap, height), "white")
    draw = ImageDraw.Draw(picture)
    for column, (lines, font) in enumerate(titles):
        for number, line in enumerate(reversed(lines)):
            baseline = height - number * line_height - round(0.25 * size)
            write(draw, (column * (panel_width + gap), baseline), line, font, bold=True)
    return picture


def _check(
    rows: Sequence[ReportRow],
    class_names: Sequence[str],
    unseen: Sequence[str],
    columns: Sequence[str],
    panel_width: int,
    ignore: int,
) -> None:
    """Check the arguments of `report`."""
    if not rows:
        raise ValueError("rows: got none, expected at least one photo. Pass a ReportRow for each photo to show.")
    counts = sorted({len(row.predictions) for row in rows})
    if len(counts) > 1 or not counts[0]:
        raise ValueError(f"rows: got {counts} predictions a row, expected the same number in each, at least one.")
    if isinstance(columns, str) or len(columns) != 2 + counts[0]:
        raise ValueError(f"columns: got {columns!r}, expected {2 + counts[0]} titles: photo, truth, each prediction.")
    if panel_width < 120:
        raise ValueError(f"panel_width: got {panel_width}, expected at least 120 pixels, to have room for type.")
    if strangers := [name for name in unseen if name not in class_names]:
        raise ValueError(f"unseen: got {strangers[0]!r}, expected names of the class list. Correct the name.")
    for position, row in enumerate(rows):
        fields = {"truth": row.truth, **{f"predictions[{i}]": each for i, each in enumerate(row.predictions)}}
        for field, labels in fields.items():
            check_labels(f"rows[{position}].{field}", labels, row.photo, len(class_names), ignore)


def _panels(row: ReportRow, width: int, colours: NDArray[np.uint8], ignore: int) -> list[Image.Image]:
    """Draw the photo and its label maps, each `width` wide."""
    height = max(1, round(row.photo.shape[0] * width / row.photo.shape[1]))
    photo = Image.fromarray(row.photo).resize((width, height), Image.Resampling.LANCZOS)
    # Over a grey photo the colours stay those of the legend.
    grey = np.asarray(photo.convert("L").convert("RGB"))
    stripes = hatching(height, width, max(6, width // 40))
    panels = [photo]
    for full in (row.truth, *row.predictions):
        labels = np.asarray(Image.fromarray(full.astype(np.int32)).resize(photo.size, Image.Resampling.NEAREST))
        painted = paint(grey, labels, colours, opacity=_OPACITY, ignore=ignore)
        panels.append(Image.fromarray(np.where((labels == ignore)[..., None], stripes, painted)))
    return panels
