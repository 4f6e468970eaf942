"""Reading a folder of photos and masks; every fault names its file."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clipteacher.data.folder import DataError, Record, list_folder, read_class_names, read_image, read_mask, read_pair


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
        ("sky\ncat\nsky\n", r"classes\.txt: 'sky' stands on lines 1 and 3"),
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


def test_image_is_rgb_and_upright(tmp_path: Path) -> None:
    pixels = np.zeros((2, 4, 3), dtype=np.uint8)
    pixels[0, 0] = (255, 10, 20)
    plain, turned, grey = tmp_path / "plain.png", tmp_path / "turned.png", tmp_path / "grey.png"
    Image.fromarray(pixels).save(plain)
    np.testing.assert_array_equal(read_image(plain), pixels)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to see it upright
    Image.fromarray(pixels).save(turned, exif=exif)
    np.testing.assert_array_equal(read_image(turned), np.rot90(pixels, -1))
    Image.fromarray(pixels[..., 0]).save(grey)
    assert read_image(grey).shape == (2, 4, 3)


def test_unreadable_photo(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    whole = tmp_path / "whole.jpg"
    Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(whole)
    truncated, text, deep = tmp_path / "truncated.jpg", tmp_path / "text.jpg", tmp_path / "deep.tif"
    truncated.write_bytes(whole.read_bytes()[:1500])
    text.write_text("404 not found")
    Image.fromarray(np.full((2, 2), 4000, dtype=np.uint16)).save(deep)
    for path in (truncated, text, tmp_path / "missing.jpg"):
        with pytest.raises(DataError, match=rf"{path.name}: cannot be read"):
            read_image(path)
    with pytest.raises(DataError, match=r"deep\.tif: got a photo of mode I;16, expected 8 bits"):
        read_image(deep)


def test_mask_of_both_modes(tmp_path: Path) -> None:
    values = np.array([[0, 1], [2, 255]], dtype=np.uint8)
    grey = save_mask(tmp_path / "grey.png", values.tolist())
    palette = Image.fromarray(values, mode="P")
    palette.putpalette([7, 7, 7] * 256)
    palette.save(tmp_path / "palette.png")
    for path in (grey, tmp_path / "palette.png"):
        mask = read_mask(path, num_classes=3)
        assert mask.dtype == np.uint8
        np.testing.assert_array_equal(mask, values)
    # A palette of few colours is stored in 1 or 2 bits; the indices are the ids all the same.
    few = Image.fromarray(np.array([[0, 1], [2, 0]], dtype=np.uint8), mode="P")
    few.putpalette([0, 0, 0, 9, 9, 9, 99, 99, 99])
    few.save(tmp_path / "few.png", bits=2)
    assert read_mask(tmp_path / "few.png", 3).tolist() == [[0, 1], [2, 0]]


def test_mask_value_that_is_no_class(tmp_path: Path) -> None:
    path = save_mask(tmp_path / "wrong.png", [[0, 3, 3], [2, 200, 255]])
    with pytest.raises(
        DataError, match=r"wrong\.png: got value 3 \(2 pixels\), 200 \(1 pixels\), expected .*0\.\.2 in"
    ):
        read_mask(path, num_classes=3)


def test_mask_of_wrong_kind(tmp_path: Path) -> None:
    ids = np.array([[0, 1], [2, 1]], dtype=np.uint8)
    Image.fromarray(np.stack([ids] * 3, axis=-1)).save(tmp_path / "rgb.png")
    Image.fromarray(ids.astype(np.uint16)).save(tmp_path / "deep.png")
    Image.fromarray(ids > 0).save(tmp_path / "bits.png")
    Image.fromarray(ids).save(tmp_path / "jpeg.png", format="JPEG")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    for name, message in (
        ("rgb", "mode RGB"),
        ("deep", "mode I;16"),
        ("bits", "mode 1"),
        ("jpeg", "got a JPEG file"),
        ("broken", "cannot be read"),
    ):
        with pytest.raises(DataError, match=rf"{name}\.png: .*{message}"):
            read_mask(tmp_path / f"{name}.png", num_classes=3)


def test_mask_of_four_bit_grey(tmp_path: Path) -> None:
    """Pillow cannot write one, and reads its ids stretched to 0..255."""
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 2, 1, 4, 0, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(b"\x00\x01")), chunk(b"IEND", b""))
    path = tmp_path / "four.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    assert np.array(Image.open(path)).tolist() == [[0, 17]]
    with pytest.raises(DataError, match=r"four\.png: got grey of 4 bits"):
        read_mask(path, num_classes=21)


def test_pair_of_two_sizes(root: Path) -> None:
    record = list_folder(root, "train")[0]
    image, mask = read_pair(record, num_classes=3)
    assert image.shape == (6, 8, 3)
    assert mask.shape == (6, 8)
    other = Record(record.image, save_mask(root / "other.png", [[0, 1]]))
    with pytest.raises(DataError, match=r"other\.png: got 2x1 .*, expected 8x6 as .*a\.PNG\. Draw"):
        read_pair(other, num_classes=3)
    turned = Record(record.image, save_mask(root / "turned.png", [[0] * 6] * 8))
    with pytest.raises(DataError, match=r"turned\.png: got 6x8 .*EXIF orientation"):
        read_pair(turned, num_classes=3)
