"""Reading a folder of photos and masks; every fault names its file."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clipteacher.data.class_list import read_class_names
from clipteacher.data.files import DataError, Record, read_image
from clipteacher.data.folder import FolderSource, list_folder
from clipteacher.data.source import Source, value_table

TABLE = value_table(range(3), rest=(255,))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three small photos of noise with masks of ids 0..2 and 255."""
    rng = np.random.default_rng(0)
    for folder in ("images/train", "masks/train"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "classes.txt").write_text("sky\npotted plant\ncat\n")
    for name in ("b.png", "a.PNG", "c.bmp"):
        Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)).save(tmp_path / "images/train" / name)
        mask = rng.choice(np.array([0, 1, 2, 255], dtype=np.uint8), (6, 8))
        Image.fromarray(mask).save(tmp_path / f"masks/train/{Path(name).stem}.png")
    return tmp_path


def save_mask(path: Path, values: list[list[int]]) -> Path:
    Image.fromarray(np.array(values, dtype=np.uint8)).save(path)
    return path


def test_class_names(root: Path) -> None:
    assert read_class_names(root) == ("sky", "potted plant", "cat")
    (root / "classes.txt").write_bytes("\ufeff sky \r\npotted plant\r\n\r\n  \n".encode())
    assert read_class_names(str(root)) == ("sky", "potted plant")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sky\ncat\nsky\n", r"classes\.txt: 'sky' is on lines 1 and 3"),
        ("sky\n\ncat\n", r"line 2 is blank, so id 1 has no name"),
        ("\n \n", r"classes\.txt: got no name"),
        ("\n".join(map(str, range(256))), r"got 256 names, expected at most 255"),
    ],
)
def test_bad_class_names(root: Path, text: str, message: str) -> None:
    (root / "classes.txt").write_text(text)
    with pytest.raises(DataError, match=message):
        read_class_names(root)


def test_class_names_missing_or_not_text(root: Path) -> None:
    (root / "classes.txt").write_bytes("Bäume".encode("latin-1"))
    with pytest.raises(DataError, match=r"classes\.txt: not UTF-8"):
        read_class_names(root)
    (root / "classes.txt").unlink()
    with pytest.raises(DataError, match=r"classes\.txt: no such file"):
        read_class_names(root)


def test_listing_is_sorted_and_whole(root: Path) -> None:
    (root / "images/train/._b.png").write_bytes(b"macOS")
    (root / "images/train/notes.txt").write_text("no photo")
    (root / "masks/train/spare.png").write_bytes(b"")
    records = list_folder(root, "train")
    assert [record.image.name for record in records] == ["a.PNG", "b.png", "c.bmp"]
    assert [record.mask.name for record in records] == ["a.png", "b.png", "c.png"]


