"""Scores of generalized zero-shot segmentation, all read off one confusion matrix pooled over the test set."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from clipteacher.protocols.splits import ClassSplit, ignore_id
from clipteacher.utils.atomic_files import nan_to_none
from clipteacher.utils.percent import percent


def confusion_matrix(
    truth: Tensor, prediction: Tensor, num_classes: int, ignore: int | None = None, *, num_true: int | None = None
) -> Tensor:
    """Count how often each class is predicted as each class.

    Args:
        truth: True class ids, any shape, integer, values 0..num_true-1 or `ignore`.
        prediction: Predicted class ids, the same shape, integer, values 0..num_classes-1; what is predicted where
            truth is `ignore` plays no part.
        num_classes: Number N of classes.
        ignore: Label of pixels that are not counted; no class id. None is `ClassSplit.ignore` of `num_true` classes:
            255 up to 255, else 65535.
        num_true: Number of classes that truth may hold, the first of the N; None is N. The others are only predicted.

    Returns:
        Confusion matrix (N, N), int64, on the device of `truth`; entry [t, p] counts pixels of class t predicted as p.

    Raises:
        ValueError: The shapes differ, a tensor is not of an integer type, a value is no class, or `ignore` is one.

    Example:
        >>> truth = torch.tensor([[0, 0, 1], [1, 2, 255]])
        >>> prediction = torch.tensor([[0, 1, 1], [1, 1, 0]])
        >>> confusion_matrix(truth, prediction, num_classes=3).tolist()
        [[1, 1, 0], [0, 2, 0], [0, 1, 0]]
    """
    if num_true is None:
        num_true = num_classes
    if ignore is None:
        ignore = ignore_id(num_true)
    if 0 <= ignore < num_true:
        raise ValueError(f"ignore: got {ignore}, expected a value outside the class ids 0..{num_true - 1}.")
    if truth.shape != prediction.shape:
        raise ValueError(
            f"prediction: got shape {tuple(prediction.shape)} for truth {tuple(truth.shape)}, expected the same. Bring "
            "the prediction to the size of the truth, and give ids (argmax), not logits."
        )
    for name, tensor in (("truth", truth), ("prediction", prediction)):
        if tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool:
            raise ValueError(f"{name}: got {tensor.dtype}, expected an integer type with class ids. Take the argmax.")
    truth, prediction = truth.long(), prediction.long()  # before comparing: 65535 is no number of 8 bits
    counted = truth != ignore
    rows, columns = truth[counted], prediction[counted]
    for name, ids, count in (("truth", rows, num_true), ("prediction", columns, num_classes)):
        wrong = ids[(ids < 0) | (ids >= count)]
        if wrong.numel():
            raise ValueError(
                f"{name}: got value {int(wrong[0])} ({wrong.numel()} pixels out of range), expected class ids "
                f"0..{count - 1}; only truth may hold {ignore} = ignore. Give one id for each class name."
            )
    return torch.bincount(rows * num_classes + columns, minlength=num_classes**2).view(num_classes, num_classes)


@dataclass(frozen=True)
class Scores:
    """Scores of one test set, each in 0..1; NaN where a score is not defined.

    A class that occurs neither in truth nor in prediction has no IoU (NaN) and stays out of the means. A class that
    is predicted but never true has IoU 0 and counts. This is mmseg's rule.

    Attributes:
        pAcc: Share of right pixels among those not ignored.
        mIoU_seen: Mean IoU of the seen classes, S; NaN without seen classes.
        mIoU_unseen: Mean IoU of the unseen classes, U; NaN without unseen classes.
        hIoU: Harmonic mean 2SU / (S + U); 0 where both are 0, NaN where either is NaN.
        IoU: Intersection over union of each class, by name.
    """

    pAcc: float  # noqa: N815 (the field's spelling)
    mIoU_seen: float  # noqa: N815
    mIoU_unseen: float  # noqa: N815
    hIoU: float  # noqa: N815
    IoU: dict[str, float]

    def __str__(self) -> str:
        """Return the four scores in per cent, U and hIoU first.

        Example:
            >>> print(Scores(pAcc=0.936, mIoU_seen=0.79, mIoU_unseen=0.662, hIoU=0.7204, IoU={}))
            U 66.2, hIoU 72.0, S 79.0, pAcc 93.6
        """
        scores = {"U": self.mIoU_unseen, "hIoU": self.hIoU, "S": self.mIoU_seen, "pAcc": self.pAcc}
        return ", ".join(f"{name} {percent(score)}" for name, score in scores.items())

    def to_dict(self) -> dict[str, Any]:
        """Return the scores as JSON-ready values; NaN, which JSON lacks, becomes None.

        Example:
            >>> Scores(pAcc=0.5, mIoU_seen=0.4, mIoU_unseen=math.nan, hIoU=math.nan, IoU={"sky": 0.4}).to_dict()
            {'pAcc': 0.5, 'mIoU_seen': 0.4, 'mIoU_unseen': None, 'hIoU': None, 'IoU': {'sky': 0.4}}
        """
        values: dict[str, Any] = nan_to_none(asdict(self))
        return values

    def with_split(self, split: ClassSplit) -> Scores:
        """Return the scores of the same labels with other classes counted as unseen; pAcc and each IoU stay.

        So a network that was trained on all masks is compared with one that was not.

        Args:
            split: The same classes; S and U are means over its seen and its unseen ones.

        Raises:
            ValueError: The split has other classes.

        Example:
            >>> scores = Scores(0.9, mIoU_seen=0.7, mIoU_unseen=math.nan, hIoU=math.nan, IoU={"sky": 0.8, "cat": 0.6})
            >>> print(scores.with_split(ClassSplit(names=("sky", "cat"), unseen=("cat",))))
            U 60.0, hIoU 68.6, S 80.0, pAcc 90.0
        """
        if set(split.names) != set(self.IoU):
            raise ValueError(
                f"split: got the classes {', '.join(split.names)}, expected those of the scores: "
                f"{', '.join(self.IoU)}. Score the test photos again for other classes."
            )
        return _scores(self.pAcc, self.IoU, split)


def compute_metrics(confusion: Tensor, split: ClassSplit) -> Scores:
    """Compute every score from a pooled confusion matrix over all classes, seen and unseen together.

    Source: ZegCLIP and its descendants take S and U as means over one confusion (they leave hIoU to the reader).

    Args:
        confusion: Confusion matrix (N, N), integer, rows = truth, in the order of `split.names`; or (M, M) with M > N,
            where further names follow that are no classes of the test set: a pixel that gets one of them is wrong.
        split: The N classes, and which of them are unseen.

    Returns:
        The scores.

    Raises:
        ValueError: The matrix is not square, or has fewer rows than N.

    Example:
        >>> split = ClassSplit(names=("sky", "tree", "cat"), unseen=("cat",))
        >>> result = compute_metrics(torch.tensor([[3, 1, 0], [0, 4, 0], [0, 1, 1]]), split)
        >>> {name: round(value, 3) for name, value in result.IoU.items()}
        {'sky': 0.75, 'tree': 0.667, 'cat': 0.5}
        >>> [round(value, 3) for value in (result.pAcc, result.mIoU_seen, result.mIoU_unseen, result.hIoU)]
        [0.8, 0.708, 0.5, 0.586]
    """
    size = len(split.names)
    if confusion.ndim != 2 or len(confusion) < size or confusion.shape[0] != confusion.shape[1]:
        raise ValueError(
            f"confusion: got shape {tuple(confusion.shape)}, expected ({size}, {size}) for the {size} classes of the "
            "split, or a larger square where further names follow. Count it over all classes, seen and unseen."
        )
    counts = confusion[:size].detach().cpu().double()
    hits = counts.diagonal()
    union = counts.sum(0)[:size] + counts.sum(1) - hits
    # 0/0 is NaN: an absent class.
    iou = dict(zip(split.names, (hits / union).tolist(), strict=True))
    return _scores(float(hits.sum() / counts.sum()), iou, split)


def _scores(accuracy: float, iou: dict[str, float], split: ClassSplit) -> Scores:
    """Take the means of each IoU over the seen and over the unseen classes of a split."""
    seen = _mean([iou[name] for name in split.seen])
    unseen = _mean([iou[name] for name in split.unseen])
    harmonic = 0.0 if seen == unseen == 0 else 2 * seen * unseen / (seen + unseen)
    return Scores(pAcc=accuracy, mIoU_seen=seen, mIoU_unseen=unseen, hIoU=harmonic, IoU=iou)


def _mean(values: list[float]) -> float:
    """Mean of the values that are numbers; NaN without any."""
    present = [value for value in values if not math.isnan(value)]
    return sum(present) / len(present) if present else math.nan
