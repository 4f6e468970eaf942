"""COCO-Stuff 164k as released: the raw ids 0..181 of the stuffthingmaps are renumbered as a mask is read."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from clipteacher.data.file_source import FileSource
from clipteacher.data.layout import check_split, first_folder, folder_stems, listed_records
from clipteacher.data.source import value_table
from clipteacher.protocols.coco_stuff import COCO_STUFF_NAMES, COCO_STUFF_RAW_IDS, COCO_STUFF_RAW_TO_ID

IMAGE_PLACES: Final = ("", "images/", "dataset/images/")
"""Where train2017 and val2017 with the photos may lie below the root."""

MASK_PLACES: Final = ("stuffthingmaps/", "stuffthingmaps_trainval2017/", "annotations/", "dataset/annotations/")
"""Where train2017 and val2017 with the maps may lie; the last is what the data set's own README makes."""

_KEY: Final = "coco-stuff"


def coco_stuff(root: str | Path, split: str) -> FileSource:
    """Open one split of COCO-Stuff 164k.

    Files `*_labelTrainIds.png`, which mmseg's converter leaves beside the released ones, are not read.

    Args:
        root: Folder that holds the photos in `train2017`, `val2017` and the maps in `stuffthingmaps/` with folders of
            the same names; `images/` and `annotations/` above them will do as well.
        split: "train" (118,287 photos) or "val" (5,000).

    Returns:
        The split: 171 classes, 255 = ignore.

    Raises:
        DataError: A folder or file is missing.
    """
    check_split(split, ("train", "val"), _KEY)
    folder = f"{split}2017"
    images = first_folder(root, [place + folder for place in IMAGE_PLACES], "photos", _KEY)
    masks = first_folder(root, [place + folder for place in MASK_PLACES], "stuffthingmaps", _KEY)
    known = (*COCO_STUFF_RAW_IDS, 255)
    return FileSource(
        listed_records(folder_stems(images, ".jpg", _KEY, root), images, masks, (".jpg", ".png"), _KEY, root),
        COCO_STUFF_NAMES,
        value_table(256, {value: int(COCO_STUFF_RAW_TO_ID[value]) for value in known}),
        fix="Use the raw stuffthingmaps: they are renumbered at reading, and masks that were converted before "
        "(labelTrainIds) would be renumbered twice.",
    )
