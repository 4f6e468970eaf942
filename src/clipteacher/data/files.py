"""Reading single files: photos upright, 8-bit masks unchanged, with errors that say what to do."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from threading import Lock
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

IMAGE_SUFFIXES: Final = (".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff")
"""Suffixes of photos in a folder, in upper or lower case."""


_LIMIT_LIFTED: Final = Lock()  # Pillow's limit is one for all threads


class DataError(ValueError):
    """A file of a data set that cannot be used; the message names it and says what to do."""


class Record(NamedTuple):
    """Paths of a photo and of the mask with its labels."""

    image: Path
    mask: Path


def read_image(path: str | Path) -> NDArray[np.uint8]:
    """Read a photo upright, as its EXIF orientation says: (H, W, 3), uint8, RGB, 0..255.

    Grey, palette and CMYK become RGB, transparency is laid over white.

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
    """Return the colours of a decoded picture, laid over white, as viewers show it: (H, W, 3), uint8, RGB, 0..255.

    Args:
        image: Of any mode except those with more than 8 bits per channel (I, I;16, F).
    """
    if not image.has_transparency_data:
        return np.array(image.convert("RGB"), dtype=np.uint8)
    return over_white(np.array(image.convert("RGBA"), dtype=np.uint8))


def over_white(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lay colours with opacity (H, W, 4), uint8, over white: (H, W, 3), uint8, where opaque pixels are unchanged.

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
    image = _png(path)
    if image.mode == "1":
        raise DataError(
            f"{path}: got a mask of black and white (1 bit), expected 8 bits of class ids. Save it as 8-bit grey with "
            "0 for black and 1 for white, and give both a line in classes.txt, such as background and the object; "
            "255 = ignore."
        )
    if image.mode not in ("L", "P"):
        raise DataError(
            f"{path}: got a mask of mode {image.mode}, expected one 8-bit channel of class ids (L) or a palette (P). "
            "Turn colours into ids 0..N-1 in the order of classes.txt; 255 = ignore."
        )
    with Path(path).open("rb") as file:
        depth = file.read(25)[24]  # bits per channel (PNG specification, 11.2.1)
    if image.mode == "L" and depth != 8:
        # Pillow stretches grey of 2 or 4 bits to 0..255: id 1 would arrive as 85 or 17.
        raise DataError(
            f"{path}: got grey of {depth} bits, whose ids are lost in reading, expected 8. Save it as 8-bit."
        )
    return np.array(image, dtype=np.uint8)


def read_colours(path: str | Path) -> NDArray[np.uint8]:
    """Read a mask whose labels are stored as colours, a PNG of mode RGB: (H, W, 3), uint8, 0..255.

    Raises:
        DataError: The file cannot be read, is not a PNG, or has another mode.
    """
    image = _png(path)
    if image.mode != "RGB":
        raise DataError(
            f"{path}: got a mask of mode {image.mode}, expected RGB, as released. Unpack it from the archive again."
        )
    return np.array(image, dtype=np.uint8)


def _png(path: str | Path) -> Image.Image:
    """Decode a mask, which has no orientation of its own."""
    image = decoded(path, upright=False)
    if image.format != "PNG":
        raise DataError(
            f"{path}: got a {image.format} file, expected PNG, since lossy formats blur ids. Save it as PNG."
        )
    return image


def decoded(picture: str | PathLike[str] | Image.Image, *, upright: bool, max_pixels: int | None = None) -> Image.Image:
    """Decode a picture completely; of several frames, the first.

    Args:
        picture: A path, or a picture of Pillow's, which may not have been read yet.
        upright: Rotate it as its EXIF orientation says.
        max_pixels: Refuse a larger picture by its header, before it takes memory; None leaves that to Pillow, which
            refuses twice its `PIL.Image.MAX_IMAGE_PIXELS`.

    Raises:
        DataError: There is no such file, it cannot be read completely, or it has no pixel or too many.
    """
    name = picture_name(picture)
    try:
        if isinstance(picture, Image.Image):
            fix = "Open it again, and keep its file open until then."
            return _loaded(picture, name, upright, max_pixels)
        fix = "Save it again, or remove it."
        with _opened(_existing(Path(picture)), max_pixels) as image:
            return _loaded(image, name, upright, max_pixels)
    except DataError:
        raise
    except PermissionError as error:
        raise DataError(f"{name}: cannot be read: {error.strerror}. Change the permissions of the file.") from error
    except Image.DecompressionBombError as error:
        raise DataError(
            f"{name}: cannot be read: {error} Expected at most twice PIL.Image.MAX_IMAGE_PIXELS. Make the picture "
            "smaller, or raise that number if you trust the file."
        ) from error
    except UnidentifiedImageError as error:
        raise DataError(
            f"{name}: cannot be read: no picture that Pillow knows here, expected one. Save it as JPEG or PNG, or "
            "remove it."
        ) from error
    except Exception as error:  # a decoder may raise almost anything on broken bytes
        raise DataError(
            f"{name}: cannot be read ({type(error).__name__}: {error}), expected an intact picture. {fix}"
        ) from error


def picture_name(picture: str | PathLike[str] | Image.Image) -> str:
    """Name a picture for messages."""
    if isinstance(picture, Image.Image):
        return str(getattr(picture, "filename", "")) or f"picture of mode {picture.mode}"
    return str(picture)


def _opened(path: Path, max_pixels: int | None) -> Image.Image:
    """Open a picture; with `max_pixels` Pillow's own limit, which may be lower, does not count."""
    if max_pixels is None:
        return Image.open(path)
    with _LIMIT_LIFTED:
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = None
        try:
            return Image.open(path)
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _loaded(image: Image.Image, name: str, upright: bool, max_pixels: int | None) -> Image.Image:
    """Check a picture's size, decode it and rotate it."""
    size = f"{image.width}x{image.height}"
    if not image.width or not image.height:
        raise DataError(f"{name}: got {size}, expected at least one pixel.")
    if max_pixels is not None and image.width * image.height > max_pixels:
        raise DataError(
            f"{name}: got {size} (width x height), {image.width * image.height} pixels, expected at most "
            f"{max_pixels}. Make the picture smaller, or raise max_pixels if you trust it."
        )
    if image.format == "EPS":
        raise DataError(f"{name}: got EPS, a program for Ghostscript, expected a photo. Save it as PNG or JPEG.")
    image.load()
    return ImageOps.exif_transpose(image) if upright else image


def _existing(path: Path) -> Path:
    """Return a path at which there is a file that is not empty."""
    if path.is_file():
        if not path.stat().st_size:
            raise DataError(f"{path}: cannot be read: the file is empty (0 bytes), expected a picture. Copy it again.")
        return path
    what = "no plain file" if path.exists() else "no such file"
    if path.is_symlink() and not path.exists():
        what = "a link that leads to no file"
    elif path.is_dir():
        what = "a folder"
    raise DataError(f"{path}: cannot be read: {what}, expected a picture. Check the path.")
