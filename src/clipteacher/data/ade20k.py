"""ADE20K as released: the 150 classes of the scene-parsing challenge, and the 847 of the full release of 2021."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from clipteacher.data.files import Record, read_colours
from clipteacher.data.release import Part, Release, Unpacked
from clipteacher.data.source import Source, value_table
from clipteacher.protocols.ade20k import ADE20K_150_NAMES, ADE20K_150_RAW_IDS, ADE20K_847_NAMES, ADE20K_847_RAW_IDS

_FOLDERS: Final = {"train": "training", "val": "validation"}


def ade20k(root: str | Path, split: str) -> Source:
    """Open one split of ADE20K with 150 classes (ADEChallengeData2016).

    Args:
        root: Folder that holds `ADEChallengeData2016`, or that folder itself.
        split: "train" (20,210 photos) or "val" (2,000).

    Returns:
        The split: 150 classes; 0 = other is 255 = ignore.

    Raises:
        DataError: A folder or file is missing.
    """
    data = Unpacked(ADE20K, Path(root), split)
    images, masks = (
        data.folder([f"{base}{kind}/{_FOLDERS[split]}" for base in ("ADEChallengeData2016/", "")], kind)
        for kind in ("images", "annotations")
    )
    return Source(
        data.records(images, masks),
        ADE20K_150_NAMES,
        value_table(ADE20K_150_RAW_IDS, rest=(0,)),
        fix="Use the masks as released: 0 = other, classes 1..150; they are renumbered as they are read, once.",
    )


def ade20k_full(root: str | Path, split: str) -> Source:
    """Open one split of the full ADE20K with 847 classes (ADE20K_2021_17_01).

    Photos lie in folders by scene, each with its `_seg.png` beside it, whose red and green hold the class.

    Args:
        root: Folder that holds `ADE20K_2021_17_01`, or that folder itself.
        split: "train" (25,574 photos) or "val" (2,000).

    Returns:
        The split: 847 classes, uint16, 65535 = ignore.

    Raises:
        DataError: A folder or file is missing.
    """
    data = Unpacked(ADE20K_FULL, Path(root), split)
    folder = data.folder([f"{base}images/ADE/{_FOLDERS[split]}" for base in ("ADE20K_2021_17_01/", "")], "photos")
    present = {path for path in folder.rglob("*") if not path.name.startswith(".")}
    photos = sorted((path for path in present if path.suffix == ".jpg"), key=lambda path: path.name)
    records = [Record(photo, photo.with_name(f"{photo.stem}_seg.png")) for photo in photos]
    missing = [record for record in records if record.mask not in present]
    if missing or not records:
        first = f"{missing[0].image}: no {missing[0].mask.name} beside it" if missing else f"{folder}: got no photo"
        raise data.error(
            f"{first} ({len(missing)} of {len(records)} have none), expected a photo and its mask in one folder"
        )
    return Source(
        records,
        ADE20K_847_NAMES,
        value_table(ADE20K_847_RAW_IDS, 65536, rest=range(26 * 256)),
        decode=_read_full_ids,
        fix="Use the _seg.png files as released.",
    )


def _read_full_ids(path: Path) -> NDArray[np.uint16]:
    """Read raw ids (H, W), uint16, 0 = none, up to 6655, of a `_seg.png` of the full release: R // 10 · 256 + G.

    Source: CSAILVision, `ADE20K/utils/utils_ade20k.py`; MaskFormer, `datasets/prepare_ade20k_full_sem_seg.py`.
    """
    colours = read_colours(path).astype(np.uint16)
    return colours[..., 0] // 10 * 256 + colours[..., 1]


ADE20K: Final = Release(
    "ade20k",
    (
        Part(
            "ADE20K, scene parsing of 150 classes",
            ("ADEChallengeData2016/annotations/validation", "annotations/validation"),
            # GluonCV, scripts/datasets/ade20k.py
            {"ADEChallengeData2016.zip": "sha1:219e1696abb36c8ba3a3afe7fb2f4b4606a897c7"},
            "http://sceneparsing.csail.mit.edu/",
            "research and education, not commercial; see the home page",
        ),
    ),
    {"train": (20_210,), "val": (2_000,)},
    lambda root, split, protocol: ade20k(root, split),
)
"""The data set of 150 classes as released."""

ADE20K_FULL: Final = Release(
    "ade20k-full",
    (
        Part(
            "ADE20K, the full release of January 2021",
            ("ADE20K_2021_17_01/images/ADE/validation", "images/ADE/validation"),
            {"ADE20K_2021_17_01.zip": ""},
            "https://groups.csail.mit.edu/vision/datasets/ADE20K/",
            "research and education, not commercial; free after registration at the home page",
        ),
    ),
    {"train": (25_574,), "val": (2_000,)},
    lambda root, split, protocol: ade20k_full(root, split),
)
"""The data set of 847 classes as released."""
