"""A part of many photos that stands for all."""

from __future__ import annotations

import numpy as np


def subsample(total: int, limit: int) -> tuple[int, ...]:
    """Choose numbers below `total`, evenly spread: file names often follow time or place.

    Args:
        total: How many there are.
        limit: How many to choose at most; 0 is all.

    Returns:
        The numbers, ascending.

    Raises:
        ValueError: The limit is negative.

    Example:
        >>> subsample(5, 3), subsample(2, 3)
        ((0, 2, 4), (0, 1))
    """
    if limit < 0:
        raise ValueError(f"photos: got {limit}, expected 0 for all, or more")
    if not limit or limit >= total:
        return tuple(range(total))
    return tuple(int(index) for index in np.linspace(0, total - 1, limit).round().astype(int))
