"""Parts of long lists: for messages, and evenly spread."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np


def shortened(items: Iterable[object], shown: int = 3) -> str:
    """Return the first few items of a list, and how many more there are.

    Example:
        >>> shortened(["a", "b", "c", "d"])
        'a, b, c and 1 more'
    """
    texts = [str(item) for item in items]
    more = f" and {len(texts) - shown} more" if len(texts) > shown else ""
    return ", ".join(texts[:shown]) + more


def subsample(total: int, limit: int) -> tuple[int, ...]:
    """Choose `limit` indices below `total`, or all with 0: evenly spread, because names often follow time or place.

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
