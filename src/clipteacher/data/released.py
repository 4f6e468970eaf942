"""The released data sets, by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from clipteacher.data.ade20k import ADE20K, ADE20K_FULL
from clipteacher.data.coco_stuff import COCO_STUFF
from clipteacher.data.context import CONTEXT
from clipteacher.data.msrc21 import MSRC21
from clipteacher.data.release import Release
from clipteacher.data.voc import VOC12

RELEASES: Final[Mapping[str, Release]] = MappingProxyType(
    {release.name: release for release in (VOC12, COCO_STUFF, CONTEXT, ADE20K, ADE20K_FULL, MSRC21)}
)
"""Every data set that a protocol may name."""
