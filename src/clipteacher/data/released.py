"""The released data sets, by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from clipteacher.data.ade20k import ADE20K, ADE20K_FULL
from clipteacher.data.coco_stuff import COCO_STUFF
from clipteacher.data.context import CONTEXT
from clipteacher.data.msrc21 import MSRC21
from clipteacher.data.release import Release
from clipteacher.data.source import Source
from clipteacher.data.voc import VOC12
from clipteacher.protocols.protocol import Protocol

RELEASES: Final[Mapping[str, Release]] = MappingProxyType(
    {release.name: release for release in (VOC12, COCO_STUFF, CONTEXT, ADE20K, ADE20K_FULL, MSRC21)}
)
"""Every data set that a protocol may name."""


def open_source(protocol: Protocol, root: str | Path, split: str) -> Source:
    """Open one split of a protocol's data set as it was released.

    Args:
        protocol: Names the data set, its classes, and whether background is one.
        root: Folder of the data set; see each reader.
        split: "train", "val", or another that the reader has.

    Returns:
        The split, with the protocol's class names.

    Raises:
        DataError: A part is missing.
    """
    return RELEASES[protocol.dataset].open(root, split, protocol)
