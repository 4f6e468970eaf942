"""Masks whose labels are colours: tables in every usual form, CVAT's export, and colours that no table has."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.convert.layouts import converted, each, mask, painted, pairs, photo, text, values_by_name, written

from clipteacher.convert.colour_files import find_colours, read_colour_table
from clipteacher.convert.layouts import LayoutOptions, prepare, recognise
from clipteacher.data.files import DataError

ROAD, SKY, VOID, BLUE = (128, 64, 128), (70, 130, 180), (0, 0, 0), (0, 0, 255)


def colour_masks(root: Path, *colours: tuple[int, int, int], names: str = "a b c") -> Path:
    for name in names.split():
        photo(root / f"images/{name}.jpg")
        painted(root / f"masks/{name}.png", colours)
    return root


@pytest.mark.parametrize(
    "lines",
    [
        ("name,r,g,b", "road,128,64,128", "old sky,70,130,180"),
        ("road 128 64 128", "old sky 70 130 180"),
        ("128 64 128\t\troad", "70 130 180\t\told sky"),
        ("128,64,128,road", "70,130,180,old sky"),
        ("# label:color_rgb:parts:actions", "road:128,64,128::", "old sky:70,130,180::"),
        ("road;128;64;128", "", "old sky;70;130;180"),
        ("road #804080", "old sky #4682B4"),
        ("#804080,road", "#4682b4,old sky"),
        ("road: (128, 64, 128)", "old sky: (70, 130, 180)"),
        ("[128, 64, 128] road", "[70, 130, 180] old sky"),
        ('road,"128,64,128"', 'old sky,"70,130,180"'),
        ("id,name,red,green,blue", "7,road,128,64,128", "9,old sky,70,130,180"),
        ("name,id,r,g,b", "road,7,128,64,128", "old sky,9,70,130,180"),
    ],
)
def test_tables_of_colours(lines: tuple[str, ...], tmp_path: Path) -> None:
    file = text(tmp_path / "table.txt", *lines)
    table = read_colour_table(file)
    assert table.names == {0x804080: "road", 0x4682B4: "old sky"}
    assert table.cvat == ("::" in lines[-1])
    assert find_colours([tmp_path]) == table


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("road,7,128,64,128",), "line 1 is 'road,7,128,64,128', expected a class and its colour"),
        (("road,256,0,0",), "line 1 is"),
        (("road,1,2,3", "sky"), "line 2 is 'sky'"),
        (("road,1,2,3", "sky,1,2,3"), "got 'road' and 'sky' for the colour 1,2,3"),
        (("road", "sky"), "line 2 is 'sky'"),
        (("road",), "got no colour"),
        ((), "got no colour"),
    ],
)
def test_what_is_no_table(lines: tuple[str, ...], message: str, tmp_path: Path) -> None:
    file = text(tmp_path / "table.txt", *lines)
    with pytest.raises(DataError, match=message):
        read_colour_table(file)
    assert find_colours([tmp_path]) is None
    text(tmp_path / "readme.txt", "Photos of a street.", "", "size 3 4 5")
    text(tmp_path / "long.csv", ",".join("1" * 90_000))
    assert find_colours([tmp_path]) is None, "one colour may be anything"
    with pytest.raises(DataError, match="no such file"):
        read_colour_table(tmp_path / "none.txt")


def test_colours_by_the_table_that_lies_there(tmp_path: Path) -> None:
    """A colour that is 255 as one number is a class all the same."""
    root = colour_masks(tmp_path / "in", ROAD, BLUE, VOID, SKY)
    table = text(
        root / "class_dict.csv", "name,r,g,b", "sky,70,130,180", "road,128,64,128", "void,0,0,0", "sea,0,0,255"
    )
    text(root / "readme.txt", "Drawn with care.")
    layout, prepared = converted(root, tmp_path / "one")
    assert layout.kind == "colour-masks"
    assert "images/ and masks/; colours of class_dict.csv; " in layout.reason
    assert prepared.classes == ("sky", "road", "sea")
    assert values_by_name(prepared)["a"] == [1, 2, 255, 0]
    assert prepared.notes == ("not labelled (255): 'void'",)
    _, prepared = converted(root, tmp_path / "two", classes=("road", "sky"), ignore=("sea",))
    assert prepared.classes == ("road", "sky")
    assert values_by_name(prepared)["a"] == [0, 255, 1]
    with pytest.raises(DataError, match=r"sea are labels, .*--ignore \"name, name\""):
        recognise(root, LayoutOptions(classes=("road", "sky")))
    with pytest.raises(DataError, match=r"ignore: got 0 for masks of colours"):
        recognise(root, LayoutOptions(ignore=("0",)))
    text(root / "colours.txt", "road 1 2 3", "sky 4 5 6")
    with pytest.raises(DataError, match="Name the right one with --colours"):
        recognise(root)
    assert converted(root, tmp_path / "three", colours=table)[1].classes == ("sky", "road", "sea")


def test_colours_without_a_table_and_beside_it(tmp_path: Path) -> None:
    root = colour_masks(tmp_path / "in", ROAD, SKY)
    with pytest.raises(DataError, match=r"masks of colours \(70,130,180, 128,64,128\).*Add --colours FILE"):
        recognise(root)
    with pytest.raises(DataError, match=r"Add --colours FILE"):
        recognise(root, LayoutOptions(layout="colour-masks"))
    table = text(tmp_path / "mine.txt", "road 128 64 128")
    with pytest.raises(DataError, match=r"got the colours 70,130,180 in 3 masks, expected those of .*mine\.txt"):
        recognise(root, LayoutOptions(colours=table))


def test_two_colours_of_one_class(tmp_path: Path) -> None:
    root = colour_masks(tmp_path / "in", ROAD, SKY, BLUE)
    text(root / "table.txt", "128 64 128 road", "70 130 180 sky", "0 0 255 road")
    _, prepared = converted(root, tmp_path / "out")
    assert prepared.classes == ("road", "sky")
    assert values_by_name(prepared)["b"] == [0, 1, 0]


def test_palettes_are_colours_where_there_is_a_table(tmp_path: Path) -> None:
    """Programs that make PNGs smaller give each a palette of its own."""
    root = tmp_path / "in"
    for name, palette in (("a", [ROAD, SKY]), ("b", [SKY, ROAD])):
        photo(root / f"images/{name}.jpg")
        mask(root / f"masks/{name}.png", [0, 1], palette=palette)
    text(root / "table.txt", "road 128 64 128", "sky 70 130 180")
    _, prepared = converted(root, tmp_path / "out")
    assert values_by_name(prepared) == {"a": [0, 1], "b": [1, 0]}


def test_grey_ids_beside_a_table_are_ids(tmp_path: Path) -> None:
    """CVAT: a mask of one channel holds line numbers."""
    root = pairs(tmp_path / "in", "a b", [0, 1])
    text(root / "labelmap.txt", "road:128,64,128::", "sky:70,130,180::")
    layout, prepared = converted(root, tmp_path / "out")
    assert (layout.kind, prepared.classes) == ("images-masks", ("road", "sky"))
    assert values_by_name(prepared)["a"] == [0, 1]


def test_cvats_export(tmp_path: Path) -> None:
    root = tmp_path / "in"
    for name in ("day/a", "day/b", "c"):
        photo(root / f"JPEGImages/{name}.jpg")
        painted(root / f"SegmentationClass/{name}.png", (VOID, ROAD, SKY))
        painted(root / f"SegmentationObject/{name}.png", (VOID, SKY, ROAD))
    text(root / "ImageSets/Segmentation/default.txt", "day/a", "day/b", "c")
    text(
        root / "labelmap.txt",
        *("# label:color_rgb:parts:actions", "background:0,0,0::", "road:128,64,128::", "sky:70,130,180::"),
    )
    layout, prepared = converted(root, tmp_path / "one")
    assert (layout.kind, prepared.classes) == ("cvat", ("background", "road", "sky"))
    assert values_by_name(prepared) == each(("day_a", "day_b", "c"), [0, 1, 2])
    _, prepared = converted(root, tmp_path / "two", ignore=("background",))
    assert (prepared.classes, values_by_name(prepared)["c"]) == (("road", "sky"), [255, 0, 1])
    (root / "ImageSets/Segmentation/default.txt").unlink()
    text(root / "ImageSets/Segmentation/Train.txt", "day/a", "day/b")
    text(root / "ImageSets/Segmentation/Validation.txt", "c")
    assert set(written(converted(root, tmp_path / "three")[1])) == {"train/day_a", "train/day_b", "val/c"}


def test_a_blurred_colour_is_found_when_it_is_written(tmp_path: Path) -> None:
    root = colour_masks(tmp_path / "in", ROAD, SKY)
    text(root / "table.txt", "road 128 64 128", "sky 70 130 180")
    layout = recognise(root)
    pixels = np.asarray(Image.open(root / "masks/b.png")).copy()
    pixels[:, 19] = (99, 97, 154)
    Image.fromarray(pixels).save(root / "masks/b.png")
    with pytest.raises(DataError, match=r"b\.png: got the colour 99,97,154 \(32 pixels\)"):
        prepare(layout, tmp_path / "out")
    assert not (tmp_path / "out").exists()
