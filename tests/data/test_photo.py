"""Whatever a user calls a photo: the right pixels, or an error that names the file and says what to do."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from tests.data.pngs import GREY, GREY_AND_OPACITY, RGB, RGBA, bomb, png_16

from clipteacher.data.files import DataError, decoded, read_image
from clipteacher.data.photo import MAX_PIXELS, eight_bits, read_photo

RANDOM = np.random.default_rng(0)
PIXELS: NDArray[np.uint8] = RANDOM.integers(256, size=(5, 7, 3), dtype=np.uint8)
DEEP = np.array([[0, 1, 256, 257], [32768, 65278, 65534, 65535]], dtype=np.uint16)


def saved(path: Path, image: Image.Image, **options: Any) -> Path:  # noqa: ANN401
    image.save(path, **options)
    return path


def test_colours_of_8_bits_come_as_they_are(tmp_path: Path) -> None:
    path = saved(tmp_path / "photo.png", Image.fromarray(PIXELS))
    for photo in (path, str(path), Image.open(path), Image.fromarray(PIXELS), PIXELS, torch.from_numpy(PIXELS)):
        photo = photo.permute(2, 0, 1) if isinstance(photo, torch.Tensor) else photo
        read = read_photo(photo)
        assert read.dtype == np.uint8
        assert read.flags.c_contiguous
        assert np.array_equal(read, PIXELS)


def test_training_and_testing_read_the_same(tmp_path: Path) -> None:
    """What `evaluate` scores by `read_image` is what `segment` sees."""
    half = Image.fromarray(np.dstack([PIXELS, np.arange(35, dtype=np.uint8).reshape(5, 7) * 7]))
    images = {
        "rgba.png": half,
        "la.png": half.convert("LA"),
        "palette.gif": half.convert("P"),
        "cmyk.jpg": half.convert("CMYK"),
        "grey.jpg": half.convert("L"),
        "bits.png": half.convert("1"),
    }
    for name, image in images.items():
        path = saved(tmp_path / name, image)
        assert np.array_equal(read_photo(path), read_image(path)), name


def test_fractions_keep_their_precision() -> None:
    exact = RANDOM.random((5, 7, 3))
    for photo in (exact, exact.astype(np.float32), torch.from_numpy(exact).permute(2, 0, 1), exact.astype(">f8")):
        read = read_photo(photo)
        assert read.dtype == np.float32
        assert np.array_equal(read, exact.astype(np.float32))
    half = torch.rand(3, 4, 5).to(torch.bfloat16)
    assert np.array_equal(read_photo(half), half.float().permute(1, 2, 0).numpy())
    assert np.array_equal(read_photo(torch.rand(3, 4, 5, requires_grad=True)).shape, (4, 5, 3))


def test_grey_of_every_kind_becomes_three_equal_channels(tmp_path: Path) -> None:
    grey = PIXELS[..., 0]
    path = saved(tmp_path / "grey.png", Image.fromarray(grey))
    for photo in (path, grey, grey[..., None], torch.from_numpy(grey)[None]):
        assert np.array_equal(read_photo(photo), np.dstack([grey] * 3))


def test_sixteen_bits_are_scaled_and_not_clipped(tmp_path: Path) -> None:
    expected = np.dstack([DEEP / np.float32(65535)] * 3).astype(np.float32)
    (tmp_path / "deep.png").write_bytes(png_16(DEEP, GREY))
    saved(tmp_path / "deep.tif", Image.fromarray(DEEP))
    for photo in (tmp_path / "deep.png", tmp_path / "deep.tif", Image.fromarray(DEEP), DEEP, DEEP.astype(">u2")):
        assert np.array_equal(read_photo(photo), expected)
    assert np.array_equal(read_photo(Image.fromarray(DEEP.astype(np.int32))), expected), "mode I, as Pillow once gave"
    assert read_photo(torch.from_numpy(DEEP)[None]).max() == 1


def test_sixteen_bits_of_colour_keep_the_higher_8(tmp_path: Path) -> None:
    colours = np.dstack([DEEP, DEEP[::-1], DEEP[:, ::-1]])
    (tmp_path / "rgb.png").write_bytes(png_16(colours, RGB))
    assert np.array_equal(read_photo(tmp_path / "rgb.png"), (colours >> 8).astype(np.uint8))
    opaque = np.full_like(DEEP, 65535)
    (tmp_path / "rgba.png").write_bytes(png_16(np.dstack([colours, opaque]), RGBA))
    assert np.array_equal(read_photo(tmp_path / "rgba.png"), (colours >> 8).astype(np.uint8))
    (tmp_path / "la.png").write_bytes(png_16(np.dstack([DEEP, opaque]), GREY_AND_OPACITY))
    assert np.array_equal(read_photo(tmp_path / "la.png"), np.dstack([(DEEP >> 8).astype(np.uint8)] * 3))


@pytest.mark.parametrize("opacity", [0, 1, 77, 128, 254, 255])
def test_what_is_transparent_lies_over_white(opacity: int, tmp_path: Path) -> None:
    rgba = np.dstack([PIXELS, np.full(PIXELS.shape[:2], opacity, np.uint8)])
    share = opacity / 255
    exact = PIXELS * share + 255 * (1 - share)
    for photo in (rgba, Image.fromarray(rgba), saved(tmp_path / "rgba.png", Image.fromarray(rgba))):
        assert np.abs(read_photo(photo) - exact).max() <= 0.5
    assert np.abs(read_photo(rgba / 255) * 255 - exact).max() < 1e-3
    assert np.abs(read_photo(rgba.astype(np.uint16) * 257) * 255 - exact).max() < 1e-3


def test_transparency_of_a_palette_and_of_grey(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1, 2]], np.uint8), mode="P")
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    path = saved(tmp_path / "clear.png", image, transparency=1)
    assert read_photo(path).tolist() == [[[10, 20, 30], [255, 255, 255], [70, 80, 90]]]
    grey = Image.fromarray(np.array([[[9, 255], [9, 0]]], np.uint8))
    assert read_photo(grey).tolist() == [[[9, 9, 9], [255, 255, 255]]]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_are_turned_upright(orientation: int, tmp_path: Path) -> None:
    """The pixel that the specification (Exif 2.3, tag 274) calls the first row's first column ends where it says."""
    corners = {1: (0, 0), 2: (0, -1), 3: (-1, -1), 4: (-1, 0), 5: (0, 0), 6: (0, -1), 7: (-1, -1), 8: (-1, 0)}
    pixels = np.zeros((4, 6, 3), np.uint8)
    pixels[0, 0] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path / "turned.png", Image.fromarray(pixels), exif=exif)
    for photo in (path, Image.open(path)):
        upright = read_photo(photo)
        assert upright.shape == ((4, 6, 3) if orientation < 5 else (6, 4, 3))
        assert upright[corners[orientation]].tolist() == [255, 255, 255]
        assert upright.sum() == 3 * 255


