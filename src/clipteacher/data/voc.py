"""PASCAL VOC 2012 as released, with SBD's masks for training: background is ignored, no second copy is written."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from clipteacher.data.files import DataError, Record, read_values
from clipteacher.data.mat import read_sbd_mask
from clipteacher.data.release import Part, Release, Unpacked
from clipteacher.data.source import Source, value_table
from clipteacher.protocols.voc import VOC_NAMES, VOC_RAW_IDS

_DEVKITS: Final = ("VOCdevkit/VOC2012", "VOC2012", ".")
# `VOCaug` is mmseg's name for it.
_SBD: Final = ("benchmark_RELEASE/dataset", "VOCdevkit/VOCaug/dataset", "VOCaug/dataset", "dataset", "sbd")
_LISTS: Final = "ImageSets/Segmentation"
_LICENCE: Final = "research use; photos under Flickr's terms"


def voc12(root: str | Path, split: str) -> Source:
    """Open one split of PASCAL VOC 2012.

    Splits: "train" is the 10,582 photos of the zero-shot protocols, VOC's own with VOC's masks and SBD's with SBD's;
    "train-voc" is VOC's own 1,464 only; "val" is its 1,449. SBD is read as released (`benchmark_RELEASE`: .mat) or as
    `SegmentationClassAug` with `aug.txt` or `trainaug.txt`. Photos of val are never in train.

    Source: mmseg, `tools/dataset_converters/voc_aug.py` (10,582 = train.txt with all of SBD, less val.txt).

    Args:
        root: Folder that holds `VOCdevkit/VOC2012`, or that folder itself.
        split: "train", "train-voc" or "val".

    Returns:
        The split: 20 classes; background (0) and void (255) are 255 = ignore.

    Raises:
        DataError: A folder, list or file is missing, or the augmented list holds photos of val.
    """
    data = Unpacked(VOC12, Path(root), split)
    # A devkit is recognized by what only it has.
    devkit = data.folder([f"{folder}/SegmentationClass" for folder in _DEVKITS], "masks of PASCAL VOC 2012").parent
    own = data.listed(devkit / _LISTS / f"{split.removesuffix('-voc')}.txt")
    records = data.records(devkit / "JPEGImages", devkit / "SegmentationClass", own)
    if split == "train":
        records += _augmented(data, devkit, set(own))
    return Source(
        records,
        VOC_NAMES,
        value_table(VOC_RAW_IDS, rest=(0, 255)),
        decode=lambda path: read_sbd_mask(path) if path.suffix == ".mat" else read_values(path),
        fix="Use the masks as released: 0 = background, classes from 1, 255 = void; they are renumbered as they are "
        "read.",
    )


def _augmented(data: Unpacked, devkit: Path, own: set[str]) -> tuple[Record, ...]:
    """Pair what SBD adds to train.txt."""
    sbd = next((data.root / folder for folder in _SBD if (data.root / folder / "cls").is_dir()), None)
    converted = devkit / "SegmentationClassAug"
    lists = [devkit / _LISTS / name for name in ("trainaug.txt", "aug.txt") if (devkit / _LISTS / name).is_file()]
    if (not converted.is_dir() or not lists) and sbd is None:
        problem = data.error(
            f"{data.root}: got no SBD, expected benchmark_RELEASE/dataset with cls/ and its lists, or "
            f"SegmentationClassAug with aug.txt in {devkit}"
        )
        raise DataError(f"{problem} Or train on VOC's own 1,464 photos: split train-voc.")
    val = set(data.listed(devkit / _LISTS / "val.txt"))
    if lists:
        added = set(data.listed(lists[0])) - own
        if added & val:
            raise DataError(
                f"{lists[0]}: got {len(added & val)} photos of val.txt, such as {min(added & val)}, expected none, for "
                "they are tested on. Take them out."
            )
    elif sbd is not None:
        added = {stem for name in ("train.txt", "val.txt") for stem in data.listed(sbd / name)} - own - val
    masks, suffix = (converted, ".png") if converted.is_dir() or sbd is None else (sbd / "cls", ".mat")
    # VOC 2012 holds all of SBD's photos.
    return data.records(devkit / "JPEGImages", masks, sorted(added), suffix)


VOC12: Final = Release(
    "voc12",
    (
        Part(
            "PASCAL VOC 2012, photos, masks and lists",
            tuple(f"{folder}/SegmentationClass" for folder in _DEVKITS),
            # torchvision, datasets/voc.py
            {"VOCtrainval_11-May-2012.tar": "md5:6cd6e144f989b92b3379bac3b3de84fd"},
            "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/",
            _LICENCE,
        ),
        Part(
            "SBD, more masks to train on",
            (*(f"{folder}/cls" for folder in _SBD), *(f"{folder}/SegmentationClassAug" for folder in _DEVKITS)),
            # torchvision, datasets/sbd.py
            {"benchmark.tgz": "md5:82b4d87ceb2ed10f6038a1cba92111cb"},
            "http://home.bharathh.info/pubs/codes/SBD/download.html",
            _LICENCE,
        ),
    ),
    {"train": (10_582,), "train-voc": (1_464,), "val": (1_449,)},
    lambda root, split, protocol: voc12(root, split),
)
"""The data set as released."""
