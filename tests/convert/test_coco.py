"""COCO's JSON: shapes as pycocotools has them, ids, crowds, and files that are not what they should be."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.convert.drawn import box, coco, image, write_json, write_photo

from clipteacher.convert import coco as module
from clipteacher.convert.annotated import Annotations
from clipteacher.convert.coco import read_coco
from clipteacher.convert.names import name_classes
from clipteacher.convert.painting import paint
from clipteacher.data.files import DataError

coco_mask: Any = pytest.importorskip("pycocotools.mask")

NAMES = {7: "dog", 3: "cat"}
SQUARE = np.pad(np.ones((3, 4), dtype=np.uint8), ((2, 3), (1, 7)))


def compressed(mask: Any) -> dict[str, Any]:  # noqa: ANN401
    runs = coco_mask.encode(np.asfortranarray(mask))
    return {"size": list(runs["size"]), "counts": runs["counts"].decode()}


def read(root: Path, annotations: list[dict[str, Any]], **options: Any) -> Annotations:  # noqa: ANN401
    write_photo(root / "photos" / "a.png")
    value = coco([{"image_id": 1, "category_id": 3} | each for each in annotations], [image(1, "a.png")], NAMES)
    return read_coco(write_json(root / "a.json", value), root / "photos", **options)


def painted(found: Annotations) -> Any:  # noqa: ANN401
    return paint(found.photos[0], name_classes(found.labels).ids)[0]


@pytest.mark.parametrize(
    "segmentation",
    [
        [box(1, 2, 5, 5)],
        [box(1, 2, 3, 5), box(3, 2, 5, 5)],
        compressed(SQUARE),
        {"size": [8, 12], "counts": [10, 3, 5, 3, 5, 3, 5, 3, 59]},
    ],
    ids=["polygon", "two polygons", "compressed run lengths", "run lengths"],
)
def test_each_way_to_write_a_shape(segmentation: Any, tmp_path: Path) -> None:  # noqa: ANN401
    found = read(tmp_path, [{"segmentation": segmentation}])
    assert list(found.labels.items()) == [("cat", 1), ("dog", 0)], "in the order of the category ids"
    assert painted(found).tolist() == np.where(SQUARE, 0, 255).tolist()


def test_run_lengths_are_unpacked_as_pycocotools_does(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    for density in (0.02, 0.5, 0.98):
        mask = (random.random((8, 12)) < density).astype(np.uint8)
        mask[0, 0] = density > 0.5
        assert painted(read(tmp_path, [{"segmentation": compressed(mask)}])).tolist() == np.where(mask, 0, 255).tolist()
    large = np.zeros((700, 900), dtype=np.uint8)  # runs of several letters, and differences below zero
    large[random.integers(0, 700, 50), random.integers(0, 900, 50)] = 1
    large[100:500, 200:700] = 1
    runs = module._run_lengths(compressed(large)["counts"])
    assert sum(runs) == large.size
    decoded = np.repeat(np.arange(len(runs)) % 2, runs).reshape(large.shape, order="F")
    assert np.array_equal(decoded, large)


def test_crowds(tmp_path: Path) -> None:
    crowd = {"segmentation": [box(0, 0, 12, 8)], "iscrowd": 1}
    one = {"segmentation": [box(0, 0, 2, 2)]}
    mask = painted(read(tmp_path, [one, crowd]))
    assert (mask == 0).sum() == 4
    assert (mask == 255).sum() == 92
    assert (painted(read(tmp_path, [one, crowd | {"category_id": 7}], crowd="class")) == 1).sum() == 92


@pytest.mark.parametrize(
    "segmentation",
    [[[1, 1, 5, 5]], [[]], [[3, 3, 3, 3, 3, 3]], [box(20, 20, 30, 30)]],
    ids=["line", "none", "dot", "off"],
)
def test_shapes_without_area_are_left_out(segmentation: Any, tmp_path: Path) -> None:  # noqa: ANN401
    """Four numbers are a box to pycocotools; in a polygon they are a line."""
    found = read(tmp_path, [{"segmentation": segmentation}, {"segmentation": [box(0, 0, 2, 2)]}])
    result = paint(found.photos[0], {"cat": 0, "dog": 1})
    assert (result[0] == 0).sum() == 4
    assert [where.rpartition(": ")[2] for where in result[1]] == ["annotation 100"]


def test_corners_outside_are_cut_off(tmp_path: Path) -> None:
    assert (painted(read(tmp_path, [{"segmentation": [box(-3, -3, 2, 2)]}])) == 0).sum() == 4


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        ({"segmentation": [[1, 1, 5, 1, 5]]}, "polygon of 5 numbers"),
        ({"segmentation": [[1, 1, 1e12, 1, 5, 5]]}, "on or near the photo"),
        ({"segmentation": [[1, 1, float("nan"), 1, 5, 5]]}, "on or near the photo"),
        ({"segmentation": [["1", "2"]]}, "not a list of numbers"),
        ({"segmentation": [1, 2, 3]}, "not a list of numbers"),
        ({"segmentation": "abc"}, "type str"),
        ({"segmentation": {"size": [12, 8], "counts": [96]}}, r"size \[12, 8\], expected \[8, 12\]"),
        ({"segmentation": {"size": [8, 12], "counts": [90]}}, "they cover 90 of 96"),
        ({"segmentation": {"size": [8, 12], "counts": [100, -4]}}, "cannot be read"),
        ({"segmentation": {"size": [8, 12], "counts": "zzz"}}, "cannot be read"),
        ({"segmentation": {"size": [8, 12], "counts": None}}, "cannot be read"),
    ],
)
def test_damaged_shapes(annotation: dict[str, Any], message: str, tmp_path: Path) -> None:
    found = read(tmp_path, [annotation])
    with pytest.raises(DataError, match=f"annotation 100: .*{message}"):
        painted(found)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"annotations": [{"id": 1, "image_id": 9, "category_id": 3, "segmentation": [[0] * 6]}]}, "image_id 9"),
        ({"annotations": [{"id": 1, "image_id": 1, "category_id": 9, "segmentation": [[0] * 6]}]}, "category_id 9"),
        (
            {"annotations": [{"id": 1, "image_id": 1, "category_id": 3, "bbox": [0, 0, 2, 2]}]},
            "masks rather than boxes",
        ),
        ({"annotations": {"a": 1}}, "something else for 'annotations'"),
        ({"images": None}, "got none for 'images'"),
        ({"images": [image(1, "a.png"), image(1, "b.png")]}, "id 1 in images"),
        ({"categories": [{"id": 3, "name": " "}]}, "category 3"),
        ({"images": [image(1, "../a.png")]}, "inside the photos' folder"),
        ({"images": [image(1, "/etc/a.png")]}, "inside the photos' folder"),
        ({"images": [image(1, "C:\\a.png")]}, "inside the photos' folder"),
        ({"images": [image(1, "a.heic")]}, r"ending in \.jpg"),
        ({"images": [{"id": 1, "width": 12, "height": 8}]}, "None for a photo's file name"),
        ({"images": [image(1, "a.png", width=0)]}, "width 0"),
        ({"images": [image(1, "missing.png"), image(2, "x/y.png")]}, r"2 of 2 photos are missing: missing\.png, x/y"),
    ],
)
def test_damaged_files(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    write_photo(tmp_path / "a.png")
    value = coco([{"image_id": 1, "category_id": 3, "segmentation": [box(0, 0, 2, 2)]}], [image(1, "a.png")], NAMES)
    with pytest.raises(DataError, match=message):
        read_coco(write_json(tmp_path / "a.json", value | change), tmp_path)


def test_whole_numbers_may_be_written_as_floats(tmp_path: Path) -> None:
    """As pandas and NumPy write them: sizes, ids, and the sizes and counts of run lengths."""
    write_photo(tmp_path / "a.png")
    run_lengths = {"size": [8.0, 12.0], "counts": [10.0, 3.0, 83.0]}
    annotations = [{"image_id": 1.0, "category_id": 3.0, "segmentation": run_lengths}]
    value = coco(annotations, [image(1, "a.png") | {"id": 1.0, "width": 12.0, "height": 8.0}], NAMES)
    found = read_coco(write_json(tmp_path / "a.json", value), tmp_path)
    assert found.photos[0].size == (8, 12)
    assert (painted(found) == 0).sum() == 3
    value["images"][0]["width"] = 12.5
    with pytest.raises(DataError, match=r"width 12\.5, expected positive whole numbers"):
        read_coco(write_json(tmp_path / "a.json", value), tmp_path)


@pytest.mark.parametrize("used", [False, True])
def test_the_category_above_all_others(used: bool, tmp_path: Path) -> None:
    """Roboflow's; where something belongs to it, it is a class."""
    write_photo(tmp_path / "a.png")
    annotations = [{"image_id": 1, "category_id": 7, "segmentation": [box(0, 0, 2, 2)]}]
    annotations += [{"image_id": 1, "category_id": 0, "segmentation": [box(4, 0, 6, 2)]}] if used else []
    value = coco(annotations, [image(1, "a.png")], {0: "animals"} | NAMES)
    for entry in value["categories"]:
        entry["supercategory"] = "animals" if entry["id"] else "none"
    found = read_coco(write_json(tmp_path / "a.json", value), tmp_path)
    assert list(found.labels) == (["animals", "cat", "dog"] if used else ["cat", "dog"])
    note = "1 categories stand above all others and have no annotation and were left out: animals"
    assert found.notes == (() if used else (note,))


