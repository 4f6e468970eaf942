"""Data as people have it: recognised by how it lies on disk, and written in the folder format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from clipteacher.convert.annotated import visible_files
from clipteacher.convert.annotations import annotated, find_annotations, read_coco_folder, read_labelme_folder
from clipteacher.convert.label_studio import brush_files, read_label_studio
from clipteacher.convert.mask_classes import Coding
from clipteacher.convert.masks import read_folder, read_masks
from clipteacher.convert.names import BACKGROUND
from clipteacher.convert.paired_masks import find_masks
from clipteacher.convert.reading import DataRead
from clipteacher.convert.structure import inner_root
from clipteacher.convert.writing import TRAIN, VAL, PhotoAndMask, split_photos, write_folder
from clipteacher.data.files import DataError
from clipteacher.protocols.words import folded, read_words
from clipteacher.utils.lists import shortened

KINDS: Final = (
    *("folder", "voc", "train-trainannot", "images-masks", "cvat", "colour-masks", "binary"),
    *("coco", "labelme", "label-studio"),
)
"""Every layout that is read."""

_ANNOTATIONS: Final = ("coco", "labelme", "label-studio")
_STRUCTURES: Final = {"voc": "voc", "cvat": "voc", "train-trainannot": "train-trainannot"}
_CODINGS: Final[Mapping[str, Coding]] = {
    "images-masks": "ids",
    "cvat": "colours",
    "colour-masks": "colours",
    "binary": "binary",
}


@dataclass(frozen=True)
class LayoutOptions:
    """What a person may have to say about a folder of data.

    Args:
        layout: One of `KINDS`; None recognises it.
        colours: A table of the colours in the masks; None looks for one in the folder.
        classes: The class names in the order of the ids; of masks of one object, its name; of shapes and colours, those
            to keep. None are taken from the folder.
        ignore: Ids or names whose pixels are not labelled, and so left to the teacher.
        val: Share of the photos to score on, drawn where the folder has no split for it.
        seed: Seed of that draw.

    Raises:
        TypeError, ValueError: There is no such layout, or as `clipteacher.protocols.words.read_words`.
    """

    layout: str | None = None
    colours: Path | None = None
    classes: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    val: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the layout's name, and read the words."""
        for name in ("classes", "ignore"):
            object.__setattr__(self, name, read_words(getattr(self, name), name))
        if self.layout is not None and self.layout not in KINDS:
            raise ValueError(f"layout: got {self.layout!r}, expected one of {', '.join(KINDS)}")


class Layout(NamedTuple):
    """What a folder was recognised as.

    Attributes:
        kind: One of `KINDS`.
        reason: One line that says how it was recognised.
        root: The folder that holds the data; may lie below the one that was named.
        classes: The class names, in the order of their ids.
        photos: Photos by split.
        notes: What was merged, left out or ignored.
        in_place: Whether it is the folder format, and is read where it lies.
    """

    kind: str
    reason: str
    root: Path
    classes: tuple[str, ...]
    photos: Mapping[str, Sequence[PhotoAndMask]]
    notes: tuple[str, ...]
    in_place: bool


class Prepared(NamedTuple):
    """A data set in the folder format, its classes, all notes, and whether it is the folder that was given."""

    root: Path
    classes: tuple[str, ...]
    notes: tuple[str, ...]
    in_place: bool


def recognise(path: str | Path, options: LayoutOptions = LayoutOptions()) -> Layout:
    """Tell how data lies in a folder; of masks, some are read, and of annotations, all.

    Args:
        path: The folder.
        options: What cannot be told from it.

    Returns:
        The layout, with the photos to train and to score on.

    Raises:
        DataError: It cannot be told; the message names the flag to add. Or a file cannot be used.
        ImportError: COCO's JSON needs pycocotools, which is not installed.
        ValueError: The share or the seed is out of range.
    """
    root = inner_root(Path(path))
    read = _read(root, options)
    photos: Mapping[str, Sequence[PhotoAndMask]] = read.photos
    reason = read.what
    if VAL in photos:
        _check_apart(photos)
    else:
        everything = [photo for part in photos.values() for photo in part]
        photos = split_photos(everything, options.val, options.seed)
        drawn = f"{options.val * 100:g} % drawn to score on, seed {options.seed}"
        reason += f"; no split to score on: {drawn}" if options.val else "; no photo to score on"
    notes = list(read.notes)
    if not read.as_is and any(folded(name) == BACKGROUND for name in read.classes):
        notes.append(f"{BACKGROUND!r} is a class; add --ignore {BACKGROUND} if it only means that nobody labelled it")
    return Layout(read.kind, reason, root, read.classes, photos, tuple(notes), read.as_is)


