"""Seen bias: do seen names take unseen pixels because they score higher on everything?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import torch
from torch import Tensor

from clipteacher.evaluation.metrics import compute_metrics
from clipteacher.inference.dense_prediction import Best
from clipteacher.protocols.splits import ClassSplit

OFFSETS: Final = (-0.5, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.5)
"""Offsets of the sweep by default, in units of a score: closer where little decides, far enough to see both ends."""


class OffsetPoint(NamedTuple):
    """Scores with an offset taken off the seen names, each 0..1, NaN where it is not defined.

    Attributes:
        offset: What is taken off, in units of a score, as `Segmenter.calibration`.
        pAcc: Share of right pixels.
        S: Mean IoU of the seen classes.
        U: Mean IoU of the unseen classes.
        hIoU: Their harmonic mean.
    """

    offset: float
    pAcc: float  # noqa: N815 (the field's spelling)
    S: float
    U: float
    hIoU: float  # noqa: N815


class SeenBias(NamedTuple):
    """How much seen names take.

    Attributes:
        unseen_called_seen: Share of the unseen classes' pixels that get a seen name, 0..1.
        seen_called_unseen: Share of the seen classes' pixels that get an unseen name, 0..1.
        curve: Scores at each offset. A diagnosis on the test set: an offset chosen from it has seen the test labels.
    """

    unseen_called_seen: float
    seen_called_unseen: float
    curve: tuple[OffsetPoint, ...]


def check_offsets(offsets: Sequence[float], own: float = 0.0) -> tuple[float, ...]:
    """Return the sweep, ascending, with 0 and the model's own offset in it.

    Raises:
        ValueError: An offset is no finite number.

    Example:
        >>> check_offsets([0.2, 0.1], own=0.3)
        (0.0, 0.1, 0.2, 0.3)
    """
    for offset in offsets:
        if not math.isfinite(offset):
            raise ValueError(f"offsets: got {offset}, expected finite numbers, in units of a score. Try 0,0.1,0.3.")
    return tuple(sorted({0.0, float(own), *map(float, offsets)}))


def offset_labels(seen: Best, unseen: Best, offset: float) -> Tensor:
    """Label pixels with an offset taken off the seen names' scores. At 0 the labels are those of `class_labels`.

    Source: calibrated stacking (arXiv 1605.04253), which takes a constant off the seen classes' scores. It is
    `Segmenter.calibration`, to rounding.

    Args:
        seen: The best seen name of every pixel, values without an offset and ids (H, W).
        unseen: The best unseen name, likewise.
        offset: What to take off, in units of a score.

    Returns:
        Class ids (H, W), int64.
    """
    lowered = seen.values - offset
    # Of equal scores the first name counts, as in class_labels.
    wins = (lowered > unseen.values) | ((lowered == unseen.values) & (seen.ids < unseen.ids))
    return torch.where(wins, seen.ids, unseen.ids)


def seen_bias(confusions: Sequence[tuple[float, Tensor]], split: ClassSplit, own: float = 0.0) -> SeenBias:
    """Make the figures.

    Args:
        confusions: Offsets, one of them `own`, each with its confusion matrix (N, N), integer, rows = truth.
        split: The N classes.
        own: The model's own offset, with which the two shares are taken.

    Returns:
        The figures.
    """
    plain = next(matrix for offset, matrix in confusions if offset == own).double()
    unseen, seen = plain[list(split.unseen_ids)], plain[list(split.seen_ids)]
    points = []
    for offset, matrix in confusions:
        result = compute_metrics(matrix, split)
        points.append(OffsetPoint(offset, result.pAcc, result.mIoU_seen, result.mIoU_unseen, result.hIoU))
    return SeenBias(_share(unseen, split.seen_ids), _share(seen, split.unseen_ids), tuple(points))


def _share(rows: Tensor, columns: Sequence[int]) -> float:
    """Share of the pixels of some rows (M, N) that lie in some columns; NaN without pixels."""
    whole = float(rows.sum())
    return float(rows[:, list(columns)].sum()) / whole if whole else math.nan