def test_photos_of_subfolders_and_of_no_annotation(tmp_path: Path) -> None:
    for name in ("one/a.png", "two/a.png"):
        write_photo(tmp_path / name)
    value = coco(
        [{"image_id": 5, "category_id": 3, "segmentation": [box(0, 0, 2, 2)]}, {"image_id": 5, "category_id": 3}],
        [image(5, "two/a.png"), image(4, "one/a.png"), image(3, "gone.png")],
        NAMES,
    )
    found = read_coco(write_json(tmp_path / "a.json", value), tmp_path, skip_missing=True)
    assert [photo.target for photo in found.photos] == ["one_a.png", "two_a.png"]
    assert [len(photo.shapes) for photo in found.photos] == [0, 1]
    assert found.notes[0] == "1 annotations have no shape (a box only) and were left out: annotation 101"
    assert "gone.png" in found.notes[1]
    value["images"].append(image(6, "two_a.png"))
    write_photo(tmp_path / "two_a.png")
    with pytest.raises(DataError, match=r"would share the mask two_a\.png"):
        read_coco(write_json(tmp_path / "a.json", value), tmp_path, skip_missing=True)


@pytest.mark.parametrize(("text", "message"), [("{", "not JSON"), ("[1]", "got a list"), ("", "not JSON")])
def test_what_is_no_json(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(DataError, match=message):
        read_coco(tmp_path / "a.json", tmp_path)
    with pytest.raises(DataError, match="no such file"):
        read_coco(tmp_path / "b.json", tmp_path)


def test_without_pycocotools(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def without(name: str) -> Any:  # noqa: ANN401
        raise ImportError(name)

    monkeypatch.setattr("clipteacher.utils.packages.import_module", without)
    with pytest.raises(ImportError, match=r"convert: .*'pycocotools'.*pip install 'clipteacher\[convert\]'"):
        read_coco(tmp_path / "a.json", tmp_path)
