"""Folders of annotations as tools export them: COCO's, Roboflow's, Labelme's, X-AnyLabeling's, Label Studio's."""

import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.convert.drawn import box, coco, image, labelme, shape, write_json
from tests.convert.layouts import (
    HEIGHT,
    WIDTH,
    bands,
    converted,
    each,
    mask,
    pairs,
    photo,
    text,
    values_by_name,
    written,
)

from clipteacher.convert.layouts import LayoutOptions, prepare, recognise
from clipteacher.data.files import DataError

NAMES = {1: "cat", 2: "dog"}
LEFT, RIGHT = box(0, 0, WIDTH // 2, HEIGHT), box(WIDTH // 2, 0, WIDTH, HEIGHT)


def two_animals(names: dict[int, str]) -> dict[str, Any]:
    """COCO's JSON: a cat on the left and a dog on the right of each photo."""
    images = [image(key, name, WIDTH, HEIGHT) for key, name in names.items()]
    annotations = [
        {"image_id": key, "category_id": category, "segmentation": [polygon]}
        for key in names
        for category, polygon in ((1, LEFT), (2, RIGHT))
    ]
    return coco(annotations, images, NAMES)


@pytest.fixture
def _pycocotools() -> None:
    pytest.importorskip("pycocotools")


@pytest.mark.usefixtures("_pycocotools")
@pytest.mark.parametrize("photos", ["images", "{}2017", "images/{}2017"])
def test_cocos_release(photos: str, tmp_path: Path) -> None:
    root = tmp_path / "in"
    for split, names in {"train": ("a.jpg", "b.jpg"), "val": ("c.jpg",)}.items():
        for name in names:
            photo(root / photos.format(split) / name)
        write_json(root / f"annotations/instances_{split}2017.json", two_animals(dict(enumerate(names))))
        write_json(root / f"annotations/person_keypoints_{split}2017.json", two_animals(dict(enumerate(names))))
        write_json(root / f"annotations/captions_{split}2017.json", {"images": [], "annotations": []})
    layout, prepared = converted(root, tmp_path / "out")
    assert (layout.kind, prepared.classes) == ("coco", ("cat", "dog"))
    assert layout.reason == (
        "COCO's annotations/instances_train2017.json, annotations/instances_val2017.json: 6 shapes"
    )
    assert written(prepared) == each(("train/a", "train/b", "val/c"), [0, 1])
    assert "person_keypoints_train2017.json is not used" in prepared.notes


@pytest.mark.usefixtures("_pycocotools")
def test_roboflows_export(tmp_path: Path) -> None:
    """A file in each split's folder, sizes as floats, and a category above all others that nothing belongs to."""
    root = tmp_path / "in"
    for split, names in {"train": ("a.jpg", "b.jpg"), "valid": ("c.jpg",), "test": ("d.jpg",)}.items():
        value = two_animals(dict(enumerate(names)))
        for entry in value["images"]:
            entry |= {"width": float(WIDTH), "height": float(HEIGHT), "id": float(entry["id"])}
        for entry in value["categories"]:
            entry["supercategory"] = "animals"
        value["categories"].insert(0, {"id": 0, "name": "animals", "supercategory": "none"})
        write_json(root / split / "_annotations.coco.json", value)
        for name in names:
            photo(root / split / name)
    _, prepared = converted(root, tmp_path / "out")
    assert prepared.classes == ("cat", "dog")
    assert written(prepared) == each(("train/a", "train/b", "val/c"), [0, 1])
    assert "1 categories stand above all others and have no annotation and were left out: animals" in prepared.notes
    assert "_annotations.coco.json is not used" in prepared.notes


@pytest.mark.usefixtures("_pycocotools")
def test_one_coco_file_and_several(tmp_path: Path) -> None:
    root = tmp_path / "in"
    decomposed = unicodedata.normalize("NFD", "Zürich.jpg")
    for name in ("day/a.jpg", "day/b.jpg", decomposed):
        photo(root / "photos" / name)
    write_json(root / "one.json", two_animals({1: "day/a.jpg", 2: "gone.jpg"}))
    write_json(root / "two.json", two_animals({1: "day/b.jpg", 2: "Zürich.jpg"}))
    layout, prepared = converted(root, tmp_path / "out", ignore=("dog",))
    assert prepared.classes == ("cat",)
    assert values_by_name(prepared) == each(("day_a", "day_b", "Zürich"), [0, 255])
    assert "20 % drawn" in layout.reason
    assert any("gone.jpg" in note for note in prepared.notes)
    with pytest.raises(DataError, match="dog are labels, but not among the given classes"):
        recognise(root, LayoutOptions(classes=("cat",)))
    with pytest.raises(DataError, match="which has no colours"):
        recognise(root, LayoutOptions(colours=root / "table.txt"))
    write_json(root / "two.json", two_animals({1: "elsewhere.jpg"}))
    with pytest.raises(DataError, match=r"two\.json: got the photos elsewhere\.jpg, expected them below"):
        recognise(root)


@pytest.mark.usefixtures("_pycocotools")
def test_which_coco_file_is_trained_on(tmp_path: Path) -> None:
    root = tmp_path / "in"
    for name in ("a.jpg", "b.jpg"):
        photo(root / "images" / name)
    write_json(root / "all.json", two_animals({1: "a.jpg"}))
    write_json(root / "val.json", two_animals({1: "b.jpg"}))
    assert set(written(converted(root, tmp_path / "out")[1])) == {"train/a", "val/b"}
    write_json(root / "all.json", two_animals({1: "a.jpg", 2: "b.jpg"}))
    with pytest.raises(DataError, match=r"b\.jpg: got 1 photos both to train and to score on"):
        recognise(root)
    (root / "all.json").rename(root / "test.json")
    write_json(root / "val.json", two_animals({1: "a.jpg", 2: "b.jpg"}))
    layout = recognise(root)
    assert {split: len(photos) for split, photos in layout.photos.items()} == {"train": 1, "val": 1}
    assert "20 % drawn" in layout.reason, "a file to score on alone is divided"
    assert layout.notes == ("test.json is not used",)
    (root / "val.json").unlink()
    with pytest.raises(DataError, match=r"got test\.json alone, to test on, expected a file to train on"):
        recognise(root)


@pytest.mark.usefixtures("_pycocotools")
def test_annotations_beside_masks_are_asked_about(tmp_path: Path) -> None:
    root = pairs(tmp_path / "in", "a b", [0, 1])
    write_json(root / "instances.json", two_animals({1: "a.jpg", 2: "b.jpg"}))
    with pytest.raises(DataError, match=r"as coco and as images-masks, .*Add --layout coco or --layout images-masks"):
        recognise(root)
    assert converted(root, tmp_path / "one", layout="coco")[1].classes == ("cat", "dog")
    layout, prepared = converted(root, tmp_path / "two", layout="images-masks", classes=("road", "sky"))
    assert (layout.kind, prepared.classes) == ("images-masks", ("road", "sky"))
    text(root / "classes.txt", "road", "sky")
    assert recognise(root).classes == ("road", "sky"), "classes.txt and masks/: it is our folder"


def rectangle(label: str, left: float, right: float) -> dict[str, Any]:
    return shape(label, [[left, 0], [right, HEIGHT - 1]], "rectangle")


@pytest.mark.parametrize(
    ("json", "photos"),
    [("{}", "{}"), ("labels/{}", "images/{}"), ("{}/json", "{}/photos"), ("deep/er/{}", "deep/er/{}")],
)
def test_labelmes_folders(json: str, photos: str, tmp_path: Path) -> None:
    """JSON files and photos of one name in each of two folders, beside each other or not."""
    root = tmp_path / "in"
    for day in ("day1", "day2"):
        photo(root / photos.format(day) / "a.jpg")
        shapes = [rectangle("cat", 0, 19), rectangle("_background_", 20, WIDTH - 1)]
        labelme(root / json.format(day) / "a.json", shapes, "a.jpg", WIDTH, HEIGHT)
    layout, prepared = converted(root, tmp_path / "out")
    assert (layout.kind, prepared.classes) == ("labelme", ("background", "cat"))
    assert sorted(values_by_name(prepared).values()) == [[1, 0], [1, 0]]
    assert len(set(values_by_name(prepared))) in (1, 2)
    photos_written = [file.read_bytes() for file in sorted((prepared.root / "images").rglob("*.jpg"))]
    originals = [(root / photos.format(day) / "a.jpg").read_bytes() for day in ("day1", "day2")]
    assert sorted(photos_written) == sorted(originals)
    assert "2 shapes of _background_ are the class 'background'" in prepared.notes


def test_labelmes_splits_and_a_photo_of_two_places(tmp_path: Path) -> None:
    root = tmp_path / "in"
    for split, name in (("train", "a"), ("train", "b"), ("val", "c"), ("test", "d")):
        photo(root / split / f"{name}.jpg")
        labelme(root / split / f"{name}.json", [rectangle("cat", 0, WIDTH - 1)], f"{name}.jpg", WIDTH, HEIGHT)
    _, prepared = converted(root, tmp_path / "out")
    assert set(written(prepared)) == {"train/train_a", "train/train_b", "val/val_c"}
    assert "1 photos are not in train or val and were left out: test_d.jpg" in prepared.notes
    for file in sorted((root / "val").iterdir()):
        file.unlink()
    layout = recognise(root)
    assert sorted(each.target for part in layout.photos.values() for each in part) == ["train_a.jpg", "train_b.jpg"]
    assert "20 % drawn" in layout.reason, "from those to train on, never from test"
    for folder in ("one", "two"):
        photo(root / folder / "e.jpg")
    labelme(root / "json" / "e.json", [rectangle("cat", 0, WIDTH - 1)], "e.jpg", WIDTH, HEIGHT)
    assert "1 JSON files have no photo and were left out: json/e.json" in recognise(root).notes


def test_x_anylabelings_shapes(tmp_path: Path) -> None:
    """Rectangles with four corners, rotated ones under their other name, and strips of lines without area."""
    root = tmp_path / "in"
    corners = [[0.0, 0.0], [9.0, 0.0], [9.0, 31.0], [0.0, 31.0]]
    shapes = [
        shape("cat", corners, "rectangle", direction=0),
        shape("dog", [[x + 20, y] for x, y in corners], "rotation", direction=1.5),
        shape("edge", [[0, 0], [5, 5], [9, 9]], "linestrip"),
        shape("__ignore__", [[35, 0], [39, 31]], "rectangle"),
    ]
    for name in "ab":
        photo(root / f"{name}.jpg")
        labelme(root / f"{name}.json", shapes, f"{name}.jpg", WIDTH, HEIGHT, imageWidth=float(WIDTH))
    _, prepared = converted(root, tmp_path / "out")
    assert prepared.classes == ("cat", "dog")
    ids = np.asarray(Image.open(next((prepared.root / "masks").rglob("a.png"))))
    assert ids[0].tolist() == [0] * 10 + [255] * 10 + [1] * 10 + [255] * 10
    assert (ids == ids[0]).all()
    assert prepared.notes[0].startswith("2 lines or points have no area and were left out")
    assert "2 shapes of __ignore__ are not labelled (255)" in prepared.notes


def label_studio(root: Path, *, tasks: object = None) -> Path:
    """Two tasks: a cat on the left and an old dog on the right, and for one of them an earlier annotation."""
    for task, annotation in ((12, 3), (12, 2), (13, 4)):
        for label, values in {"cat": [255, 0], "old-dog": [0, 255]}.items():
            part = [255, 255] if annotation == 2 else values
            mask(root / f"masks/task-{task}-annotation-{annotation}-by-1-tag-{label}-0.png", part)
    if tasks is not None:
        write_json(root / "export.json", tasks)
    return root


def results(label: str) -> list[dict[str, Any]]:
    return [{"from_name": "tag", "type": "brushlabels", "value": {"brushlabels": [each]}} for each in ("cat", label)]


@pytest.mark.parametrize(
    "tasks",
    [
        [
            {
                "id": 12,
                "file_upload": "0a1b2c3d-a.jpg",
                "data": {"image": "/data/upload/1/0a1b2c3d-a.jpg"},
                "annotations": [{"id": 3, "result": results("old/dog")}],
            },
            {
                "id": 13,
                "data": {"image": "/data/local-files/?d=photos/b%20c.jpg"},
                "annotations": [{"id": 4, "result": results("old/dog")}],
            },
        ],
        [{"id": 12, "image": "/data/upload/1/0a1b2c3d-a.jpg"}, {"id": 13, "image": "s3://mine/photos/b c.jpg"}],
    ],
    ids=["json", "json-min"],
)
def test_label_studios_brushes(tasks: list[dict[str, Any]], tmp_path: Path) -> None:
    root = label_studio(tmp_path / "in", tasks=tasks)
    for name in ("a.jpg", "b c.jpg", "bare.jpg"):
        photo(root / "images" / name)
    layout, prepared = converted(root, tmp_path / "out")
    dog = "old/dog" if "annotations" in tasks[0] else "old-dog"
    assert (layout.kind, prepared.classes) == ("label-studio", ("cat", dog))
    assert values_by_name(prepared) == {"a": [0, 1], "b c": [0, 1]}
    assert any(note.startswith("2 masks are of earlier annotations of their photos") for note in prepared.notes)
    assert "1 photos have no mask and were left out: bare.jpg" in prepared.notes


def test_label_studios_brushes_without_json(tmp_path: Path) -> None:
    root = label_studio(tmp_path / "in")
    photo(root / "images/12.jpg")
    with pytest.raises(DataError, match=r"no photo for the tasks 13, expected the project's JSON export"):
        recognise(root)
    photo(root / "images/task-13.jpg")
    assert values_by_name(converted(root, tmp_path / "one")[1]) == {"12": [0, 1], "task-13": [0, 1]}
    photo(root / "images/12.jpg", (20, 10))
    with pytest.raises(DataError, match=r"task-12-annotation-3-by-1-tag-cat-0\.png: got 40x32, expected .* 20x10"):
        prepare(recognise(root), tmp_path / "two")


def test_brushes_are_what_is_above_half(tmp_path: Path) -> None:
    root = tmp_path / "in"
    for name in ("12", "13"):
        photo(root / f"images/{name}.jpg")
        path = root / f"task-{name}-annotation-1-by-me@example.org-tag-cat-0.png"
        Image.fromarray(bands([0, 127, 128, 255])).save(path)
    assert values_by_name(converted(root, tmp_path / "out")[1])["12"] == [255, 0]
