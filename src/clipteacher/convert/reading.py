"""What every reader of a layout returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from clipteacher.convert.writing import PhotoAndMask


class DataRead(NamedTuple):
    """Photos and masks of a folder.

    Attributes:
        kind: The layout.
        what: How it was recognised, in a few words.
        classes: The class names, in the order of their ids.
        photos: Photos by split; without a split "val", those to score on are still to be drawn.
        notes: What was merged, left out or ignored.
        as_is: Whether it is the folder format already, and needs no copy.
    """

    kind: str
    what: str
    classes: tuple[str, ...]
    photos: Mapping[str, Sequence[PhotoAndMask]]
    notes: tuple[str, ...]
    as_is: bool = False
