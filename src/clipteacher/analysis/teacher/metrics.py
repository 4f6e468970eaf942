"""Metrics of each class name, from the teacher's predictions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from clipteacher.analysis.student.confusions import PredictedAs, class_confusions
from clipteacher.analysis.teacher.predict import TeacherPredictions
from clipteacher.evaluation.metrics import compute_metrics
from clipteacher.protocols.splits import ClassSplit

HIGH: Final = 0.2
"""Share of all names that rank high by the CLS token: the first of five, or four of twenty. By chance a name ranks high
on one photo in five. A photo shows several things, and only one of them can rank first."""


@dataclass(frozen=True)
class NameMetrics:
    """What the teacher knows of one name; NaN where it cannot be measured.

    Attributes:
        name: The name.
        photos: Number of photos whose masks show it; 0 means that there are no masks of it, hence no IoU.
        IoU: Intersection over union of the dense prediction, 0..1.
        recall: Share of its pixels that get its name.
        precision: Share of the labelled pixels with its name that are its own.
        predicted_as: The most frequent wrong names for its pixels, most frequent first.
        high_shown: Share of the photos that show it whose CLS token ranks it high, see `HIGH`.
        high_other: The same on photos whose masks do not show it; on all photos where no mask does.
        pixels: Share of all pixels, labelled or not, that the dense prediction gives to it.
        nearest: The name with the nearest text feature; None for a single name.
        cosine: Cosine of the two text features.
    """

    name: str
    photos: int
    IoU: float
    recall: float
    precision: float
    predicted_as: tuple[PredictedAs, ...]
    high_shown: float
    high_other: float
    pixels: float
    nearest: str | None
    cosine: float


def name_metrics(class_names: tuple[str, ...], predictions: TeacherPredictions) -> tuple[NameMetrics, ...]:
    """Compute the metrics of every name.

    Args:
        class_names: The N names.
        predictions: The teacher's predictions with these names.

    Returns:
        N entries, in the order of the names.
    """
    matrix, shown = torch.from_numpy(predictions.confusion), predictions.shown
    split = ClassSplit(class_names, class_names)  # all are new to the teacher
    scores, precision = compute_metrics(matrix, split), matrix.diagonal().double() / matrix.sum(dim=0)  # 0/0 is NaN
    high = predictions.ranks < max(1, round(HIGH * len(class_names)))
    cosines = cosine_matrix(predictions.text_features)
    np.fill_diagonal(cosines, -np.inf)
    entries = []
    for index, each in enumerate(class_confusions(matrix, split)):
        near = int(np.argmax(cosines[index]))
        entries.append(
            NameMetrics(
                name=each.name,
                photos=int(shown[:, index].sum()),
                IoU=scores.IoU[each.name] if each.pixels else math.nan,
                recall=each.recall,
                precision=float(precision[index]) if each.pixels else math.nan,
                predicted_as=each.predicted_as,
                high_shown=_mean(high[shown[:, index], index]),
                high_other=_mean(high[~shown[:, index], index]),
                pixels=float(predictions.pixels[index]),
                nearest=class_names[near] if len(class_names) > 1 else None,
                cosine=float(cosines[index, near]) if len(class_names) > 1 else math.nan,
            )
        )
    return tuple(entries)


def cosine_matrix(text_features: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the cosines of all pairs of text features (N, C): (N, N), float64, in -1..1."""
    unit = text_features.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    cosines: NDArray[np.float64] = (unit @ unit.T).clip(-1, 1)
    return cosines


def _mean(values: NDArray[np.bool_]) -> float:
    return float(values.mean()) if len(values) else math.nan