def test_missing_root_and_split(root: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere: no such folder"):
        list_folder(root / "nowhere", "train")
    with pytest.raises(DataError, match=r"images/test: no such folder, expected split 'test'.*holds train\."):
        list_folder(root, "test")
    (root / "images/val").mkdir()
    with pytest.raises(DataError, match=r"masks/val: no such folder"):
        list_folder(root, "val")


def test_empty_split(root: Path) -> None:
    (root / "images/val").mkdir()
    (root / "masks/val").mkdir()
    with pytest.raises(DataError, match=r"images/val: got no photo"):
        list_folder(root, "val")


def test_missing_mask(root: Path) -> None:
    (root / "masks/train/b.png").unlink()
    with pytest.raises(DataError, match=r"b\.png: no mask, expected .*masks/train/b\.png\. Add"):
        list_folder(root, "train")
    (root / "masks/train/c.png").unlink()
    with pytest.raises(DataError, match=r"b\.png: no mask, .*\(and 1 more photos"):
        list_folder(root, "train")


def test_two_photos_of_one_stem(root: Path) -> None:
    Image.new("RGB", (8, 6)).save(root / "images/train/c.jpg")
    with pytest.raises(DataError, match=r"c\.jpg: same stem as c\.bmp"):
        list_folder(root, "train")


def test_source(root: Path) -> None:
    source = FolderSource(root, "train")
    assert (len(source), source.names, source.ignore) == (3, ("sky", "potted plant", "cat"), 255)
    assert [source.paths(index).image.stem for index in range(3)] == ["a", "b", "c"]
    assert source.table.tolist() == [0, 1, 2, *[-1] * 252, 255]
    for index, name in enumerate("abc"):
        image, labels = source.read(index)
        stored = np.array(Image.open(root / f"masks/train/{name}.png"))
        assert labels.dtype == np.uint8
        for read in (labels, source.labels(index), source.values(index)):
            np.testing.assert_array_equal(read, stored)
        np.testing.assert_array_equal(image, read_image(source.paths(index).image))
    assert FolderSource(root, "train", ["sky", "potted plant", "cat"]).names == source.names
    with pytest.raises(DataError, match=r"classes\.txt: got .* got 'potted plant' on line 2, expected 'dog'"):
        FolderSource(root, "train", ("sky", "dog", "cat"))


def test_mask_value_that_is_no_class(root: Path) -> None:
    save_mask(root / "masks/train/b.png", [[0, 3, 3], [2, 200, 255]])
    source = FolderSource(root, "train")
    with pytest.raises(
        DataError,
        match=r"b\.png: got value 3 \(2 pixels\), 200 \(1 pixels\), expected values 0\.\.2 \(3 classes\) or 255",
    ):
        source.labels(1)
    assert source.values(1).tolist() == [[0, 3, 3], [2, 200, 255]], "values are read whatever they are"


def test_pair_of_two_sizes(root: Path) -> None:
    record = FolderSource(root, "train").paths(0)

    def pair(mask: Path) -> Source:
        return Source([Record(record.image, mask)], ["sky", "plant", "cat"], TABLE, fix="")

    image, labels = pair(record.mask).read(0)
    assert image.shape == (6, 8, 3)
    assert labels.shape == (6, 8)
    with pytest.raises(DataError, match=r"other\.png: got 2x1 .*, expected 8x6 as .*a\.PNG\. Draw"):
        pair(save_mask(root / "other.png", [[0, 1]])).read(0)
    with pytest.raises(DataError, match=r"turned\.png: got 6x8 .*EXIF orientation"):
        pair(save_mask(root / "turned.png", [[0] * 6] * 8)).read(0)


def test_photos_of_every_suffix(root: Path) -> None:
    image = Image.open(root / "images/train/b.png")
    for name in ("d.JPG", "e.jfif", "f.gif", "g.TIF", "h.webp"):
        kind = "jpeg" if name.endswith("jfif") else None
        image.save(root / "images/train" / name, format=kind)
        save_mask(root / f"masks/train/{name[0]}.png", [[0] * 8] * 6)
    source = FolderSource(root, "train")
    assert [source.paths(index).image.name[0] for index in range(len(source))] == list("abcdefgh")
    assert all(source.read(index)[0].shape == (6, 8, 3) for index in range(len(source)))
    assert source.warnings == ()


def test_what_is_passed_over_is_told_with_its_number(root: Path) -> None:
    for name in ("x.png", "y.PNG"):
        save_mask(root / "masks/train" / name, [[0]])
    for name in ("p.heic", "notes.txt", "Thumbs.db", ".DS_Store"):
        (root / "images/train" / name).touch()
    for name in ("berlin", "bonn"):
        (root / "images/train" / name).mkdir()
        (root / "images/train" / name / "1.jpg").touch()
    masks, others, below = FolderSource(root, "train").warnings
    assert "masks/train: got 2 masks (x.png, y.PNG) without a photo of the same name" in masks
    assert "images/train: got 2 files (notes.txt, p.heic) that are not read" in others
    assert "images/train: got 2 photos (berlin/1.jpg, bonn/1.jpg) in subfolders, where none is read" in below


def test_photos_in_subfolders_alone(root: Path) -> None:
    (root / "images/train").rename(root / "images/frames")
    (root / "images/train").mkdir()
    (root / "images/frames").rename(root / "images/train/frames")
    with pytest.raises(DataError, match=r"got no photo and 3 in its subfolders, where none is read, .*Move them up"):
        FolderSource(root, "train")


def test_a_mask_in_another_format_is_named(root: Path) -> None:
    (root / "masks/train/b.png").rename(root / "masks/train/b.bmp")
    with pytest.raises(DataError, match=r"b\.png: no mask, expected .*b\.png, got b\.bmp\. Add the mask"):
        list_folder(root, "train")


def test_two_masks_of_one_stem(root: Path) -> None:
    save_mask(root / "masks/train/b.PNG", [[0]])
    with pytest.raises(DataError, match=r"b\.png: same stem as b\.PNG, expected one mask for each photo"):
        list_folder(root, "train")


def test_names_of_files_are_compared_in_the_composed_form(root: Path) -> None:
    """macOS writes "ü" as two signs, and so do archives that were packed there."""
    split, joined = "Zu\N{COMBINING DIAERESIS}rich", "Z\N{LATIN SMALL LETTER U WITH DIAERESIS}rich"
    (root / "images/train/b.png").rename(root / f"images/train/{split}.png")
    (root / "masks/train/b.png").rename(root / f"masks/train/{joined}.png")
    source = FolderSource(root, "train")
    assert [source.paths(index).mask.stem for index in range(3)] == [joined, "a", "c"]
    assert source.warnings == ()
    (root / "classes.txt").write_text(f"sky\n{split}\ncat\n", encoding="utf-8")
    assert FolderSource(root, "train").names == ("sky", joined, "cat")
    Image.new("RGB", (8, 6)).save(root / f"images/train/{joined}.jpg")
    with pytest.raises(DataError, match="same stem as"):
        list_folder(root, "train")
