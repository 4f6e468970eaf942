"""Shares as people read them."""

from __future__ import annotations

import math


def percent(share: float) -> str:
    """Write a share of 1 in per cent with one decimal; NaN is "absent".

    Example:
        >>> percent(0.123), percent(math.nan)
        ('12.3', 'absent')
    """
    return "absent" if math.isnan(share) else f"{100 * share:.1f}"
