"""COCO-Stuff 164k as released: the raw ids 0..181 of the stuffthingmaps are renumbered as a mask is read."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from clipteacher.data.release import Part, Release, Unpacked
from clipteacher.data.source import Source, value_table
from clipteacher.protocols.coco_stuff import COCO_STUFF_NAMES, COCO_STUFF_RAW_IDS

_IMAGES: Final = ("", "images/", "dataset/images/")
# The last is what the data set's own README makes.
_MASKS: Final = ("stuffthingmaps/", "stuffthingmaps_trainval2017/", "annotations/", "dataset/annotations/")
_HOME: Final = "https://cocodataset.org/#download"
_LICENCE: Final = "photos under Flickr's terms, annotations CC BY 4.0"


def coco_stuff(root: str | Path, split: str) -> Source:
    """Open one split of COCO-Stuff 164k.

    Files `*_labelTrainIds.png`, which mmseg's converter leaves beside the released ones, are not read.

    Args:
        root: Folder that holds the photos in `train2017`, `val2017` and the maps in `stuffthingmaps/`, in folders of
            the same names; `images/` and `annotations/` above them work as well.
        split: "train" (118,287 photos) or "val" (5,000).

    Returns:
        The split: 171 classes, 255 = ignore.

    Raises:
        DataError: A folder or file is missing.
    """
    data = Unpacked(COCO_STUFF, Path(root), split)
    images = data.folder([f"{folder}{split}2017" for folder in _IMAGES], "photos")
    masks = data.folder([f"{folder}{split}2017" for folder in _MASKS], "stuffthingmaps")
    return Source(
        data.records(images, masks),
        COCO_STUFF_NAMES,
        value_table(COCO_STUFF_RAW_IDS, rest=(255,)),
        fix="Use the raw stuffthingmaps: they are renumbered as they are read, and masks that were converted before "
        "(labelTrainIds) would be renumbered twice.",
    )


COCO_STUFF: Final = Release(
    "coco-stuff",
    (
        Part(
            "COCO 2017, photos to train on",
            tuple(f"{folder}train2017" for folder in _IMAGES),
            # PaddleDetection, dataset/download; LVIS for Detectron2 and others have the same
            {"train2017.zip": "md5:cced6f7f71b7629ddf16f17bbcfab6b2"},
            _HOME,
            _LICENCE,
        ),
        Part(
            "COCO 2017, photos to test on",
            tuple(f"{folder}val2017" for folder in _IMAGES),
            {"val2017.zip": "md5:442b8da7639aecaf257c1dceb8ba8c80"},
            _HOME,
            _LICENCE,
        ),
        Part(
            "COCO-Stuff, stuffthingmaps",
            tuple(f"{folder}train2017" for folder in _MASKS),
            {"stuffthingmaps_trainval2017.zip": ""},
            "https://github.com/nightrome/cocostuff#downloads",
            "annotations CC BY 4.0",
        ),
    ),
    {"train": (118_287,), "val": (5_000,)},
    lambda root, split, protocol: coco_stuff(root, split),
)
"""The data set as released."""
