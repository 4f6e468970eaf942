"""Reading single files: photos upright, masks of 8 bits as they are, and what every error of them says."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

IMAGE_SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
"""What counts as a photo in a folder, in upper or lower case."""


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
        path: A photo with 8 bits a channel; grey, palette and CMYK become RGB, what is transparent lies over white.

    Returns:
        The photo (H, W, 3), uint8, RGB, 0..255.

    Raises:
        DataError: The file cannot be read to its end, or has more than 8 bits a channel.
    """
    image = decoded(path, upright=True)
    if image.mode.startswith(("I", "F")):
        raise DataError(
            f"{path}: got a photo of mode {image.mode}, expected 8 bits a channel. Convert it to 8-bit RGB."
        )
    return rgb(image)


def rgb(image: Image.Image) -> NDArray[np.uint8]:
    """Return the colours of a decoded picture with 8 bits a channel; what is transparent lies over white.

    White is what viewers show beneath. The colours that a file stores under a transparent pixel are whatever the
    program left there: nobody has seen them.

    Args:
        image: Of any mode but those of deeper channels (I, I;16, F).

    Returns:
        (H, W, 3), uint8, RGB, 0..255.
    """
    if not image.has_transparency_data:
        return np.array(image.convert("RGB"), dtype=np.uint8)
    return over_white(np.array(image.convert("RGBA"), dtype=np.uint8))


def over_white(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lay colours with an opacity over white.

    Args:
        pixels: (H, W, 4), uint8, RGB and opacity, 0..255.

    Returns:
        (H, W, 3), uint8, RGB, 0..255; the same bits where a pixel is opaque.

    Example:
        >>> over_white(np.array([[[9, 0, 0, 255], [9, 0, 0, 0]]], dtype=np.uint8)).tolist()
        [[[9, 0, 0], [255, 255, 255]]]
    """
    opacity = pixels[..., 3:].astype(np.uint16)
    laid: NDArray[np.uint16] = (pixels[..., :3] * opacity + 255 * (255 - opacity) + 127) // 255
    return laid.astype(np.uint8)


def read_values(path: str | Path) -> NDArray[np.uint8]:
    """Read the values of a mask as they are stored, whatever they mean.

    Args:
        path: A PNG with one 8-bit channel (mode L) or a palette (mode P, whose indices are the values).

    Returns:
        Values (H, W), uint8, 0..255.

    Raises:
        DataError: The file cannot be read, is no PNG, or has another mode or depth.
    """
    # A mask carries no orientation of its own: what is stored is what counts.
    image = decoded(path, upright=False)
    if image.format != "PNG":
        raise DataError(f"{path}: got a {image.format} file, expected PNG, for lossy formats blur ids. Save it as PNG.")
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
    """Read a mask whose labels are written in its colours.

    Args:
        path: A PNG of mode RGB.

    Returns:
        Colours (H, W, 3), uint8, 0..255.

    Raises:
        DataError: The file cannot be read, is no PNG, or has another mode.
    """
    image = decoded(path, upright=False)
    if image.format != "PNG" or image.mode != "RGB":
        raise DataError(
            f"{path}: got a {image.format} file of mode {image.mode}, expected a PNG of mode RGB, as released. Unpack "
            "it from the archive again."
        )
    return np.array(image, dtype=np.uint8)


def check_one_size(record: Record, image: NDArray[np.uint8], mask: NDArray[np.unsignedinteger]) -> None:
    """Check that a mask is as large as its photo.

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
    """Open and decode a picture to its end; of several frames the first.

    Args:
        path: The file.
        upright: Turn it as its EXIF orientation says.
        max_pixels: Refuse a picture of more, by its header, before it takes memory; None leaves that to Pillow, which
            refuses twice its `PIL.Image.MAX_IMAGE_PIXELS`.

    Raises:
        DataError: There is no such file, it cannot be read to its end, or it is too large.
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
            "smaller, or raise that number where you trust the file."
        ) from error
    except Exception as error:  # a decoder may raise nearly anything on broken bytes
        raise DataError(
            f"{path}: cannot be read ({type(error).__name__}: {error}), expected a whole picture. Save it anew, or "
            "take it out."
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
            "Make the picture smaller, or raise max_pixels where you trust it."
        )


def _what_is_at(path: Path) -> str:
    """Say what is at a path that is no file."""
    if path.is_symlink() and not path.exists():
        return "a link to a file that is gone"
    if path.is_dir():
        return "a folder"
    return "no plain file" if path.exists() else "no such file"


def _png_bit_depth(path: Path) -> int:
    """Bits a channel, from byte 24 of the header (PNG specification, 11.2.1)."""
    with path.open("rb") as file:
        return file.read(25)[24]
