"""Tables from the ids in a data set's own files to class ids 0..N-1, so no second copy on disk is needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clipteacher.protocols.splits import IGNORE, ignore_id


def raw_id_table(raw_ids: Sequence[int], size: int, *, rest: int | None = None) -> NDArray[np.unsignedinteger[Any]]:
    """Build the table that renumbers a mask as released: `table[mask]`.

    Args:
        raw_ids: Id of each of the N classes in the files, in class order.
        size: Number R of values that a file can hold, such as 256 for an 8-bit PNG.
        rest: What every other value becomes; None means ignore. PASCAL Context's background is the only other case.

    Returns:
        Table (R,), read-only: entry r is the class id of raw id r, or `rest`. uint8 with ignore = 255 up to 255
        classes, else uint16 with ignore = 65535, as `ClassSplit` has it.

    Raises:
        ValueError: A raw id is given twice or is outside 0..size-1, or `rest` is neither a class id nor ignore.

    Example:
        >>> raw_id_table([1, 3], size=5).tolist()
        [255, 0, 255, 1, 255]
        >>> raw_id_table([0, 1, 3], size=5, rest=0).tolist()
        [0, 1, 0, 2, 0]
    """
    ignore = ignore_id(len(raw_ids))
    rest = ignore if rest is None else rest
    if not (0 <= rest < len(raw_ids) or rest == ignore):
        raise ValueError(
            f"rest: got {rest}, expected a class id 0..{len(raw_ids) - 1} or {ignore} = ignore. Leave it out to ignore."
        )
    if len(set(raw_ids)) != len(raw_ids):
        twice = next(raw for raw in raw_ids if list(raw_ids).count(raw) > 1)
        raise ValueError(f"raw_ids: got {twice} twice, expected each id once. Give one id for each class.")
    for raw in raw_ids:
        if not 0 <= raw < size:
            raise ValueError(f"raw_ids: got {raw}, expected 0..{size - 1}. Make the table larger, or fix the id.")
    dtype = np.uint8 if ignore == IGNORE else np.uint16
    table: NDArray[np.unsignedinteger[Any]] = np.full(size, rest, dtype=dtype)
    table[list(raw_ids)] = np.arange(len(raw_ids), dtype=dtype)
    table.flags.writeable = False
    return table