def test_cmyk_and_the_first_frame_of_an_animation(tmp_path: Path) -> None:
    cmyk = Image.new("CMYK", (3, 2), (0, 255, 255, 0))
    assert read_photo(cmyk)[0, 0].tolist() == [255, 0, 0]
    frames = [Image.new("RGB", (4, 3), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    assert read_photo(tmp_path / "moving.gif").tolist() == [[[255, 0, 0]] * 4] * 3


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (2, 3)])
def test_any_size(size: tuple[int, int], tmp_path: Path) -> None:
    path = saved(tmp_path / "photo.png", Image.new("RGB", size[::-1], (1, 2, 3)))
    assert read_photo(path).shape == (*size, 3)


def test_views_are_no_trouble_and_the_users_array_stays() -> None:
    array = RANDOM.random((6, 8, 3))
    array.flags.writeable = False
    before = array.copy()
    assert np.array_equal(read_photo(array[::-1, ::2]), before[::-1, ::2].astype(np.float32))
    assert read_photo(PIXELS[::-1]).flags.c_contiguous
    assert np.array_equal(array, before)


def test_a_file_of_more_pixels_than_allowed_is_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bomb.png").write_bytes(bomb(9460))  # 256 MiB of RGB, and a little more
    with pytest.raises(DataError, match=rf"bomb\.png: got 9460x9460 .* 89491600 pixels, expected at most {MAX_PIXELS}"):
        read_photo(tmp_path / "bomb.png")
    (tmp_path / "bomb.png").write_bytes(bomb(60000))
    with pytest.raises(DataError, match=rf"bomb\.png: got 60000x60000 .*, expected at most {MAX_PIXELS}"):
        read_photo(tmp_path / "bomb.png")
    small = saved(tmp_path / "small.png", Image.new("L", (20, 30)))
    for photo in (small, Image.open(small)):
        with pytest.raises(DataError, match=r"20x30 .*, 600 pixels, expected at most 599\. .*max_pixels"):
            read_photo(photo, max_pixels=599)
        assert read_photo(photo, max_pixels=600).shape == (30, 20, 3)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 200)  # Pillow refuses twice as many
    assert read_photo(small, max_pixels=600).shape == (30, 20, 3), "whoever raises our limit means it"
    assert Image.MAX_IMAGE_PIXELS == 200
    with pytest.raises(DataError, match=r"small\.png: cannot be read: .*MAX_IMAGE_PIXELS.*if you trust the file"):
        decoded(small, upright=True)


