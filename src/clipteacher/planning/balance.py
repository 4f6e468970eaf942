"""Weights for classes that cover so few pixels that the others would drown them."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import Final

RARE: Final = 0.5
"""A class is rare where it covers less than this part of what the median class covers."""

POWER: Final = 0.75
"""Exponent of the ratio of the two."""

LARGEST: Final = 8.0
"""Largest weight: a class of a few pixels teaches little, however much they weigh."""


def class_weights(shares: Mapping[str, float]) -> dict[str, float]:
    """Choose weights in the pixel cross-entropy: w_c = min(`LARGEST`, (m / f_c)^`POWER`), m the median share.

    Args:
        shares: f, share of the labelled pixels of each class with masks, 0..1.

    Returns:
        The weights of the rare classes, by name; those of all others are 1. Classes that never occur have none.

    Example:
        >>> class_weights({"road": 0.6, "car": 0.2, "sky": 0.18, "pole": 0.02})
        {'pole': 5.41}
    """
    there = {name: share for name, share in shares.items() if share > 0}
    if not there:
        return {}
    middle = median(there.values())
    rare = {name: share for name, share in there.items() if share < RARE * middle}
    return {name: round(min(LARGEST, (middle / share) ** POWER), 2) for name, share in rare.items()}
