"""Reading single photos and masks; every fault names its file."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clipteacher.data.files import DataError, read_image, read_values


def save_mask(path: Path, values: list[list[int]]) -> Path:
    Image.fromarray(np.array(values, dtype=np.uint8)).save(path)
    return path


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
        mask = read_values(path)
        assert mask.dtype == np.uint8
        np.testing.assert_array_equal(mask, values)
    # A palette of few colours is stored in 1 or 2 bits; the indices are the ids all the same.
    few = Image.fromarray(np.array([[0, 1], [2, 0]], dtype=np.uint8), mode="P")
    few.putpalette([0, 0, 0, 9, 9, 9, 99, 99, 99])
    few.save(tmp_path / "few.png", bits=2)
    assert read_values(tmp_path / "few.png").tolist() == [[0, 1], [2, 0]]


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
        ("bits", "1 bit"),
        ("jpeg", "got a JPEG file"),
        ("broken", "cannot be read"),
    ):
        with pytest.raises(DataError, match=rf"{name}\.png: .*{message}"):
            read_values(tmp_path / f"{name}.png")


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
        read_values(path)
