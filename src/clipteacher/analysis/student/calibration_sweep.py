"""Calibration sweep: do seen names take unseen pixels because their logits are higher everywhere?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from torch import Tensor

from clipteacher.evaluation.metrics import Scores, compute_metrics
from clipteacher.inference.calibration import check_calibration
from clipteacher.protocols.splits import ClassSplit

CALIBRATIONS: Final = (-0.5, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.5)
"""Default calibrations, in units of a logit: dense around 0, wide enough to show both ends."""


class CalibrationSweep(NamedTuple):
    """How far seen names are favoured.

    Attributes:
        calibration: γ of the model itself, at which the two shares are measured.
        unseen_as_seen: Share of the unseen classes' pixels that gets a seen name, 0..1.
        seen_as_unseen: Share of the seen classes' pixels that gets an unseen name, 0..1.
        curve: Each γ, ascending, with its scores. They are measured on the test labels: a γ that is chosen from them is
            no zero-shot one.
    """

    calibration: float
    unseen_as_seen: float
    seen_as_unseen: float
    curve: tuple[tuple[float, Scores], ...]


def check_calibrations(calibrations: Sequence[float], own: float = 0.0) -> tuple[float, ...]:
    """Return the values of the sweep in ascending order, 0 and the model's own included.

    Raises:
        ValueError: A value is not finite.

    Example:
        >>> check_calibrations([0.2, 0.1], own=0.3)
        (0.0, 0.1, 0.2, 0.3)
    """
    for calibration in calibrations:
        check_calibration(calibration)
    return tuple(sorted({0.0, float(own), *map(float, calibrations)}))


def calibration_sweep(confusions: Mapping[float, Tensor], split: ClassSplit, own: float = 0.0) -> CalibrationSweep:
    """Score each calibration.

    Args:
        confusions: Each γ, `own` among them, with its confusion matrix (N, N), integer, rows = truth.
        split: The N classes.
        own: γ of the model itself.

    Returns:
        The sweep.
    """
    matrix = confusions[own].double()
    return CalibrationSweep(
        calibration=own,
        unseen_as_seen=_share(matrix, split.unseen_ids, split.seen_ids),
        seen_as_unseen=_share(matrix, split.seen_ids, split.unseen_ids),
        curve=tuple((calibration, compute_metrics(each, split)) for calibration, each in confusions.items()),
    )


def _share(matrix: Tensor, rows: Sequence[int], columns: Sequence[int]) -> float:
    """Share of the pixels in some rows of (N, N) that lies in some columns; NaN without pixels."""
    part = matrix[list(rows)]
    return float(part[:, list(columns)].sum() / part.sum())
