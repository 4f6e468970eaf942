"""An evenly spread subset of many photos."""

from __future__ import annotations

import numpy as np


def subsample(total: int, limit: int) -> tuple[int, ...]:
    """Choose indices below `total`, evenly spread, because file names often follow time or place.

    Args:
        total: Number of photos.
        limit: Largest number of indices; 0 means all.

    Returns:
        The indices, ascending.

    Raises:
        ValueError: The limit is negative.

    Example:
        >>> subsample(5, 3), subsample(2, 3)
        ((0, 2, 4), (0, 1))
    """
    if limit < 0:
        raise ValueError(f"photos: got {limit}, expected 0 for all, or more")
    count = min(limit or total, total)
    return tuple(np.linspace(0, total - 1, count).round().astype(int).tolist())
