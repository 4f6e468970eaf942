"""Reports: the grid, its titles and its legend."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from PIL import Image

from clipteacher.pictures import ReportRow, class_colours, report
from clipteacher.pictures.colours import IGNORE_COLOUR
from clipteacher.pictures.legend import HATCH_COLOUR, UNSEEN_INK, LegendEntry, draw_legend
from clipteacher.pictures.typesetting import typeface, wrapped

NAMES = ("sky", "grass", "cow", "road", "water", "dog")
COLOURS = class_colours(NAMES)


def row(height: int = 60, width: int = 80, truth: int = 0, baseline: int = 1, student: int = 0) -> ReportRow:
    first, *others = (np.full((height, width), i) for i in (truth, baseline, student))
    return ReportRow(np.full((height, width, 3), (200, 30, 30), dtype=np.uint8), first, tuple(others))


def count(picture: Image.Image, colour: tuple[int, ...] | list[int]) -> int:
    return int((np.asarray(picture) == np.array(colour)).all(axis=2).sum())


def listed(picture: Image.Image) -> set[int]:
    """Classes whose very colour appears: only swatches have it, for panels are blended."""
    return {i for i, colour in enumerate(COLOURS.tolist()) if count(picture, colour) > 20}


def panel_boxes(picture: Image.Image) -> list[tuple[int, int, int, int]]:
    """Boxes of the photos, which are of one red: (left, top, right, bottom), from the top."""
    red = (np.asarray(picture) == (200, 30, 30)).all(axis=2)
    left, right = np.flatnonzero(red.any(axis=0))[[0, -1]]
    rows = np.flatnonzero(np.diff(np.concatenate([[0], red.any(axis=1).astype(int), [0]])))
    return [(int(left), int(top), int(right) + 1, int(end)) for top, end in rows.reshape(-1, 2)]


def test_rows_of_different_sizes_are_brought_to_one_width() -> None:
    picture = report([row(60, 80), row(300, 150), row(213, 320)], NAMES, ["dog"], panel_width=200)
    boxes = panel_boxes(picture)
    assert [(right - left, bottom - top) for left, top, right, bottom in boxes] == [(200, 150), (200, 400), (200, 133)]
    assert picture.width > 4 * 200
    pixels = np.asarray(picture)
    margin = boxes[0][0]
    assert margin >= 16
    for edge in (pixels[:margin], pixels[-margin:], pixels[:, :margin], pixels[:, -margin:]):
        assert (edge[:8] == 255).all() or (edge[:, :8] == 255).all(), "the margins are white"
    for (*_, bottom), (_, top, *_) in itertools.pairwise(boxes):
        assert top - bottom >= 5
        assert (pixels[bottom:top] == 255).all(), "rows do not touch"


def test_each_column_shows_its_own_labels() -> None:
    picture = report([row(truth=0, baseline=1, student=2)], NAMES, [], panel_width=160)
    (left, top, right, bottom) = panel_boxes(picture)[0]
    step = right - left + max(6, 160 // 40)
    grey = np.asarray(Image.new("RGB", (1, 1), (200, 30, 30)).convert("L"))[0, 0]
    for column, label in ((1, 0), (2, 1), (3, 2)):
        middle = np.array(picture.getpixel((left + column * step + 80, (top + bottom) // 2)), dtype=float)
        expected = grey + 0.78 * (COLOURS[label].astype(float) - grey)
        assert np.abs(middle - expected).max() <= 2


@pytest.mark.parametrize("predictions", [1, 3, 5])
def test_as_many_columns_as_predictions(predictions: int) -> None:
    labels = tuple(np.full((60, 80), i % 6) for i in range(1, 1 + predictions))
    titles = ("photo", "truth", *(f"student {i}" for i in range(predictions)))
    picture = report([row()._replace(predictions=labels)] * 2, NAMES, ["dog"], titles, panel_width=160)
    (left, top, right, bottom), _ = panel_boxes(picture)
    step = right - left + max(6, 160 // 40)
    assert picture.width == 2 * left + (2 + predictions) * step - (step - 160)
    grey = np.asarray(Image.new("RGB", (1, 1), (200, 30, 30)).convert("L"))[0, 0]
    for column, label in enumerate((0, *(int(each[0, 0]) for each in labels)), start=1):
        middle = np.array(picture.getpixel((left + column * step + 80, (top + bottom) // 2)), dtype=float)
        assert np.abs(middle - grey - 0.78 * (COLOURS[label].astype(float) - grey)).max() <= 2
    assert listed(picture) == {0, *(int(each[0, 0]) for each in labels)}


def test_the_legend_lists_exactly_what_appears_anywhere() -> None:
    picture = report([row(truth=0, baseline=1), row(truth=4, baseline=4, student=2)], NAMES, ["cow"])
    assert listed(picture) == {0, 1, 2, 4}


def test_ignored_pixels_are_hatched_and_explained() -> None:
    plain = report([row()], NAMES, [])
    assert count(plain, HATCH_COLOUR) == 0
    hatched = report([row(truth=255)], NAMES, [])
    assert count(hatched, IGNORE_COLOUR) > 320 * 240 * 0.6
    assert count(hatched, HATCH_COLOUR) > 320 * 240 * 0.1
    *_, bottom = panel_boxes(hatched)[0]
    below = hatched.crop((0, bottom, hatched.width, hatched.height))
    assert count(below, HATCH_COLOUR) > 5, "the legend says what the hatching means"


def test_unseen_classes_are_marked_where_they_appear() -> None:
    assert count(report([row(truth=5)], NAMES, ["cow"]), UNSEEN_INK) == 0
    assert count(report([row(truth=2)], NAMES, ["cow"]), UNSEEN_INK) > 50


def test_seen_classes_come_first() -> None:
    picture = report([row(truth=0, baseline=5, student=1)], NAMES, ["sky"])
    where = {i: int(np.argwhere((np.asarray(picture) == COLOURS[i]).all(axis=2))[:, 1].min()) for i in (0, 1, 5)}
    assert where[1] < where[5] < where[0]


def test_titles_of_any_length_leave_the_panels_alone() -> None:
    short = report([row()], NAMES, [])
    long = report([row()], NAMES, [], ("photo", "a very long title " * 6, "first checkpoint", "x" * 90))
    assert long.width == short.width
    assert long.height > short.height
    _, top, right, bottom = panel_boxes(long)[0]
    assert bottom - top == 240
    gap = np.asarray(long)[:top, right : right + 8]
    assert (gap == 255).all(), "titles stay in their columns"


def test_an_empty_legend_and_one_that_is_full() -> None:
    assert draw_legend([], 200, 13).size == (200, 1)
    entries = [LegendEntry(f"name {i}", (9, 9, 200), "5 %", unseen=i % 2 == 0) for i in range(40)]
    for width in (160, 333, 1200):
        picture = draw_legend(entries, width, 14)
        assert picture.width == width
        assert (np.asarray(picture)[:, -1] == 255).all()
        assert count(picture, (9, 9, 200)) == 40 * 12 * 12, "each swatch is whole: 14 x 14 less its outline"


def test_lines_break_between_words_and_never_exceed_the_width() -> None:
    font = typeface(14)
    text = "the quick brown fox " + "j" * 200
    lines = wrapped(text, font, 90)
    assert all(font.getlength(line) <= 90 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert wrapped("", font, 90) == [""]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": []}, "rows: got none"),
        ({"columns": ("photo", "truth")}, "columns: got .* expected 4 titles"),
        ({"columns": "abcd"}, "columns: got 'abcd'"),
        ({"unseen": ["horse"]}, "unseen: got 'horse', expected names of the class list"),
        ({"panel_width": 50}, "panel_width: got 50"),
        ({"columns": ("photo", "truth", "a", "b", "c")}, "columns: got .* expected 4 titles"),
        ({"rows": [row()._replace(predictions=())]}, r"rows: got \[0\] predictions a row"),
        ({"rows": [row(), row()._replace(predictions=(row().truth,))]}, r"rows: got \[1, 2\] predictions a row"),
        ({"rows": [row(), row(student=6)]}, r"rows\[1\].predictions\[1\]: got id 6"),
        ({"rows": [row()._replace(truth=np.zeros((60, 81), dtype=int))]}, r"rows\[0\].truth: got shape \(60, 81\)"),
        ({"rows": [row()._replace(photo=np.zeros((60, 80), dtype=np.uint8))]}, r"photo: got shape \(60, 80\)"),
        ({"ignore": 3}, "ignore: got 3, which is a class id"),
    ],
)
def test_wrong_input_is_an_error(change: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"rows": [row()], "class_names": NAMES, "unseen": [], **change}
    with pytest.raises(ValueError, match=message):
        report(**given)
