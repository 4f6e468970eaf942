"""Choosing a calibration on seen classes that models were trained without, so that unseen classes play no part."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final

import torch

from clipteacher.data.dataset import Sample
from clipteacher.evaluation.metrics import Scores
from clipteacher.protocols.splits import ClassSplit, suggestion

CALIBRATIONS: Final = tuple(round(0.05 * step, 2) for step in range(21))
"""Values that are tried by default: 0 to 1, in units of a logit."""


def held_out_split(names: Sequence[str], seen: Collection[str], unseen: Collection[str]) -> ClassSplit:
    """Return the classes on which a model can be calibrated: the unseen ones left out, the held-out ones as unseen.

    Args:
        names: All classes of the data.
        seen: Classes that the model was trained on.
        unseen: Unseen classes of the task, which the choice must not use.

    Returns:
        The classes that are left; unseen are those that the model was trained without.

    Raises:
        ValueError: An unseen name is no class, or one that the model was trained on; or none or all were held out.

    Example:
        >>> split = held_out_split(["sky", "cat", "sea", "cow"], seen=["sky", "sea"], unseen=["cat"])
        >>> split.names, split.unseen
        (('sky', 'sea', 'cow'), ('cow',))
    """
    for name in unseen:
        if name not in names:
            raise ValueError(f"unseen: got {name!r}, expected classes of the data. {suggestion(name, names)}")
    if trained := sorted(set(unseen) & set(seen)):
        raise ValueError(
            f"unseen: got {', '.join(trained)}, which the model was trained on, expected classes that no training saw. "
            "Train it with them in --data.unseen too."
        )
    kept = tuple(name for name in names if name not in unseen)
    held_out = tuple(name for name in kept if name not in seen)
    if not held_out or len(held_out) == len(kept):
        raise ValueError(
            f"model: got one that was trained on {len(kept) - len(held_out)} of {len(kept)} classes, expected some of "
            "them held out. Train it with a few seen classes in --data.unseen, beside the unseen ones."
        )
    return ClassSplit(kept, held_out)


def without_classes(samples: Iterable[Sample], names: Sequence[str], split: ClassSplit) -> Iterator[Sample]:
    """Renumber the masks of test samples to fewer classes; pixels of the others are ignored.

    Args:
        samples: Test samples; masks (H, W), integer, have ids of `names`, or ignore.
        names: N classes, those of `split` among them.
        split: The classes that are left.

    Yields:
        The samples; masks (H, W), int64, have ids of `split.names`, or `split.ignore`.
    """
    before = ClassSplit(tuple(names), ())
    table = torch.full((before.ignore + 1,), split.ignore)
    for index, name in enumerate(split.names):
        table[before.names.index(name)] = index
    for sample in samples:
        yield sample._replace(mask=table[sample.mask.long()])


def best_calibration(calibrations: Sequence[float], curves: Sequence[Sequence[Scores]]) -> float:
    """Return the calibration with the best mean hIoU.

    Args:
        calibrations: K values of γ.
        curves: The K scores of each model.

    Returns:
        The value; of several that are equal the smallest in size.

    Raises:
        ValueError: A model has no hIoU.

    Example:
        >>> scores = [Scores(pAcc=1, mIoU_seen=1, mIoU_unseen=1, hIoU=h, IoU={}) for h in (0.2, 0.4, 0.3)]
        >>> best_calibration([0.0, 0.1, 0.2], [scores])
        0.1
    """
    if any(math.isnan(scores.hIoU) for curve in curves for scores in curve):
        raise ValueError(
            "calibration: got no hIoU, because the photos show no seen or no held-out class. Hold out other classes, "
            "or name another --split."
        )
    means = [sum(curve[number].hIoU for curve in curves) for number in range(len(calibrations))]
    return min((value for value, mean in zip(calibrations, means, strict=True) if mean == max(means)), key=abs)
