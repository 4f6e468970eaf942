"""ADE20K as released: the 150 classes of the scene-parsing challenge, and the 847 of the full release of 2021."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from clipteacher.data.file_source import FileSource
from clipteacher.data.files import DataError, Record, read_colours
from clipteacher.data.layout import advice, check_split, first_folder, folder_stems, listed_records
from clipteacher.data.source import value_table
from clipteacher.protocols.ade20k import ADE20K_150_NAMES, ADE20K_150_RAW_TO_ID, ADE20K_847_NAMES, ADE20K_847_RAW_TO_ID

_FOLDERS: Final = {"train": "training", "val": "validation"}
_KEY: Final = "ade20k"
_FULL_KEY: Final = "ade20k-full"


def ade20k(root: str | Path, split: str) -> FileSource:
    """Open one split of ADE20K with 150 classes (ADEChallengeData2016).

    Args:
        root: Folder that holds `ADEChallengeData2016`, or it itself.
        split: "train" (20,210 photos) or "val" (2,000).

    Returns:
        The split: 150 classes; 0 = other is 255 = ignore.

    Raises:
        DataError: A folder or file is missing.
    """
    check_split(split, tuple(_FOLDERS), _KEY)
    images, masks = (
        first_folder(root, [f"{base}{kind}/{_FOLDERS[split]}" for base in ("ADEChallengeData2016/", "")], kind, _KEY)
        for kind in ("images", "annotations")
    )
    return FileSource(
        listed_records(folder_stems(images, ".jpg", _KEY, root), images, masks, (".jpg", ".png"), _KEY, root),
        ADE20K_150_NAMES,
        value_table(256, {value: int(ADE20K_150_RAW_TO_ID[value]) for value in range(151)}),
        fix="Use the masks as released: 0 = other, classes 1..150; they are renumbered at reading, once.",
    )


def ade20k_full(root: str | Path, split: str) -> FileSource:
    """Open one split of the full ADE20K with 847 classes (ADE20K_2021_17_01).

    Photos lie in folders by scene, each with its `_seg.png` beside it, whose red and green hold the class.

    Args:
        root: Folder that holds `ADE20K_2021_17_01`, or it itself.
        split: "train" (25,574 photos) or "val" (2,000).

    Returns:
        The split: 847 classes, uint16, 65535 = ignore.

    Raises:
        DataError: A folder or file is missing.
    """
    check_split(split, tuple(_FOLDERS), _FULL_KEY)
    places = [f"{base}images/ADE/{_FOLDERS[split]}" for base in ("ADE20K_2021_17_01/", "")]
    folder = first_folder(root, places, "photos", _FULL_KEY)
    files = {path.name: path for path in sorted(folder.rglob("*")) if not path.name.startswith(".")}
    photos = {name: path for name, path in files.items() if name.endswith(".jpg")}
    missing = [path for name, path in photos.items() if _mask_name(name) not in files]
    if missing or not photos:
        first = f"{missing[0]}: no {_mask_name(missing[0].name)} beside it" if missing else f"{folder}: got no photo"
        raise DataError(
            f"{first} ({len(missing)} of {len(photos)} have none), expected a photo and its mask in one folder. "
            f"{advice(_FULL_KEY, root)}"
        )
    return FileSource(
        [Record(path, files[_mask_name(name)]) for name, path in sorted(photos.items())],
        ADE20K_847_NAMES,
        value_table(65536, {value: int(label) for value, label in enumerate(ADE20K_847_RAW_TO_ID)}),
        decode=read_full_ids,
        fix="Use the _seg.png files as released.",
    )


def read_full_ids(path: Path) -> NDArray[np.uint16]:
    """Read the class of each pixel of a `_seg.png` of the full release: R // 10 · 256 + G.

    Source: CSAILVision, `ADE20K/utils/utils_ade20k.py`; MaskFormer, `datasets/prepare_ade20k_full_sem_seg.py`.

    Args:
        path: The PNG.

    Returns:
        Raw ids (H, W), uint16, 0 = none, up to 6655.

    Raises:
        DataError: The file is no PNG of mode RGB.
    """
    colours = read_colours(path).astype(np.uint16)
    return colours[..., 0] // 10 * 256 + colours[..., 1]


def _mask_name(photo: str) -> str:
    """Name the mask of a photo."""
    return photo.removesuffix(".jpg") + "_seg.png"
