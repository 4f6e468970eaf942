"""Labelme's JSON: each kind of shape, where photos are looked for, and damaged files."""

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.convert.drawn import labelme, png, shape, write_json, write_photo

from clipteacher.convert.annotated import Annotations
from clipteacher.convert.labelme import read_labelme
from clipteacher.convert.names import name_classes
from clipteacher.convert.painting import paint
from clipteacher.data.files import DataError

CAT = shape("cat", [[1, 1], [4, 1], [4, 3], [1, 3]])


def painted(found: Annotations) -> Any:  # noqa: ANN401
    return paint(found.photos[0], name_classes(found.labels).ids)[0]


def where(mask: Any, label: int = 0) -> tuple[int, int, int, int, int]:  # noqa: ANN401
    """Top, left, bottom, right and number of the pixels of a label."""
    rows, columns = np.nonzero(mask == label)
    return int(rows.min()), int(columns.min()), int(rows.max()), int(columns.max()), len(rows)


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (CAT, (1, 1, 3, 4, 12)),  # Labelme's outline counts: points are pixels
        (CAT | {"shape_type": None}, (1, 1, 3, 4, 12)),  # as its oldest versions wrote polygons
        (CAT | {"shape_type": "oriented_rectangle"}, (1, 1, 3, 4, 12)),
        (CAT | {"shape_type": "rotation"}, (1, 1, 3, 4, 12)),
        (shape("cat", [[4, 3], [1, 1]], "rectangle"), (1, 1, 3, 4, 12)),
        (CAT | {"shape_type": "rectangle"}, (1, 1, 3, 4, 12)),
        (shape("cat", [[6, 4], [6, 6]], "circle"), (2, 4, 6, 8, 21)),
        (shape("cat", [[2, 3], [4, 4]], "mask", mask=png(np.full((2, 3), True))), (3, 2, 4, 4, 6)),
        (shape("cat", [[-1, 7], [1, 8]], "mask", mask=png(np.full((2, 3), True))), (7, 0, 7, 1, 2)),
        (shape("cat", [[-5, -5], [50, -5], [50, 50], [-5, 50]]), (0, 0, 7, 11, 96)),
    ],
    ids=[
        "polygon",
        "no type",
        "oriented",
        "rotation",
        "rectangle",
        "four corners",
        "circle",
        "mask",
        "mask over the edge",
        "polygon over the edge",
    ],
)
def test_each_kind_of_shape(one: dict[str, Any], expected: tuple[int, ...], tmp_path: Path) -> None:
    write_photo(tmp_path / "a.png")
    labelme(tmp_path / "a.json", [one], "a.png")
    assert where(painted(read_labelme(tmp_path))) == expected


def test_shapes_without_area_and_ignored_ones(tmp_path: Path) -> None:
    write_photo(tmp_path / "a.png")
    shapes = [
        shape("whisker", [[0, 0], [5, 5]], "line"),
        shape("nose", [[3, 3]], "point"),
        shape("cat", [[2, 2], [2, 2], [5, 5]]),
        shape("cat", [[2, 2], [2, 2]], "circle"),
        shape("cat", [[2, 2], [9, 2]], "rectangle"),
        shape("dog", [[0, 0], [11, 7]], "rectangle"),
        shape("__ignore__", [[0, 0], [2, 2]], "rectangle"),
    ]
    labelme(tmp_path / "a.json", shapes, "a.png")
    found = read_labelme(tmp_path)
    assert list(found.labels) == ["cat", "dog"], "whisker and nose are no classes, for they have no area"
    result = paint(found.photos[0], name_classes(found.labels).ids)
    assert len(result[1]) == 3
    assert (result[0][:3, :3] == 255).all()
    assert (result[0] == 1).sum() == 96 - 9
    assert found.notes[1] == "1 shapes of __ignore__ are not labelled (255)"
    assert found.notes[0].startswith("2 lines or points have no area and were left out")


