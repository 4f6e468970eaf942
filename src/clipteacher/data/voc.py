"""PASCAL VOC 2012 as released, with SBD's masks for training: background is ignored, no second copy is written."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from clipteacher.data.file_source import FileSource
from clipteacher.data.files import DataError, Record, read_values
from clipteacher.data.layout import advice, check_split, first_folder, listed_records, read_list
from clipteacher.data.mat import read_sbd_mask
from clipteacher.data.source import Labels, value_table
from clipteacher.protocols.voc import VOC_NAMES, VOC_RAW_TO_ID

VOC_PLACES: Final = ("VOCdevkit/VOC2012", "VOC2012", ".")
"""Where VOCtrainval_11-May-2012.tar may lie below the root."""

SBD_PLACES: Final = ("benchmark_RELEASE/dataset", "VOCdevkit/VOCaug/dataset", "VOCaug/dataset", "dataset", "sbd")
"""Where benchmark.tgz may lie below the root; `VOCaug` is mmseg's name for it."""

_KEY: Final = "voc12"
_LISTS: Final = "ImageSets/Segmentation"


def voc12(root: str | Path, split: str) -> FileSource:
    """Open one split of PASCAL VOC 2012.

    Splits: "train" is the 10,582 photos of the zero-shot protocols, VOC's own with VOC's masks and SBD's with SBD's;
    "train-voc" is VOC's own 1,464 alone; "val" is its 1,449. SBD is read as released (`benchmark_RELEASE`: .mat) or as
    `SegmentationClassAug` with `aug.txt` or `trainaug.txt`. Photos of val are never in train.

    Source: mmseg, `tools/dataset_converters/voc_aug.py` (10,582 = train.txt with all of SBD, less val.txt).

    Args:
        root: Folder that holds `VOCdevkit/VOC2012`, or it itself.
        split: "train", "train-voc" or "val".

    Returns:
        The split: 20 classes; background (0) and void (255) are 255 = ignore.

    Raises:
        DataError: A folder, list or file is missing, or the augmented list holds photos of val.
    """
    check_split(split, ("train", "train-voc", "val"), _KEY)
    devkit = _devkit(root)
    own = read_list(devkit / _LISTS / f"{split.removesuffix('-voc')}.txt", _KEY, root)
    records = listed_records(own, devkit / "JPEGImages", devkit / "SegmentationClass", (".jpg", ".png"), _KEY, root)
    if split == "train":
        records += _augmented(Path(root), devkit, set(own))
    return FileSource(
        records,
        VOC_NAMES,
        value_table(256, {value: int(VOC_RAW_TO_ID[value]) for value in (*range(21), 255)}),
        decode=_read_mask,
        fix="Use the masks as released: 0 = background, classes from 1, 255 = void; they are renumbered at reading.",
    )


def _devkit(root: str | Path) -> Path:
    """Find VOC2012 by what only it has."""
    places = [place for place in VOC_PLACES if (Path(root) / place / "SegmentationClass").is_dir()]
    return first_folder(root, places or VOC_PLACES[:1], "PASCAL VOC 2012", _KEY)


def _augmented(root: Path, devkit: Path, own: set[str]) -> tuple[Record, ...]:
    """Pair what SBD adds to train.txt."""
    sbd = next((root / place for place in SBD_PLACES if (root / place / "cls").is_dir()), None)
    converted = devkit / "SegmentationClassAug"
    lists = [devkit / _LISTS / name for name in ("trainaug.txt", "aug.txt") if (devkit / _LISTS / name).is_file()]
    if (not converted.is_dir() or not lists) and sbd is None:
        raise DataError(
            f"{root}: got no SBD, expected benchmark_RELEASE/dataset with cls/ and its lists, or SegmentationClassAug "
            f"with aug.txt in {devkit}. {advice(_KEY, root)} Or train on VOC's own 1,464 photos: split train-voc."
        )
    val = set(read_list(devkit / _LISTS / "val.txt", _KEY, root))
    if lists:
        added = set(read_list(lists[0], _KEY, root)) - own
        if added & val:
            raise DataError(
                f"{lists[0]}: got {len(added & val)} photos of val.txt, such as {min(added & val)}, expected none, for "
                "they are tested on. Take them out."
            )
    elif sbd is not None:
        added = {stem for name in ("train.txt", "val.txt") for stem in read_list(sbd / name, _KEY, root)} - own - val
    masks, ending = (converted, ".png") if converted.is_dir() or sbd is None else (sbd / "cls", ".mat")
    # VOC 2012 holds all of SBD's photos.
    return listed_records(sorted(added), devkit / "JPEGImages", masks, (".jpg", ending), _KEY, root)


def _read_mask(path: Path) -> Labels:
    """Read a mask of VOC or of SBD."""
    return read_sbd_mask(path) if path.suffix == ".mat" else read_values(path)
