"""The data of a protocol: which reader opens it, and how many photos each split was published with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from clipteacher.data.ade20k import ade20k, ade20k_full
from clipteacher.data.coco_stuff import coco_stuff
from clipteacher.data.context import context
from clipteacher.data.folder import FolderSource
from clipteacher.data.source import Source
from clipteacher.data.voc import voc12
from clipteacher.protocols.protocol import Protocol

PUBLISHED_COUNTS: Final[Mapping[str, Mapping[str, tuple[int, ...]]]] = MappingProxyType(
    {
        "voc12": {"train": (10_582,), "train-voc": (1_464,), "val": (1_449,)},
        "coco-stuff": {"train": (118_287,), "val": (5_000,)},
        "context": {"train": (4_998, 4_996), "val": (5_105, 5_104)},
        "ade20k": {"train": (20_210,), "val": (2_000,)},
        "ade20k-full": {"train": (25_574,), "val": (2_000,)},
        "msrc21": {"train": (297,), "val": (155,)},
    }
)
"""Photos of each split, by data set; where several are known, the home page's first."""


def open_source(protocol: Protocol, root: str | Path, split: str) -> Source:
    """Open one split of a protocol's data set as it was released.

    Args:
        protocol: Names the data set, its classes, and whether background is one.
        root: Folder of the data set; see each reader.
        split: "train", "val", or another that the reader has.

    Returns:
        The split, with the protocol's names.

    Raises:
        DataError: A part is missing.
    """
    match protocol.dataset:
        case "voc12":
            return voc12(root, split)
        case "coco-stuff":
            return coco_stuff(root, split)
        case "context":
            return context(root, split, background=protocol.background)
        case "ade20k":
            return ade20k(root, split)
        case "ade20k-full":
            return ade20k_full(root, split)
        case "msrc21":
            return FolderSource(root, split, protocol.class_split.names)
        case _:
            raise ValueError(f"{protocol.name}: got data set {protocol.dataset!r}, which no reader opens. Write one.")