EPS = "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n"


def broken(name: str, write: Callable[[Path], object]) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        write(folder / name)
        return folder / name

    return make


def cut_jpeg(path: Path) -> None:
    Image.fromarray(RANDOM.integers(256, size=(64, 64, 3), dtype=np.uint8)).save(path, "JPEG")
    path.write_bytes(path.read_bytes()[:1500])


FILES = {
    "missing": (broken("missing.png", lambda path: None), "no such file"),
    "empty": (broken("empty.png", lambda path: path.write_bytes(b"")), "empty .0 bytes."),
    "one byte": (broken("byte.png", lambda path: path.write_bytes(b"\x89")), "no picture that Pillow knows"),
    "text": (broken("text.png", lambda path: path.write_text("404 not found")), "no picture that Pillow knows"),
    "cut": (broken("cut.jpg", cut_jpeg), "truncated"),
    "folder": (broken("folder.png", lambda path: path.mkdir()), "a folder"),
    "EPS": (
        broken("drawing.jpg", lambda path: path.write_text(EPS)),
        "a program for Ghostscript, expected a photo. Save it as PNG",
    ),
    "dangling": (broken("link.png", lambda path: path.symlink_to("nowhere.png")), "a link that leads to no file"),
    "NaN": (
        broken("nan.tif", lambda path: Image.fromarray(np.full((2, 2), np.nan, np.float32)).save(path)),
        "NaN is no colour",
    ),
    "depths": (
        broken("metres.tif", lambda path: Image.fromarray(np.full((2, 2), 700.0, np.float32)).save(path)),
        "got values 700..700, expected 0..1",
    ),
    "32 bits": (
        broken("counts.tif", lambda path: Image.fromarray(np.full((2, 2), 70000, np.int32)).save(path)),
        "expected 16 bits",
    ),
}


@pytest.mark.parametrize("fault", FILES)
def test_files_that_are_no_photo_are_named(fault: str, tmp_path: Path) -> None:
    make, said = FILES[fault]
    path = make(tmp_path)
    with pytest.raises(DataError, match=rf"^{re.escape(str(path))}: .*{said}"):
        read_photo(path)


