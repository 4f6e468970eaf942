"""MSRC-21, in the folder format."""

from __future__ import annotations

from typing import Final

from clipteacher.data.folder import FolderSource
from clipteacher.data.release import Part, Release

MSRC21: Final = Release(
    "msrc21",
    (
        Part(
            "MSRC-21 in the folder format: classes.txt, images/{train,val}, masks/{train,val}",
            ("masks/train",),
            {},
            "https://www.microsoft.com/en-us/research/project/image-understanding/",
            "research use, not for redistribution",
        ),
    ),
    {"train": (297,), "val": (155,)},
    lambda root, split, protocol: FolderSource(root, split, protocol.class_split.names),
)
"""The data set as released."""
