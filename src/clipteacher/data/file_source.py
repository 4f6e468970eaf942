"""The source that every reader makes: pairs of files, and a table from the values in the masks to class ids."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clipteacher.data.files import DataError, Record, check_one_size, read_image, read_values
from clipteacher.data.source import UNKNOWN, Labels, meaning_of_values
from clipteacher.protocols.splits import IGNORE, ignore_id


class FileSource:
    """A source made of pairs of files and a table from the values in the masks to class ids.

    Args:
        records: Photos and masks.
        names: The N class names, in the order of the ids.
        table: (256,) or (65536,), int32: class id, ignore or `UNKNOWN` for each value that `decode` may give.
        fix: What to do about a value that is `UNKNOWN`; ends an error.
        decode: Reads a mask's values (H, W), uint8 with a table of 256, uint16 with one of 65536.
    """

    def __init__(
        self,
        records: Sequence[Record],
        names: Sequence[str],
        table: NDArray[np.int32],
        *,
        fix: str,
        decode: Callable[[Path], Labels] = read_values,
    ) -> None:
        self._records = tuple(records)
        self._names = tuple(names)
        self._table = table
        self._fix = fix
        self._decode = decode
        self._dtype = np.uint8 if self.ignore == IGNORE else np.uint16

    @property
    def names(self) -> tuple[str, ...]:
        """The N class names, in the order of the ids."""
        return self._names

    @property
    def ignore(self) -> int:
        """Label of pixels without a class: 255 up to 255 classes, else 65535."""
        return ignore_id(len(self._names))

    @property
    def table(self) -> NDArray[np.int32]:
        """What each value of a mask file means: (256,) or (65536,), int32: class id, `ignore` or `UNKNOWN`."""
        return self._table

    def __len__(self) -> int:
        """Number of photos."""
        return len(self._records)

    def read(self, index: int) -> tuple[NDArray[np.uint8], Labels]:
        """Read photo and labels.

        Returns:
            The photo (H, W, 3), uint8, RGB, and its labels (H, W), as `labels` gives them.

        Raises:
            DataError: As `labels`, or the photo cannot be read, or its size is not the mask's.
        """
        record = self._records[index]
        image, labels = read_image(record.image), self.labels(index)
        check_one_size(record, image, labels)
        return image, labels

    def labels(self, index: int) -> Labels:
        """Read the mask alone.

        Returns:
            Labels (H, W), uint8, or uint16 with more than 255 classes, values 0..N-1 and `ignore`.

        Raises:
            DataError: The file cannot be read, or has a value that no class has.
        """
        values = self.values(index)
        ids = self._table[values]
        if (ids == UNKNOWN).any():
            wrong, counts = np.unique(values[ids == UNKNOWN], return_counts=True)
            shown = ", ".join(f"{value} ({count} pixels)" for value, count in zip(wrong[:5], counts[:5], strict=True))
            raise DataError(
                f"{self._records[index].mask}: got value {shown}{', …' if len(wrong) > 5 else ''}, expected "
                f"{meaning_of_values(self)}. {self._fix}"
            )
        return ids.astype(self._dtype)

    def values(self, index: int) -> Labels:
        """Read the mask as it is stored: (H, W), uint8 or uint16, any value; raises DataError where it cannot."""
        return self._decode(self._records[index].mask)

    def stem(self, index: int) -> str:
        """Return the photo's file name without its ending."""
        return self._records[index].image.stem

    def paths(self, index: int) -> Record:
        """Return the two files, for messages."""
        return self._records[index]
