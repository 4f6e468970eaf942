"""The folder format: `classes.txt`, `images/<split>/*`, `masks/<split>/*.png`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

from clipteacher.data.files import IMAGE_SUFFIXES, DataError, Record
from clipteacher.data.source import Source, value_table
from clipteacher.protocols.splits import IGNORE


class FolderSource(Source):
    """One split of a folder: masks are PNGs of class ids, 255 = ignore.

    Args:
        root: Folder with `classes.txt`, `images/<split>` and `masks/<split>`.
        split: Which photos, such as "train".
        expected: The names that `classes.txt` must have, in this order; None accepts any.

    Raises:
        DataError: As `list_folder` and `read_class_names`, or `classes.txt` has other names.
    """

    def __init__(self, root: str | Path, split: str, expected: Sequence[str] | None = None) -> None:
        """List the files and read the names; no photo is opened."""
        names = read_class_names(root)
        if expected is not None and names != tuple(expected):
            pairs = enumerate(zip_longest(names, expected, fillvalue="no name"), start=1)
            line, got, wanted = next((line, *pair) for line, pair in pairs if pair[0] != pair[1])
            raise DataError(
                f"{Path(root, 'classes.txt')}: got {len(names)} names, expected the {len(expected)} of the split; "
                f"got {got!r} on line {line}, expected {wanted!r}. Ids follow the order of the names: use one list."
            )
        super().__init__(
            list_folder(root, split),
            names,
            value_table(range(len(names)), rest=(IGNORE,)),
            fix="The ids are those of classes.txt, in its order. Add the class to it, or renumber the mask (does it "
            "count from 1, or hold raw ids?).",
        )


def read_class_names(root: str | Path) -> tuple[str, ...]:
    """Read `classes.txt` of a data set's folder: one name per line, in the order of the ids 0, 1, … in the masks.

    Raises:
        DataError: The file is missing, not UTF-8 or empty, has a blank line between names, a name twice, or more
            than 255 names.
    """
    path = Path(root) / "classes.txt"
    if not path.is_file():
        raise DataError(f"{path}: no such file, expected the class names, one per line. Write it, or correct the root.")
    try:
        # utf-8-sig: Notepad puts a byte order mark before the first name.
        names = [line.strip() for line in path.read_text(encoding="utf-8-sig").rstrip().splitlines()]
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 ({error}), expected plain text. Save it as UTF-8.") from error
    if not names:
        raise DataError(f"{path}: got no name, expected one class name per line, in the order of the mask ids.")
    if len(names) > IGNORE:
        raise DataError(f"{path}: got {len(names)} names, expected at most {IGNORE}, since id 255 means ignore.")
    lines: dict[str, int] = {}
    for number, name in enumerate(names, start=1):
        if not name:
            raise DataError(f"{path}: line {number} is blank, so id {number - 1} has no name. Name it, or remove it.")
        if name in lines:
            raise DataError(f"{path}: {name!r} is on lines {lines[name]} and {number}, expected once. Rename one.")
        lines[name] = number
    return tuple(names)


def list_folder(root: str | Path, split: str) -> tuple[Record, ...]:
    """List the photos of a split and their masks, sorted by file name, without opening them.

    Args:
        root: The data set's folder.
        split: Folder under `images` and `masks`, such as "train".

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
        raise DataError(f"{images}: got no photo, expected files ending in {', '.join(IMAGE_SUFFIXES)}. Add some.")
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
            f"{missing[0]}: no mask, expected {masks / (missing[0].stem + '.png')}{more}. Add the mask, or remove "
            "the photo; a mask of 255 only means that nothing is labelled."
        )
    return tuple(Record(photo, mask_of[photo.stem]) for photo in photos)
