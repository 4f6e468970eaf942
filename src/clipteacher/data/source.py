"""What the rest of the package asks of a data set, and what the values in its masks mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from clipteacher.data.files import Record

UNKNOWN: Final = -1
"""What `Source.table` holds for values that no whole file of the data set has."""

Labels = NDArray[np.unsignedinteger[Any]]
"""A mask (H, W) of uint8 or uint16."""


class Source(Protocol):
    """One split of a data set: photos with labels, by number.

    Attributes:
        names: The N class names, in the order of the ids.
        ignore: Label of pixels without a class: 255 up to 255 classes, else 65535.
        table: What each value of a mask file means: (256,) or (65536,), int32, a class id 0..N-1, `ignore`, or
            `UNKNOWN`.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """The N class names, in the order of the ids."""

    @property
    def ignore(self) -> int:
        """Label of pixels without a class: 255 up to 255 classes, else 65535."""

    @property
    def table(self) -> NDArray[np.int32]:
        """What each value of a mask file means: (256,) or (65536,), int32: class id, `ignore` or `UNKNOWN`."""

    def __len__(self) -> int:
        """Number of photos."""

    def read(self, index: int) -> tuple[NDArray[np.uint8], Labels]:
        """Read photo and labels.

        Returns:
            The photo (H, W, 3), uint8, RGB, and its labels (H, W), as `labels` gives them.

        Raises:
            DataError: A file cannot be used.
        """

    def labels(self, index: int) -> Labels:
        """Read the mask alone.

        Returns:
            Labels (H, W), uint8, or uint16 with more than 255 classes, values 0..N-1 and `ignore`.

        Raises:
            DataError: The file cannot be used, or has a value that is `UNKNOWN`.
        """

    def values(self, index: int) -> Labels:
        """Read the mask as it is stored, to be looked up in `table`.

        Returns:
            Values (H, W), uint8 or uint16, any.

        Raises:
            DataError: The file cannot be read.
        """

    def stem(self, index: int) -> str:
        """Return the photo's file name without its ending."""

    def paths(self, index: int) -> Record:
        """Return the two files, for messages."""


def value_table(size: int, meaning: Mapping[int, int]) -> NDArray[np.int32]:
    """Make `Source.table`.

    Args:
        size: Number V of values that a file can hold: 256, or 65536 for 16 bits.
        meaning: Class id or ignore by value; all other values are `UNKNOWN`.

    Returns:
        Table (V,), int32, read-only.

    Example:
        >>> value_table(256, {0: 255, 1: 0, 2: 1})[:4].tolist()
        [255, 0, 1, -1]
    """
    table = np.full(size, UNKNOWN, dtype=np.int32)
    table[list(meaning)] = list(meaning.values())
    table.flags.writeable = False
    return table


def meaning_of_values(source: Source) -> str:
    """Say which values the masks of a source may have: "values 1..20 (20 classes) or 0, 255 = ignore"."""
    table = source.table
    classes = np.flatnonzero((table != UNKNOWN) & (table != source.ignore))
    ignored = np.flatnonzero(table == source.ignore)
    told = f" or {_ranges(ignored)} = ignore" if len(ignored) else ""
    return f"values {_ranges(classes)} ({len(source.names)} classes){told}"


def _ranges(values: NDArray[np.intp]) -> str:
    """Write ascending numbers as ranges: 0..10, 12..24, 26."""
    runs = np.split(values, np.flatnonzero(np.diff(values) > 1) + 1)
    texts = [str(run[0]) if len(run) == 1 else f"{run[0]}..{run[-1]}" for run in runs]
    return ", ".join(texts[:12]) + (", …" if len(texts) > 12 else "")
