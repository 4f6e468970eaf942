"""Reading a dataset that is a folder: `classes.txt`, `images/<split>/*`, `masks/<split>/*.png`."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from clipteacher.protocols.splits import IGNORE, ClassSplit

IMAGE_SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
"""What counts as a photo in `images/<split>`, in upper or lower case."""


class DataError(ValueError):
    """A file of a dataset that cannot be used; the message names it and says what to do."""


class Record(NamedTuple):
    """A photo and its mask.

    Attributes:
        image: Path of the photo.
        mask: Path of the PNG with class ids.
    """

    image: Path
    mask: Path


def protocol_name(root: str | Path, class_split: ClassSplit) -> str:
    """Name the protocol of a folder and a split where none is given: "<folder>-<seen>-<unseen>"."""
    return f"{Path(root).resolve().name}-{class_split.label}"


def read_class_names(root: str | Path) -> tuple[str, ...]:
    """Read `classes.txt`: one name a line, the line's number less one is the class id in the masks.

    Args:
        root: The dataset's folder.

    Returns:
        The names in the order of their ids.

    Raises:
        DataError: The file is missing, not UTF-8 or empty, has a blank line between names, a name twice, or more
            than 255 names.
    """
    path = Path(root) / "classes.txt"
    if not path.is_file():
        raise DataError(f"{path}: no such file, expected the class names, one a line. Write it, or correct the root.")
    try:
        # utf-8-sig: Notepad puts a byte order mark before the first name.
        names = [line.strip() for line in path.read_text(encoding="utf-8-sig").rstrip().splitlines()]
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 ({error}), expected plain text. Save it as UTF-8.") from error
    if not names:
        raise DataError(f"{path}: got no name, expected one class name a line, in the order of the mask ids.")
    if len(names) > IGNORE:
        raise DataError(f"{path}: got {len(names)} names, expected at most {IGNORE}, for id 255 means ignore.")
    lines: dict[str, int] = {}
    for number, name in enumerate(names, start=1):
        if not name:
            raise DataError(f"{path}: line {number} is blank, so id {number - 1} has no name. Name it, or remove it.")
        if name in lines:
            raise DataError(f"{path}: {name!r} stands on lines {lines[name]} and {number}, expected once. Rename one.")
        lines[name] = number
    return tuple(names)


def list_folder(root: str | Path, split: str) -> tuple[Record, ...]:
    """List the photos of a split with their masks, without opening them.

    Args:
        root: The dataset's folder.
        split: Folder under `images` and `masks`, such as "train".

    Returns:
        A record for each photo, sorted by file name.

    Raises:
        DataError: The root, the split or its masks are missing, the split holds no photo, two photos share a stem,
            or a photo has no mask.
    """
    root = Path(root)
    if not root.is_dir():
        raise DataError(f"{root}: no such folder, expected one with classes.txt, images/ and masks/. Correct the root.")
    images, masks = root / "images" / split, root / "masks" / split
    for folder in (images, masks):
        if not folder.is_dir():
            parent = folder.parent
            present = sorted(entry.name for entry in parent.iterdir() if entry.is_dir()) if parent.is_dir() else []
            raise DataError(
                f"{folder}: no such folder, expected split {split!r} in {parent}, which holds "
                f"{', '.join(present) or 'no split'}. Name one of them, or add the folder."
            )
    # Hidden files are no photos: macOS leaves a `._photo.jpg` beside `photo.jpg`.
    photos = sorted(
        entry for entry in images.iterdir() if entry.suffix.lower() in IMAGE_SUFFIXES and not entry.name.startswith(".")
    )
    if not photos:
        raise DataError(
            f"{images}: got no photo, expected files ending in {', '.join(IMAGE_SUFFIXES)}. Put some there."
        )
    stems: dict[str, Path] = {}
    for photo in photos:
        if photo.stem in stems:
            raise DataError(
                f"{photo}: same stem as {stems[photo.stem].name}, expected one photo for each mask {photo.stem}.png. "
                "Rename or remove one of them."
            )
        stems[photo.stem] = photo
    mask_of = {entry.stem: entry for entry in masks.iterdir() if entry.suffix.lower() == ".png"}
    missing = [photo for photo in photos if photo.stem not in mask_of]
    if missing:
        more = f" (and {len(missing) - 1} more photos without a mask)" if len(missing) > 1 else ""
        raise DataError(
            f"{missing[0]}: no mask, expected {masks / (missing[0].stem + '.png')}{more}. Add the mask, or take the "
            "photo out; a mask of 255 alone means that nothing is labelled."
        )
    return tuple(Record(photo, mask_of[photo.stem]) for photo in photos)


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


def read_mask(path: str | Path, num_classes: int) -> NDArray[np.uint8]:
    """Read a mask of class ids.

    Args:
        path: A PNG with one 8-bit channel (mode L) or a palette (mode P, whose indices are the ids).
        num_classes: Number N of names in `classes.txt`.

    Returns:
        Class ids (H, W), uint8, values 0..N-1 and 255 = ignore.

    Raises:
        DataError: The file cannot be read, is no PNG, has another mode or depth, or holds a value that is no class.
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
    mask = np.array(image, dtype=np.uint8)
    counts = np.bincount(mask.ravel(), minlength=256)
    wrong = [value for value in range(num_classes, IGNORE) if counts[value]]
    if wrong:
        shown = ", ".join(f"{value} ({counts[value]} pixels)" for value in wrong[:5]) + (", …" if wrong[5:] else "")
        raise DataError(
            f"{path}: got value {shown}, expected class ids 0..{num_classes - 1} in the order of classes.txt, or "
            "255 = ignore. Add the class to classes.txt, or renumber the mask (does it count from 1, or hold raw ids?)."
        )
    return mask


def read_pair(record: Record, num_classes: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read a photo and its mask, which must be of one size.

    Args:
        record: The two files.
        num_classes: Number N of names in `classes.txt`.

    Returns:
        The photo (H, W, 3), uint8, RGB, and its class ids (H, W), uint8, values 0..N-1 and 255 = ignore.

    Raises:
        DataError: As `read_image` and `read_mask`, or the sizes differ.
    """
    image, mask = read_image(record.image), read_mask(record.mask, num_classes)
    if image.shape[:2] != mask.shape:
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
    return image, mask


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
