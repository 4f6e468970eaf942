"""One split of a data set: pairs of files, class names, and a table from the values in the masks to class ids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from clipteacher.data.files import DataError, Record, read_image, read_values
from clipteacher.protocols.splits import IGNORE, composed, ignore_id
from clipteacher.utils.lists import shortened

UNKNOWN: Final = -1
"""What `Source.table` holds for values that no intact mask of the data set has."""

Labels = NDArray[np.unsignedinteger[Any]]
"""A mask (H, W) of uint8 or uint16."""


class Source:
    """One split of a data set: photos and their labels, by index.

    Args:
        records: Photos and masks.
        names: The N class names, in the order of the ids.
        table: What each value that `decode` may return means: (256,) or (65536,), int32, a class id 0..N-1, the ignore
            label, or `UNKNOWN`.
        fix: What to do about a value that is `UNKNOWN`; ends the error message.
        faults: Mistakes that the reader found beside the masks' values, for the label audit.
        warnings: What else it found that may be intended but is worth knowing.
        decode: Reads a mask's values (H, W), uint8 with a table of 256, uint16 with one of 65536.

    Attributes:
        names: The N class names.
        ignore: Label of pixels without a class: 255 up to 255 classes, else 65535.
        table: The table.
        faults: As given.
        warnings: As given.
    """

    def __init__(
        self,
        records: Sequence[Record],
        names: Sequence[str],
        table: NDArray[np.int32],
        *,
        fix: str,
        faults: Sequence[str] = (),
        warnings: Sequence[str] = (),
        decode: Callable[[Path], Labels] = read_values,
    ) -> None:
        self.names = tuple(map(composed, names))
        self.ignore = ignore_id(len(self.names))
        self.table = table
        self.faults, self.warnings = tuple(faults), tuple(warnings)
        self._records = tuple(records)
        self._fix = fix
        self._decode = decode

    def __len__(self) -> int:
        """Return the number of photos."""
        return len(self._records)

    def read(self, index: int) -> tuple[NDArray[np.uint8], Labels]:
        """Read a photo (H, W, 3), uint8, RGB, and its labels (H, W), as `labels` returns them.

        Raises:
            DataError: As `labels`, or the photo cannot be read, or the two differ in size.
        """
        record = self._records[index]
        image, labels = read_image(record.image), self.labels(index)
        if image.shape[:2] != labels.shape:
            fix = "Draw the mask at the size of the photo; never stretch it with smoothing."
            if image.shape[:2] == labels.shape[::-1]:
                fix = (
                    "The photo may be turned by its EXIF orientation: turn the mask as well, or save the photo upright."
                )
            raise DataError(
                f"{record.mask}: got {labels.shape[1]}x{labels.shape[0]} (width x height), expected "
                f"{image.shape[1]}x{image.shape[0]} as {record.image}. {fix}"
            )
        return image, labels

    def labels(self, index: int) -> Labels:
        """Read the mask only: (H, W), uint8, or uint16 with more than 255 classes, values 0..N-1 and `ignore`.

        Raises:
            DataError: The file cannot be read, or has a value that is `UNKNOWN`.
        """
        values = self.values(index)
        ids = self.table[values]
        if (ids == UNKNOWN).any():
            wrong, counts = np.unique(values[ids == UNKNOWN], return_counts=True)
            shown = shortened((f"{value} ({count} pixels)" for value, count in zip(wrong, counts, strict=True)), 5)
            raise DataError(
                f"{self._records[index].mask}: got value {shown}, expected {self.known_values()}. {self._fix}"
            )
        return ids.astype(np.uint8 if self.ignore == IGNORE else np.uint16)

    def values(self, index: int) -> Labels:
        """Read the mask as it is stored, (H, W), uint8 or uint16, any value; raises DataError if it cannot be read."""
        return self._decode(self._records[index].mask)

    def paths(self, index: int) -> Record:
        """Return the two files, for messages."""
        return self._records[index]

    def known_values(self) -> str:
        """Describe the values that masks may have, such as "values 1..20 (20 classes) or 0, 255 = ignore"."""
        classes = np.flatnonzero((self.table != UNKNOWN) & (self.table != self.ignore))
        ignored = np.flatnonzero(self.table == self.ignore)
        suffix = f" or {_ranges(ignored)} = ignore" if len(ignored) else ""
        return f"values {_ranges(classes)} ({len(self.names)} classes){suffix}"


def value_table(
    raw_ids: Sequence[int], size: int = 256, *, rest: Sequence[int], rest_id: int | None = None
) -> NDArray[np.int32]:
    """Make `Source.table`, by which masks are renumbered as they are read.

    Args:
        raw_ids: Value of each of the N classes in the files, in class order.
        size: Number V of values that a file can hold: 256, or 65536 for 16 bits.
        rest: The other values that intact files have; all that are in neither are `UNKNOWN`.
        rest_id: What `rest` becomes: None ignores it. PASCAL Context's background is the only other case.

    Returns:
        Table (V,), int32, read-only.

    Raises:
        ValueError: A raw id is given twice or is outside 0..V-1.

    Example:
        >>> value_table([1, 2], rest=(0, 255))[:4].tolist()
        [255, 0, 1, -1]
    """
    if len(set(raw_ids)) != len(raw_ids) or not all(0 <= raw < size for raw in raw_ids):
        raise ValueError(f"raw_ids: got {raw_ids}, expected each of them once and in 0..{size - 1}. Correct the list.")
    table = np.full(size, UNKNOWN, dtype=np.int32)
    table[list(rest)] = ignore_id(len(raw_ids)) if rest_id is None else rest_id
    table[list(raw_ids)] = np.arange(len(raw_ids))
    table.flags.writeable = False
    return table


def _ranges(values: NDArray[np.intp]) -> str:
    """Write ascending numbers as ranges: 0..10, 12..24, 26."""
    runs = np.split(values, np.flatnonzero(np.diff(values) > 1) + 1)
    return shortened((str(run[0]) if len(run) == 1 else f"{run[0]}..{run[-1]}" for run in runs), 12)