def test_names_are_in_alphabetical_order(tmp_path: Path) -> None:
    for number, label in enumerate(("tree", "Cat", "apple", "cat")):
        write_photo(tmp_path / f"{number}.png")
        labelme(tmp_path / f"{number}.json", [CAT | {"label": label}], f"{number}.png")
    assert name_classes(read_labelme(tmp_path).labels).names == ("apple", "Cat", "tree")


@pytest.mark.parametrize(
    ("written", "there", "target"),
    [
        ("a.png", "json/a.png", "a.png"),
        ("sub/a.png", "json/sub/a.png", "sub_a.png"),
        ("..\\photos\\a.png", "photos/a.png", "a.png"),
        ("../gone/a.png", "json/a.png", "a.png"),
        ("/home/someone/a.png", "json/a.png", "a.png"),
        ("C:\\me\\a.png", "json/a.png", "a.png"),
        ("sub/a.png", "json/a.png", "sub_a.png"),
    ],
)
def test_where_photos_are_looked_for(written: str, there: str, target: str, tmp_path: Path) -> None:
    photo = write_photo(tmp_path / there)
    labelme(tmp_path / "json" / "a.json", [CAT], written)
    (found,) = read_labelme(tmp_path / "json").photos
    assert found.file.resolve() == photo.resolve()
    assert found.target == target


def test_a_photo_inside_the_file(tmp_path: Path) -> None:
    photo = write_photo(tmp_path / "elsewhere" / "a.png")
    labelme(tmp_path / "a.json", [CAT], "a.png", imageData=base64.b64encode(photo.read_bytes()).decode())
    found = read_labelme(tmp_path)
    assert found.photos[0].content == photo.read_bytes()
    assert where(painted(found)) == (1, 1, 3, 4, 12)


def test_missing_photos_and_files(tmp_path: Path) -> None:
    write_photo(tmp_path / "bare.png")
    write_photo(tmp_path / "a.png")
    labelme(tmp_path / "a.json", [CAT], "a.png")
    labelme(tmp_path / "b.json", [CAT], "b.png")
    with pytest.raises(DataError, match=r"photos of 1 JSON files are missing: b\.json"):
        read_labelme(tmp_path)
    found = read_labelme(tmp_path, skip_missing=True)
    assert [photo.target for photo in found.photos] == ["a.png"]
    assert found.notes == (
        "1 JSON files have no photo and were left out: b.json",
        "1 photos have no JSON file and were left out: bare.png",
    )


@pytest.mark.parametrize(
    ("one", "message"),
    [
        (shape("cat", [[1, 1], [2]]), "points that a polygon cannot have"),
        (shape("cat", [[1, float("inf")], [2, 2], [3, 3]]), "points that a polygon cannot have"),
        (shape("cat", [[1, 1]], "circle"), "points that a circle cannot have, expected 2"),
        (shape("cat", [[1, 1], [2, 2], [3, 3]], "rectangle"), "points that a rectangle cannot have, expected 2 or 4"),
        (shape("cat", [[1, 1], [2, 2]], "cuboid"), "type 'cuboid'"),
        (shape("cat", [[1, 1], [2, 2]], "mask", mask="*"), "not base64"),
        (shape("cat", [[1, 1], [2, 2]], "mask", mask="aGVsbG8="), "mask cannot be read"),
        (CAT | {"label": 3}, "label 3"),
        ("cat", "type 'str'"),
    ],
)
def test_damaged_shapes(one: Any, message: str, tmp_path: Path) -> None:  # noqa: ANN401
    write_photo(tmp_path / "a.png")
    labelme(tmp_path / "a.json", [one], "a.png")
    with pytest.raises(DataError, match=rf"a\.json: shape 0: .*{message}"):
        read_labelme(tmp_path)


def test_what_is_no_folder_of_labelmes(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        read_labelme(tmp_path / "none")
    with pytest.raises(DataError, match="got no photo with annotations"):
        read_labelme(tmp_path)
    write_json(tmp_path / "package.json", {"name": "mine"})
    with pytest.raises(DataError, match=r"package\.json: no `shapes`"):
        read_labelme(tmp_path)
