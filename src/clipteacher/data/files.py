"""Reading single files: photos upright, 8-bit masks unchanged, with errors that say what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

IMAGE_SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
"""Suffixes of photos in a folder, in upper or lower case."""


class DataError(ValueError):
    """A file of a data set that cannot be used; the message names it and says what to do."""


class Record(NamedTuple):
    """A photo and its mask.

    Attributes:
        image: Path of the photo.
        mask: Path of the file with its labels.
    """

    image: Path
    mask: Path


def read_image(path: str | Path) -> NDArray[np.uint8]:
    """Read a photo upright, as its EXIF orientation says.

    Args:
        path: A photo with 8 bits per channel; grey, palette and CMYK become RGB, transparency is laid over white.

    Returns:
        The photo (H, W, 3), uint8, RGB, 0..255.

    Raises:
        DataError: The file cannot be read completely, or has more than 8 bits per channel.
    """
    image = decoded(path, upright=True)
    if image.mode.startswith(("I", "F")):
        raise DataError(
            f"{path}: got a photo of mode {image.mode}, expected 8 bits per channel. Convert it to 8-bit RGB."
        )
    return rgb(image)


def rgb(image: Image.Image) -> NDArray[np.uint8]:
    """Return the colours of a decoded picture with 8 bits per channel, laid over white, as viewers show it.

    Args:
        image: Of any mode except those with deeper channels (I, I;16, F).

    Returns:
        (H, W, 3), uint8, RGB, 0..255.
    """
    if not image.has_transparency_data:
        return np.array(image.convert("RGB"), dtype=np.uint8)
    return over_white(np.array(image.convert("RGBA"), dtype=np.uint8))


def over_white(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lay colours with opacity over white.

    Args:
        pixels: (H, W, 4), uint8, RGB and opacity, 0..255.

    Returns:
        (H, W, 3), uint8, RGB, 0..255; opaque pixels are unchanged.

    Example:
        >>> over_white(np.array([[[9, 0, 0, 255], [9, 0, 0, 0]]], dtype=np.uint8)).tolist()
        [[[9, 0, 0], [255, 255, 255]]]
    """
    opacity = pixels[..., 3:].astype(np.uint16)
    laid: NDArray[np.uint16] = (pixels[..., :3] * opacity + 255 * (255 - opacity) + 127) // 255
    return laid.astype(np.uint8)


def read_values(path: str | Path) -> NDArray[np.uint8]:
    """Read the values of a mask as they are stored.

    Args:
        path: A PNG with one 8-bit channel (mode L) or a palette (mode P, whose indices are the values).

    Returns:
        Values (H, W), uint8, 0..255.

    Raises:
        DataError: The file cannot be read, is not a PNG, or has another mode or depth.
    """
    # A mask has no orientation of its own.
    image = decoded(path, upright=False)
    if image.format != "PNG":
        raise DataError(
            f"{path}: got a {image.format} file, expected PNG, since lossy formats blur ids. Save it as PNG."
        )
    if image.mode not in ("L", "P"):
        raise DataError(
            f"{path}: got a mask of mode {image.mode}, expected one 8-bit channel of class ids (L) or a palette (P). "
            "Turn colours into ids 0..N-1 in the order of classes.txt; 255 = ignore."
        )
    depth = _png_bit_depth(Path(path))
    if image.mode == "L" and depth != 8:
        # Pillow stretches grey of 2 or 4 bits to 0..255: id 1 would arrive as 85 or 17.
        raise DataError(
            f"{path}: got grey of {depth} bits, whose ids are lost in reading, expected 8. Save it as 8-bit."
        )
    return np.array(image, dtype=np.uint8)


def read_colours(path: str | Path) -> NDArray[np.uint8]:
    """Read a mask whose labels are stored as colours.

    Args:
        path: A PNG of mode RGB.

    Returns:
        Colours (H, W, 3), uint8, 0..255.

    Raises:
        DataError: The file cannot be read, is not a PNG, or has another mode.
    """
    image = decoded(path, upright=False)
    if image.format != "PNG" or image.mode != "RGB":
        raise DataError(
            f"{path}: got a {image.format} file of mode {image.mode}, expected a PNG of mode RGB, as released. Unpack "
            "it from the archive again."
        )
    return np.array(image, dtype=np.uint8)


def check_one_size(record: Record, image: NDArray[np.uint8], mask: NDArray[np.unsignedinteger]) -> None:
    """Check that a mask has the size of its photo.

    Args:
        record: Their paths, for the message.
        image: The photo (H, W, 3), uint8.
        mask: Its labels (H, W), unsigned integer, any ids.

    Raises:
        DataError: The sizes differ.
    """
    if image.shape[:2] == mask.shape:
        return
    turned = image.shape[:2] == mask.shape[::-1]
    fix = (
        "The photo may be turned by its EXIF orientation: turn the mask as well, or save the photo upright."
        if turned
        else "Draw the mask at the size of the photo; never stretch it with smoothing."
    )
    raise DataError(
        f"{record.mask}: got {mask.shape[1]}x{mask.shape[0]} (width x height), expected "
        f"{image.shape[1]}x{image.shape[0]} as {record.image}. {fix}"
    )


def decoded(path: str | Path, *, upright: bool, max_pixels: int | None = None) -> Image.Image:
    """Open and decode a picture completely; of several frames, the first.

    Args:
        path: The file.
        upright: Rotate it as its EXIF orientation says.
        max_pixels: Refuse a larger picture by its header, before it takes memory; None leaves that to Pillow, which
            refuses twice its `PIL.Image.MAX_IMAGE_PIXELS`.

    Raises:
        DataError: There is no such file, it cannot be read completely, or it is too large.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: cannot be read: {_what_is_at(path)}, expected a picture. Check the path.")
    if not path.stat().st_size:
        raise DataError(f"{path}: cannot be read: the file is empty (0 bytes), expected a picture. Copy it again.")
    try:
        with Image.open(path) as image:
            check_size(image.size, max_pixels, str(path))
            image.load()
            return ImageOps.exif_transpose(image) if upright else image
    except DataError:
        raise
    except Image.DecompressionBombError as error:
        raise DataError(
            f"{path}: cannot be read: {error} Expected at most twice PIL.Image.MAX_IMAGE_PIXELS. Make the picture "
            "smaller, or raise that number if you trust the file."
        ) from error
    except Exception as error:  # a decoder may raise almost anything on broken bytes
        raise DataError(
            f"{path}: cannot be read ({type(error).__name__}: {error}), expected an intact picture. Save it again, "
            "or remove it."
        ) from error


def check_size(size: tuple[int, int], max_pixels: int | None, name: str) -> None:
    """Check that a picture of a width and height has no more pixels than allowed; None allows any number.

    Raises:
        DataError: It has more.
    """
    width, height = size
    if max_pixels is not None and width * height > max_pixels:
        raise DataError(
            f"{name}: got {width}x{height} (width x height), {width * height} pixels, expected at most {max_pixels}. "
            "Make the picture smaller, or raise max_pixels if you trust it."
        )


def _what_is_at(path: Path) -> str:
    """Describe what is at a path that is not a file."""
    if path.is_symlink() and not path.exists():
        return "a link to a file that is gone"
    if path.is_dir():
        return "a folder"
    return "no plain file" if path.exists() else "no such file"


def _png_bit_depth(path: Path) -> int:
    """Bits per channel, from byte 24 of the header (PNG specification, 11.2.1)."""
    with path.open("rb") as file:
        return file.read(25)[24]
