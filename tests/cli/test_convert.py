"""`clipteacher convert`: from JSON to a folder that the audit passes."""

from pathlib import Path

import pytest
from tests.convert.drawn import box, coco, image, labelme, read_mask, shape, write_json, write_photo
from tests.convert.layouts import painted, pairs, photo, text

from clipteacher.cli.main import main


def convert(*arguments: object) -> int:
    try:
        main(["convert", *map(str, arguments)])
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def write_coco(root: Path, name: str, first: int = 0, count: int = 5) -> tuple[Path, Path]:
    """Photos with a cat and a dog; two have the same file name as another file's."""
    photos = root / f"{name}_photos"
    keys = range(first, first + count)
    for key in keys:
        write_photo(photos / f"{key}.jpg")
    annotations = [
        {"image_id": key, "category_id": category, "segmentation": [box(category, 0, category + 2, 4)]}
        for key in keys
        for category in (2, 5)
    ]
    value = coco(annotations, [image(key, f"{key}.jpg") for key in keys], {5: "dog", 2: "cat", 9: "bird"})
    return write_json(root / f"{name}.json", value), photos


def test_coco(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pycocotools")
    json, photos = write_coco(tmp_path, "all")
    out = tmp_path / "data"
    assert convert("coco", "--json", json, "--images", photos, "--out", out, "--val", 0.4, "--seed", 3) == 0
    said = capsys.readouterr().out
    assert f"Written: {out} with 3 classes, 3 photos for train and 2 photos for val." in said
    assert f"Next: clipteacher audit --data {out}" in said
    assert (out / "classes.txt").read_text() == "cat\ndog\nbird\n"
    for mask in (out / "masks").rglob("*.png"):
        assert read_mask(mask)[0] == [255, 255, 0, 0, 255, 1, 1, *[255] * 5]
    main(["audit", "--data", str(out), "--split", "val"])
    assert "No fault found" in capsys.readouterr().out


def test_two_of_cocos_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pycocotools")
    train, train_photos = write_coco(tmp_path, "train")
    val, val_photos = write_coco(tmp_path, "val", first=4, count=2)
    arguments = ("coco", "--json", train, "--images", train_photos, "--val_json", val, "--val_images", val_photos)
    assert convert(*arguments, "--out", tmp_path / "data", "--link") == 0
    assert "5 photos for train and 2 photos for val" in capsys.readouterr().out
    assert sorted(photo.name for photo in (tmp_path / "data/images/val").iterdir()) == ["4.jpg", "5.jpg"]
    assert (tmp_path / "data/images/val/4.jpg").samefile(val_photos / "4.jpg")
    assert convert(*arguments[:5], "--val_images", val_photos, "--out", tmp_path / "more") == 2
    assert "without --val_json" in capsys.readouterr().err


def test_labelme_and_the_classes_wanted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(4):
        write_photo(tmp_path / "in" / f"{number}.png")
        shapes = [shape("Dog", [[0, 0], [2, 2]], "rectangle"), shape("cat", [[5, 0], [7, 2]], "rectangle")]
        labelme(tmp_path / "in" / f"{number}.json", shapes, f"{number}.png")
    out = tmp_path / "data"
    assert convert("labelme", tmp_path / "in", "--out", out, "--classes", "dog, horse") == 2
    assert "cat are labels, but not among the given classes" in capsys.readouterr().err
    assert not out.exists()
    assert (
        convert("labelme", tmp_path / "in", "--out", out, "--classes", "dog, horse", "--drop_others", "--val", 0) == 0
    )
    said = capsys.readouterr().out
    assert "note: ignored, since they are not among the classes: cat." in said
    assert "2 classes, 4 photos for train." in said
    assert (out / "classes.txt").read_text() == "dog\nhorse\n"
    assert read_mask(out / "masks/train/0.png")[0] == [0, 0, 0, *[255] * 9]
    assert convert("labelme", tmp_path / "in", "--out", out) == 2
    assert "is not empty" in capsys.readouterr().err


def test_auto(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, out = tmp_path / "in", tmp_path / "data"
    pairs(root, "a b c d e", [0, 1, 2, 255])
    assert convert("auto", root, "--out", out) == 2
    assert 'Add --classes "road, sky, …" in the order of the ids.' in capsys.readouterr().err
    assert not out.exists()
    arguments = ("auto", root, "--out", out, "--classes", "void, road, sky", "--val", 0.4, "--seed", 1)
    assert convert(*arguments) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[0] == (
        "Recognised: images-masks: images/ and masks/; ids 0..2 in 5 masks, named by --classes; "
        "no split to score on: 40 % drawn to score on, seed 1."
    )
    assert "note: not labelled (255): 'void'." in said
    assert f"Written: {out} with 2 classes, 3 photos for train and 2 photos for val." in said
    assert f"Next: clipteacher audit --data {out}" in said
    assert (out / "classes.txt").read_text() == "road\nsky\n"
    for mask in (out / "masks").rglob("*.png"):
        assert read_mask(mask)[0] == [*[255] * 10, *[0] * 10, *[1] * 10, *[255] * 10]
    assert convert(*arguments) == 2
    assert "is not empty" in capsys.readouterr().err
    assert convert("auto", out, "--out", tmp_path / "more") == 0
    said = capsys.readouterr().out
    assert "Recognised: folder: classes.txt, images/ and masks/ with train/ and val/." in said
    assert f"Nothing is written: {out} is in the folder format already." in said
    assert not (tmp_path / "more").exists()


def test_auto_with_colours_and_ids_to_ignore(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        photo(tmp_path / f"in/images/{name}.jpg")
        painted(tmp_path / f"in/masks/{name}.png", [(1, 2, 3), (4, 5, 6)])
    table = text(tmp_path / "mine.txt", "road 1 2 3", "sky 4 5 6")
    assert convert("auto", tmp_path / "in", "--out", tmp_path / "one", "--colours", table, "--val", 0.5) == 0
    assert "Recognised: colour-masks: images/ and masks/; colours of mine.txt" in capsys.readouterr().out
    pairs(tmp_path / "ids", "a b", [0, 1, 2])
    assert convert("auto", tmp_path / "ids", "--out", tmp_path / "two", "--ignore", "0", "--classes", "road, sky") == 0
    assert (tmp_path / "two/classes.txt").read_text() == "road\nsky\n"
    assert convert("auto", tmp_path / "ids", "--out", tmp_path / "three", "--layout", "yolo") == 2
    assert "yolo" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["labelme", "none", "--out", "x"], "none: no such folder"),
        (["labelme", ".", "--out", "x"], "got no photo with annotations"),
        (["auto", "none", "--out", "x"], "none: no such folder"),
        (["auto", ".", "--out", "x"], "got no file, expected photos with masks"),
        (["coco", "--json", "none.json", "--images", ".", "--out", "x"], "none.json: no such file"),
        (["coco", "--images", ".", "--out", "x"], "json"),
        (["yolo", "--out", "x"], "yolo"),
        ([], "kind"),
    ],
)
def test_wrong_input(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert convert(*arguments) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
