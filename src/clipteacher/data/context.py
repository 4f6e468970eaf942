"""PASCAL Context as released: photos of VOC 2010, masks of 459 labels (.mat) or of 59 (PNG); no detail API needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from clipteacher.data.file_source import FileSource
from clipteacher.data.files import DataError, read_values
from clipteacher.data.layout import advice, check_split, first_folder, listed_records, read_list
from clipteacher.data.mat import read_label_map
from clipteacher.data.source import Labels, value_table
from clipteacher.protocols.context import (
    CONTEXT_CONVERTED_TO_ID,
    CONTEXT_CONVERTED_TO_ID_BG,
    CONTEXT_MAT_TO_ID,
    CONTEXT_MAT_TO_ID_BG,
    CONTEXT_NAMES,
    CONTEXT_PNG_TO_ID,
    CONTEXT_PNG_TO_ID_BG,
)
from clipteacher.protocols.protocol import BACKGROUND

DEVKIT_PLACES: Final = ("VOCdevkit/VOC2010", "VOC2010", ".")
"""Where VOCtrainval_03-May-2010.tar may lie below the root."""

_KEY: Final = "context"
# mmseg's converter writes the first two; the last two are VOC 2010's own, 4,998 and 5,105 photos.
_LISTS: Final = {
    split: (f"ImageSets/SegmentationContext/{split}.txt", f"{split}.txt", f"ImageSets/Main/{split}.txt")
    for split in ("train", "val")
}


class _Masks(NamedTuple):
    """One of the forms in which the masks are to be had."""

    folder: str
    ending: str
    decode: Callable[[Path], Labels]
    size: int
    last: int
    ignored: Labels
    background: Labels


_FORMS: Final = (
    _Masks("trainval", ".mat", read_label_map, 65536, 459, CONTEXT_MAT_TO_ID, CONTEXT_MAT_TO_ID_BG),
    _Masks(
        "SegmentationClassContext",
        ".png",
        read_values,
        256,
        59,
        CONTEXT_CONVERTED_TO_ID,
        CONTEXT_CONVERTED_TO_ID_BG,
    ),
    _Masks("59_context_labels", ".png", read_values, 256, 59, CONTEXT_PNG_TO_ID, CONTEXT_PNG_TO_ID_BG),
)

MASK_FOLDERS: Final = tuple(form.folder for form in _FORMS)
"""Folders of masks, below the devkit or the root; the first that is there is read. `trainval` holds the 459-label .mat
files, `SegmentationClassContext` the 59-class PNGs that mmseg's converter wrote (alphabetical order), and
`59_context_labels` those of the data set's home page (VOC's 20 classes first): same values, other classes."""


def context(root: str | Path, split: str, *, background: bool = False) -> FileSource:
    """Open one split of PASCAL Context.

    The split is VOC 2010's: train.txt and val.txt of `ImageSets/SegmentationContext` (mmseg's, 4,996 and 5,104 photos)
    or of the root, else those of `ImageSets/Main` (4,998 and 5,105).

    Args:
        root: Folder that holds `VOCdevkit/VOC2010`, or it itself.
        split: "train" or "val".
        background: Whether background, which is every label outside the 59, is class 0 of 60, or ignored.

    Returns:
        The split: 59 classes in alphabetical order, 255 = ignore; or 60, background first.

    Raises:
        DataError: A folder, list or file is missing.
    """
    check_split(split, ("train", "val"), _KEY)
    root = Path(root)
    present = [place for place in DEVKIT_PLACES if (root / place / "JPEGImages").is_dir()]
    devkit = first_folder(root, present or DEVKIT_PLACES[:1], "VOC 2010", _KEY)
    places = [(form, base / form.folder) for form in _FORMS for base in (devkit, root)]
    form, masks = next(((form, folder) for form, folder in places if folder.is_dir()), (None, None))
    if form is None or masks is None:
        raise DataError(
            f"{devkit}: got no masks, expected a folder {', '.join(MASK_FOLDERS[:-1])} or {MASK_FOLDERS[-1]} in it or "
            f"in {root}. {advice(_KEY, root)}"
        )
    lists = [base / name for name in _LISTS[split] for base in (devkit, root)]
    listed = read_list(next((path for path in lists if path.is_file()), lists[0]), _KEY, root)
    ids = form.background if background else form.ignored
    return FileSource(
        listed_records(listed, devkit / "JPEGImages", masks, (".jpg", form.ending), _KEY, root),
        (BACKGROUND, *CONTEXT_NAMES) if background else CONTEXT_NAMES,
        value_table(form.size, {value: int(ids[value]) for value in range(form.last + 1)}),
        decode=form.decode,
        fix=f"Use the masks of {form.folder} as they were made: 0 = background; they are renumbered at reading.",
    )
