"""Seen bias: do seen names take unseen pixels because they score higher on everything?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import torch
from torch import Tensor

from clipteacher.inference.scores import Best
from clipteacher.metrics import scores
from clipteacher.protocols.splits import ClassSplit

OFFSETS: Final = (-0.2, -0.1, -0.05, -0.02, 0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4)
"""Offsets of the sweep by default, cosines: closer where little decides, far enough to see both ends."""


class OffsetPoint(NamedTuple):
    """Scores with an offset taken off the seen names, each 0..1, NaN where it is not defined.

    Attributes:
        offset: What is taken off, a cosine.
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


def check_offsets(offsets: Sequence[float]) -> tuple[float, ...]:
    """Return the sweep, ascending, with 0 in it, which is how the student is scored everywhere else.

    Raises:
        ValueError: An offset is no number in -2..2, beyond which no cosines lie apart.

    Example:
        >>> check_offsets([0.2, 0.1])
        (0.0, 0.1, 0.2)
    """
    for offset in offsets:
        if not -2 <= offset <= 2:
            raise ValueError(f"offsets: got {offset}, expected differences of cosines, -2..2. Try -0.1,0,0.1,0.2.")
    return tuple(sorted({0.0, *map(float, offsets)}))


def offset_labels(seen: Best, unseen: Best, lengths: Tensor, offset: float) -> Tensor:
    """Label pixels with an offset taken off the seen names' cosines.

    Scores are Rᵀ T of features of any length, so that a number taken off a score means another thing in every network
    and at every pixel; cosines are alike everywhere. At 0 the labels are those of `class_labels`.

    Source: calibrated stacking (arXiv 1605.04253), which takes a constant off the seen classes' scores. ZegCLIP and its
    descendants take 0.1 off after the sigmoid.

    Deviation: taken off the cosine, not the score.

    Args:
        seen: The best seen name of every pixel, values and ids (H, W).
        unseen: The best unseen name, likewise.
        lengths: |R| of every pixel, (H, W), ≥ 0.
        offset: The cosine to take off.

    Returns:
        Class ids (H, W), int64.
    """
    lowered = seen.values - offset * lengths if offset else seen.values
    # Of equal scores the first name counts, as in class_labels.
    wins = (lowered > unseen.values) | ((lowered == unseen.values) & (seen.ids < unseen.ids))
    return torch.where(wins, seen.ids, unseen.ids)


def seen_bias(confusions: Sequence[tuple[float, Tensor]], split: ClassSplit) -> SeenBias:
    """Make the figures.

    Args:
        confusions: Offsets, one of them 0, each with its confusion matrix (N, N), integer, rows = truth.
        split: The N classes.

    Returns:
        The figures.
    """
    plain = next(matrix for offset, matrix in confusions if offset == 0).double()
    unseen, seen = plain[list(split.unseen_ids)], plain[list(split.seen_ids)]
    points = []
    for offset, matrix in confusions:
        result = scores(matrix, split)
        points.append(OffsetPoint(offset, result.pAcc, result.mIoU_seen, result.mIoU_unseen, result.hIoU))
    return SeenBias(_share(unseen, split.seen_ids), _share(seen, split.unseen_ids), tuple(points))


def _share(rows: Tensor, columns: Sequence[int]) -> float:
    """Share of the pixels of some rows (M, N) that lie in some columns; NaN without pixels."""
    whole = float(rows.sum())
    return float(rows[:, list(columns)].sum()) / whole if whole else math.nan
