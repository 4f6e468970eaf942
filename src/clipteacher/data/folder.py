"""The folder format: `classes.txt`, `images/<split>/*`, `masks/<split>/*.png`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

from clipteacher.data.class_list import class_list_faults, class_list_warnings, read_class_names
from clipteacher.data.files import IMAGE_SUFFIXES, DataError, Record
from clipteacher.data.source import Source, value_table
from clipteacher.protocols.splits import IGNORE, composed
from clipteacher.utils.lists import shortened

_SYSTEM = frozenset({"thumbs.db", "desktop.ini"})


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
            faults=class_list_faults(names) if expected is None else (),
            warnings=(*(class_list_warnings(names) if expected is None else ()), *passed_over(root, split)),
            fix="The ids are those of classes.txt, in its order. Add the class to it, or renumber the mask (does it "
            "count from 1, or hold raw ids?).",
        )


def list_folder(root: str | Path, split: str) -> tuple[Record, ...]:
    """List the photos of a split and their masks, sorted by file name, without opening them.

    Args:
        root: The data set's folder.
        split: Folder under `images` and `masks`, such as "train".

    Raises:
        DataError: The root, the split or its masks are missing, the split holds no photo, two photos or two masks
            share a stem, or a photo has no mask.
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
    photos = [entry for entry in _visible(images) if entry.suffix.lower() in IMAGE_SUFFIXES]
    if not photos:
        below = _in_subfolders(images)
        where = f" and {len(below)} in its subfolders, where none is read" if below else ""
        fix = "Move them up." if below else "Add some."
        raise DataError(
            f"{images}: got no photo{where}, expected files ending in {', '.join(IMAGE_SUFFIXES)} in it. {fix}"
        )
    photo_of = _by_stem(photos, "one photo for each mask {stem}.png")
    mask_of = _by_stem([entry for entry in _visible(masks) if _is_mask(entry)], "one mask for each photo")
    missing = [photo for stem, photo in photo_of.items() if stem not in mask_of]
    if missing:
        more = f" (and {len(missing) - 1} more photos without a mask)" if len(missing) > 1 else ""
        other = next((entry for entry in _visible(masks) if composed(entry.stem) == composed(missing[0].stem)), None)
        found = "" if other is None else f", got {other.name}"
        raise DataError(
            f"{missing[0]}: no mask, expected {masks / (missing[0].stem + '.png')}{found}{more}. Add the mask, or "
            "remove the photo; a mask of 255 only means that nothing is labelled."
        )
    return tuple(Record(photo, mask_of[stem]) for stem, photo in photo_of.items())


def passed_over(root: str | Path, split: str) -> tuple[str, ...]:
    """Say which files of a split are read by nobody: masks without a photo, other kinds of files, subfolders.

    Args:
        root: The data set's folder.
        split: As `list_folder`, which it has passed.

    Returns:
        A sentence for each kind, with the number of files and the first of them.
    """
    images, masks = Path(root) / "images" / split, Path(root) / "masks" / split
    found, stems = [], {composed(entry.stem) for entry in _visible(images) if entry.suffix.lower() in IMAGE_SUFFIXES}
    if alone := [entry.name for entry in _visible(masks) if _is_mask(entry) and composed(entry.stem) not in stems]:
        found.append(
            f"{masks}: got {_counted(alone, 'mask')} without a photo of the same name in {images}, which "
            f"{'is' if len(alone) == 1 else 'are'} not read. Add the photos, or remove the masks."
        )
    others = [
        entry.name for entry in _visible(images) if entry.is_file() and entry.suffix.lower() not in IMAGE_SUFFIXES
    ]
    if others:
        found.append(
            f"{images}: got {_counted(others, 'file')} that {'is' if len(others) == 1 else 'are'} not read, expected "
            f"photos ending in {', '.join(IMAGE_SUFFIXES)}. Save photos as JPEG or PNG, and move other files away."
        )
    if below := _in_subfolders(images):
        names = [str(entry.relative_to(images)) for entry in below]
        found.append(
            f"{images}: got {_counted(names, 'photo')} in subfolders, where none is read. Move photos and masks up, "
            "each under a name of its own."
        )
    return tuple(found)


def _visible(folder: Path) -> list[Path]:
    """Return what is in a folder, sorted; hidden files are no photos: macOS leaves a `._photo.jpg` beside `photo.jpg`.

    Nor are those that Windows puts into folders of photos.
    """
    return sorted(entry for entry in folder.iterdir() if entry.name[0] != "." and entry.name.lower() not in _SYSTEM)


def _is_mask(entry: Path) -> bool:
    return entry.suffix.lower() == ".png"


def _in_subfolders(images: Path) -> list[Path]:
    """Return the photos in the folders of a folder."""
    folders = [entry for entry in _visible(images) if entry.suffix.lower() not in IMAGE_SUFFIXES and entry.is_dir()]
    return [each for folder in folders for each in sorted(folder.rglob("*")) if each.suffix.lower() in IMAGE_SUFFIXES]


def _by_stem(files: Sequence[Path], expected: str) -> dict[str, Path]:
    """Return files by their names without suffix, in the composed form, and check that no two share one."""
    found: dict[str, Path] = {}
    for file in files:
        stem = composed(file.stem)
        if stem in found:
            raise DataError(
                f"{file}: same stem as {found[stem].name}, expected {expected.format(stem=stem)}. Rename or remove one "
                "of them."
            )
        found[stem] = file
    return found


def _counted(names: Sequence[str], what: str) -> str:
    """Write how many files there are and the first of them."""
    return f"{len(names)} {what}{'' if len(names) == 1 else 's'} ({shortened(names)})"
