"""Long lists in messages."""

from __future__ import annotations

from collections.abc import Iterable


def shortened(items: Iterable[object], shown: int = 3) -> str:
    """Return the first few items of a list, and how many more there are.

    Example:
        >>> shortened(["a", "b", "c", "d"])
        'a, b, c and 1 more'
    """
    texts = [str(item) for item in items]
    more = f" and {len(texts) - shown} more" if len(texts) > shown else ""
    return ", ".join(texts[:shown]) + more
