"""The threshold for none of the names: the least cosine between a pixel's feature and its best name."""

from __future__ import annotations


def check_threshold(threshold: float | None) -> None:
    """Check that a threshold is a cosine, or None.

    Raises:
        ValueError: It is not in [-1, 1].
    """
    if threshold is not None and not -1 <= threshold <= 1:
        raise ValueError(
            f"threshold: got {threshold}, expected a cosine, -1..1, or None. docs/guides/use.md says how to choose."
        )