MEMORY: dict[str, tuple[Any, type[Exception], str]] = {
    "bool": (np.ones((4, 5), bool), ValueError, r"got an array of bool, expected uint8.*astype"),
    "int64": (np.ones((4, 5, 3), int), ValueError, r"got an array of int64, expected uint8"),
    "int8": (np.ones((4, 5, 3), np.int8), ValueError, "got an array of int8"),
    "complex": (np.ones((4, 5, 3), complex), ValueError, "got an array of complex128"),
    "objects": (np.full((4, 5, 3), None), ValueError, "got an array of object"),
    "words": (np.full((4, 5, 3), "red"), ValueError, "got an array of <U3"),
    "255 in float": (PIXELS.astype(float), ValueError, r"got values .*expected 0\.\.1\. Divide 8-bit values by 255"),
    "normalised": (PIXELS / 128 - 1, ValueError, "got values -.*expected 0..1. Undo the normalization"),
    "NaN": (np.full((4, 5, 3), np.nan), ValueError, "NaN is no colour"),
    "one NaN": (np.where(np.arange(60).reshape(4, 5, 3) == 7, np.nan, 0.5), ValueError, "NaN is no colour"),
    "inf": (np.full((4, 5, 3), np.inf), ValueError, "got values inf..inf"),
    "minus inf": (np.full((4, 5, 3), -np.inf), ValueError, "got values -inf..-inf"),
    "negative": (np.full((4, 5, 3), -0.5), ValueError, "got values -0.5..-0.5"),
    "0 dims": (np.zeros(()), ValueError, r"got an array of shape \(\)"),
    "1 dim": (np.zeros(9), ValueError, r"got an array of shape \(9,\)"),
    "4 dims": (np.zeros((1, 4, 5, 3)), ValueError, "one image at a time"),
    "5 dims": (np.zeros((1, 1, 4, 5, 3)), ValueError, r"got an array of shape \(1, 1, 4, 5, 3\)"),
    "channels first": (np.zeros((3, 8, 9)), ValueError, r"transpose\(1, 2, 0\)"),
    "2 channels": (np.zeros((8, 9, 2)), ValueError, r"got an array of shape \(8, 9, 2\)"),
    "no pixels": (np.zeros((0, 9, 3), np.uint8), ValueError, "at least one pixel"),
    "tensor of int64": (torch.ones(3, 4, 5, dtype=torch.int64), ValueError, r"got a tensor of torch\.int64"),
    "tensor of bool": (torch.ones(3, 4, 5, dtype=torch.bool), ValueError, r"got a tensor of torch\.bool"),
    "complex tensor": (torch.zeros(3, 8, 9, dtype=torch.complex64), ValueError, r"got a tensor of torch\.complex64"),
    "channels last": (torch.zeros(8, 9, 3), ValueError, r"got a tensor of shape \(8, 9, 3\), .*permute\(2, 0, 1\)"),
    "batch": (torch.zeros(2, 3, 8, 9), ValueError, r"got a tensor of shape \(2, 3, 8, 9\), .*one image at a time"),
    "flat tensor": (torch.zeros(8, 9), ValueError, r"got a tensor of shape \(8, 9\), .*three channels"),
    "2-channel tensor": (torch.zeros(2, 8, 9), ValueError, r"got a tensor of shape \(2, 8, 9\)"),
    "empty tensor": (torch.zeros(3, 0, 9), ValueError, "at least one pixel"),
    "NaN tensor": (torch.full((3, 4, 5), torch.nan), ValueError, "NaN is no colour"),
    "255 in a tensor": (torch.full((3, 4, 5), 255.0), ValueError, "Divide 8-bit values by 255"),
    "None": (None, TypeError, "got NoneType, expected a path"),
    "number": (7, TypeError, "got int"),
    "bytes": (b"\x89PNG", TypeError, r"got bytes.*PIL\.Image\.open\(io\.BytesIO\(data\)\)"),
    "list": ([PIXELS], TypeError, "got list.*segment_batch"),
    "address": ("https://example.org/cat.jpg", DataError, "no such file"),
    "no path": ("", DataError, "a folder"),
    "empty picture": (Image.new("RGB", (0, 5)), DataError, "got 0x5, expected at least one pixel"),
}


@pytest.mark.parametrize("fault", MEMORY)
def test_what_is_no_photo(fault: str) -> None:
    photo, error, said = MEMORY[fault]
    with pytest.raises(error, match=said):
        read_photo(photo)


def test_a_picture_whose_file_is_closed_or_cut(tmp_path: Path) -> None:
    cut_jpeg(tmp_path / "cut.jpg")
    with pytest.raises(DataError, match=r"cut\.jpg: cannot be read"):
        read_photo(Image.open(tmp_path / "cut.jpg"))
    closed = Image.open(saved(tmp_path / "whole.png", Image.fromarray(PIXELS)))
    closed.close()
    with pytest.raises(DataError, match=r"whole\.png: cannot be read .*keep its file open"):
        read_photo(closed)


def test_overshoot_by_rounding_is_no_error() -> None:
    assert read_photo(np.array([[[-1e-6, 0.5, 1.0000002]]])).tolist() == [[[0, 0.5, 1]]]


def test_rounding_to_8_bits() -> None:
    assert np.array_equal(eight_bits(PIXELS), PIXELS)
    assert np.array_equal(eight_bits(read_photo(PIXELS / 255)), PIXELS)
