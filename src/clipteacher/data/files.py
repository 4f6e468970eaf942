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
        path: A photo with 8 bits a channel; grey, palette and CMYK become RGB, transparency is dropped.

    Returns:
        The photo (H, W, 3), uint8, RGB, 0..255.

    Raises:
        DataError: The file cannot be read to its end, or has more than 8 bits a channel.
    """
    image = _decoded(Path(path), upright=True)
    if image.mode.startswith(("I", "F")):
        raise DataError(
            f"{path}: got a photo of mode {image.mode}, expected 8 bits a channel. Convert it to 8-bit RGB."
        )
    return np.array(image.convert("RGB"), dtype=np.uint8)


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
    image = _decoded(Path(path), upright=False)
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
    image = _decoded(Path(path), upright=False)
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


def _decoded(path: Path, upright: bool) -> Image.Image:
    """Open and decode a picture to its end; `upright` applies its EXIF orientation."""
    try:
        with Image.open(path) as image:
            image.load()
            return ImageOps.exif_transpose(image) if upright else image
    except Exception as error:  # a decoder may raise nearly anything on broken bytes
        raise DataError(
            f"{path}: cannot be read ({type(error).__name__}: {error}), expected a whole picture. Save it anew, or "
            "take it out."
        ) from error


def _png_bit_depth(path: Path) -> int:
    """Bits a channel, from byte 24 of the header (PNG specification, 11.2.1)."""
    with path.open("rb") as file:
        return file.read(25)[24]
