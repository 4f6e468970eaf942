"""The sheet of regions: its rows, what is shown of a photo, words for what is not there, names in any script."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from clipteacher.analysis.wanted.sheet import MOST_ROWS, cut_out, wanted_sheet
from clipteacher.analysis.wanted.summary import NamedPhoto, PhotoPixels, ShownRegion, WantedName, WantedSummary
from clipteacher.pictures import class_colours

RED = (200, 30, 30)
NONE = WantedName("zebra", 0, 0, 0, 0.0, math.nan, math.nan, "sky", -0.05, ())
SOME = WantedName(
    "cat", 3, 2, 400, 0.25, 0.2, 1.5, "sky", 0.3, (PhotoPixels("photo0", 300), PhotoPixels("photo1", 100))
)


def read(number: int) -> NDArray[np.uint8]:
    return np.full((60, 80, 3), RED, dtype=np.uint8)


def region(number: int = 0, name: str = "photo0") -> ShownRegion:
    mask = torch.zeros(15, 20, dtype=torch.bool)
    mask[4:10, 6:14] = True
    return ShownRegion(NamedPhoto(number, name, 4800), 0.2, mask)


def sheet(*names: tuple[WantedName, int]) -> Image.Image:
    """Draw names with so many regions each."""
    summary = WantedSummary(2, 9600, 1600, 0, 0, tuple(name for name, _ in names))
    return wanted_sheet(summary, [[region(i) for i in range(count)] for _, count in names], read, "drawn, train")


def count(picture: Image.Image, colour: tuple[int, ...] | list[int]) -> int:
    return int((np.asarray(picture) == np.array(colour)).all(axis=2).sum())


def test_a_region_keeps_its_colours_and_the_rest_is_faint() -> None:
    picture = cut_out(read(0), region().mask, (0, 0, 255))
    assert picture.size == (140, 140)
    pixels = np.asarray(picture)
    inside, outside = pixels[65:75, 65:75], pixels[:10, :10]
    assert (inside == RED).all()
    assert (outside.std(axis=2) == 0).all(), "grey"
    assert (outside > 180).all(), "and faint"
    assert count(picture, (0, 0, 255)) > 300, "the outline"
    shares = count(picture, RED) / pixels[..., 0].size
    assert shares == pytest.approx(6 * 8 / (8 * 1.35) ** 2, abs=0.02)


@pytest.mark.parametrize("box", [(0, 15, 0, 20), (0, 1, 0, 1), (14, 15, 0, 20), (0, 15, 19, 20)])
def test_a_region_at_the_edge(box: tuple[int, int, int, int]) -> None:
    """A square unless the photo ends before; never wider than asked for."""
    mask = torch.zeros(15, 20, dtype=torch.bool)
    mask[box[0] : box[1], box[2] : box[3]] = True
    picture = cut_out(read(0), mask, (0, 0, 255))
    assert max(picture.size) == 140
    assert count(picture, RED) > 50
    assert picture.height == (140 if box == (0, 1, 0, 1) else 105)


def test_the_rows() -> None:
    """Two pictures in the first, one in the second, then a line in words; the names' own colours."""
    dog = replace(SOME, name="dog", pixels=900)
    picture = sheet((NONE, 0), (SOME, 1), (dog, 2))
    lower = sheet((dog, 2), (SOME, 1))
    assert picture.width == lower.width > 1000
    assert 20 < picture.height - lower.height < 60
    reds = (np.asarray(picture) == RED).all(axis=2)
    rows = np.flatnonzero(np.diff(np.concatenate([[0], reds.any(axis=1).astype(int), [0]]))).reshape(-1, 2)
    assert len(rows) == 2
    pieces = [int((np.diff(reds[start + 20].astype(int)) == 1).sum()) for start, _ in rows]
    assert pieces == [2, 1], "dog has more pixels, so it is first"
    for colour in class_colours(["zebra", "cat", "dog"]):
        assert count(picture, colour.tolist()) > 150
    assert (np.asarray(picture)[:20] == 255).all()
    line = np.asarray(picture.crop((230, picture.height - 60, picture.width, picture.height - 28)))
    assert (line < 160).any(), "no region, in words"


def test_only_names_without_a_region() -> None:
    picture = sheet((NONE, 0))
    assert count(picture, RED) == 0
    assert np.asarray(picture).std() > 5


def test_many_names_are_cut_and_it_says_so() -> None:
    full = [(replace(SOME, name=f"name {i}", pixels=i), 1) for i in range(MOST_ROWS)]
    more = [(replace(SOME, name=f"other {i}", pixels=1000 + i), 1) for i in range(3)]
    assert 0 < sheet(*full, *more).height - sheet(*full).height < 60


@pytest.mark.parametrize("name", ["猫", "Größe", "a", "قطة", "an old red barn behind the hill " * 6, "x" * 300])
def test_any_name_keeps_the_size(name: str) -> None:
    plain = sheet((SOME, 1))
    picture = sheet((replace(SOME, name=name, rival=name), 1))
    assert picture.size == plain.size
    column = np.asarray(picture)[:, 229:237]
    assert (column[150:270] == 255).all(), "the name stays in its column"
    summary = WantedSummary(1, 1, 1, 0, 0, (SOME,))
    drawn = wanted_sheet(summary, [[region(name=name)]], read, name)
    assert drawn.size == plain.size
    without = sheet((replace(NONE, name=name, rival=name), 0))
    assert without.width == plain.width