def prepare(layout: Layout, out: str | Path, *, progress: Callable[[int], None] = lambda done: None) -> Prepared:
    """Write the data in the folder format, completely or not at all; what has it already is left where it is.

    Photos are hard links where the disk allows, else copies, byte for byte.

    Args:
        layout: What `recognise` found.
        out: Folder to write; new or empty.
        progress: Called after each photo with the number of photos done.

    Returns:
        Where the data is.

    Raises:
        DataError: A photo, a mask or a shape cannot be used.
        FileExistsError: The folder is not empty.
        OSError: The folder cannot be written.
    """
    if layout.in_place:
        return Prepared(layout.root, layout.classes, layout.notes, True)
    blank = write_folder(out, layout.classes, layout.photos, transfer="either", progress=progress)
    return Prepared(Path(out), layout.classes, (*layout.notes, *blank), False)


def _check_apart(photos: Mapping[str, Sequence[PhotoAndMask]]) -> None:
    """Check that no photo is both trained and scored on."""
    train = {photo.file.resolve() for photo in photos[TRAIN]}
    both = [photo.file for photo in photos[VAL] if photo.file.resolve() in train]
    if both:
        raise DataError(
            f"{both[0]}: got {len(both)} photos both to train and to score on, expected none, for such a score says "
            "nothing. Take them out of one."
        )


def _read(root: Path, options: LayoutOptions) -> DataRead:
    """Read the folder as the only layout that it can have."""
    wanted = options.layout
    if wanted == "folder":
        return read_folder(root)
    files = visible_files(root)
    brushes, annotations = brush_files(files), find_annotations(files)
    there = dict(zip(_ANNOTATIONS, (bool(annotations.coco), annotations.labelme, bool(brushes)), strict=True))
    found = [kind for kind, is_there in there.items() if is_there and wanted in (None, kind)]
    masks = None if wanted in _ANNOTATIONS else find_masks(root, _STRUCTURES.get(wanted or ""), required=not found)
    ours = (root / "classes.txt").is_file() and (root / "masks").is_dir()
    if masks is not None and (not found or ours):
        coding = _CODINGS.get(wanted or "")
        if options.colours is not None and wanted in (None, "images-masks"):
            coding = "colours"
        return read_masks(
            root, masks, classes=options.classes, colours=options.colours, ignore=options.ignore, coding=coding
        )
    if len(found) != 1 or masks is not None:
        raise _unclear(root, files, [*found, *([] if masks is None else [masks.structure.kind])], wanted)
    if options.colours is not None:
        raise DataError(f"colours: got {options.colours} for {found[0]}, which has no colours. Leave it out.")
    if found == ["coco"]:
        return read_coco_folder(root, annotations.coco, files, options.classes, options.ignore)
    if found == ["labelme"]:
        return read_labelme_folder(root, options.classes, options.ignore)
    read = read_label_studio(root, files)
    what = f"Label Studio's {len(brushes)} brush masks"
    return annotated("label-studio", what, {"": read}, read, options.classes, options.ignore)


def _unclear(root: Path, files: Sequence[Path], found: Sequence[str], wanted: str | None) -> DataError:
    """Say what a folder may be, or what it lacks."""
    if found:
        flags = " or ".join(f"--layout {kind}" for kind in found)
        return DataError(f"{root}: got labels as {' and as '.join(found)}, expected one kind of them. Add {flags}.")
    suffixes = Counter(file.suffix.lower() or "no suffix" for file in files)
    folders = sorted({file.relative_to(root).parts[0] + "/" for file in files if file.parent != root})
    holds = shortened((f"{count} {suffix}" for suffix, count in suffixes.most_common()), 5) or "no file"
    expected = f"the layout {wanted}" if wanted else "photos with masks of the same names, or with annotations"
    return DataError(
        f"{root}: got {holds}{f' in {shortened(folders, 6)}' if folders else ''}, expected {expected}. Put photos in "
        "images/ and masks in masks/; other layouts are in docs/guides/own_data.md."
    )
