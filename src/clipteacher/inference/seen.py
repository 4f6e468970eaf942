"""The seen offset: a constant taken from the scores of the names that the model was trained on.

A student has been taught with masks of the seen names and none of the others, so at test the seen ones score too high.
ZegCLIP and its descendants subtract 0.1 from every seen score, in no table's caption. Here the constant is a setting
with a name, 0 unless somebody sets it, and it stands beside every score that was measured with it. It needs no text and
no training. Choose it on seen names that are held out in turn (`benchmarks/calibrate.py`), never on unseen ones.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch
from torch import Tensor


def check_seen_offset(seen_offset: float) -> None:
    """Check a seen offset.

    Raises:
        ValueError: It is no number, not finite, or larger than float32 holds.
    """
    number = isinstance(seen_offset, int | float) and not isinstance(seen_offset, bool)
    if not number or not abs(seen_offset) <= torch.finfo(torch.float32).max:  # NaN is not
        raise ValueError(
            f"seen_offset: got {seen_offset!r}, expected a finite number of float32. Give 0 for none, or such as 0.1."
        )


def seen_bias(names: Sequence[str], seen: Collection[str], seen_offset: float) -> Tensor | None:
    """Return what is added to the scores of names: -`seen_offset` where the model was trained on a name, else 0.

    Deviation: ZegCLIP subtracts after the sigmoid, where scores are in 0..1. Scores here are Rᵀ T, of no fixed range,
    so its 0.1 is no value to take over.

    Args:
        names: N names.
        seen: Names that the model was trained on.
        seen_offset: The constant, in units of a score Rᵀ T. Below 0 it favours the seen names.

    Returns:
        (N,), float32, on the CPU; None where nothing would change, so that scores keep their bits.

    Raises:
        ValueError: The offset is no finite number.

    Example:
        >>> seen_bias(["sky", "cat"], {"sky"}, 0.5).tolist()
        [-0.5, 0.0]
        >>> seen_bias(["sky", "cat"], {"sky"}, 0.0) is None
        True
    """
    check_seen_offset(seen_offset)
    if not seen_offset or not any(name in seen for name in names):
        return None
    return torch.tensor([-float(seen_offset) if name in seen else 0.0 for name in names])


def seen_offset_entry(seen_offset: float) -> dict[str, float]:
    """Return the entry of a report with a seen offset, beside its scores; none where the offset is 0.

    Example:
        >>> seen_offset_entry(0.1), seen_offset_entry(0)
        ({'seen_offset': 0.1}, {})
    """
    return {"seen_offset": float(seen_offset)} if seen_offset else {}
