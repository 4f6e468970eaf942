"""A threshold for none of the names, chosen on photos with masks of other things too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor

from clipteacher.data.dataset import Sample
from clipteacher.inference.dense_prediction import DensePrediction
from clipteacher.segmenter.segmenter import Segmenter

STEPS: Final = 200
"""Cosines from -1 to 1 that are tried, a hundredth apart."""


@dataclass(frozen=True, eq=False)
class ThresholdCurve:
    """The mean IoU over the names and none of them, by threshold.

    Attributes:
        thresholds: The cosines tried, ascending; the first, -1, leaves no pixel out.
        mIoU: 0..1, for each.
    """

    thresholds: tuple[float, ...]
    mIoU: tuple[float, ...]  # noqa: N815 (the field's spelling)

    @property
    def best(self) -> float:
        """The threshold with the highest mean IoU; of several that are equal the lowest."""
        return self.thresholds[max(range(len(self.mIoU)), key=self.mIoU.__getitem__)]

    @property
    def highest(self) -> float:
        """That mean IoU."""
        return max(self.mIoU)

    @property
    def without(self) -> float:
        """The mean IoU where no pixel is left out for its cosine."""
        return self.mIoU[0]


def threshold_counts(cosines: Tensor, labels: Tensor, truth: Tensor, names: int) -> Tensor:
    """Count pixels by their truth, by what they are labelled, and by the cosine of that name.

    Args:
        cosines: (P,), floating point, of each pixel's feature and its best name.
        labels: (P,) int64, that name, 0..K-1, or K where another word is better.
        truth: (P,) int64, 0..K-1, or K for none of the names.
        names: K.

    Returns:
        (K + 1, K + 1, T) int64, T = `STEPS`: rows = truth.
    """
    bins = ((cosines + 1) * (STEPS / 2)).floor().long().clamp(0, STEPS - 1)
    places = (truth * (names + 1) + labels) * STEPS + bins
    return torch.bincount(places, minlength=(names + 1) ** 2 * STEPS).view(names + 1, names + 1, STEPS)


def threshold_curve(counts: Tensor) -> ThresholdCurve:
    """Compute the mean IoU for every threshold.

    Args:
        counts: (K + 1, K + 1, T) int64, T = `STEPS`, as `threshold_counts` returns them, summed over photos.

    Returns:
        The curve; the mean is over those of the names, and none of them, that occur.

    Raises:
        ValueError: No pixel is of a name, or none is of anything else.

    Example:
        >>> counts = threshold_counts(torch.tensor([0.8, 0.1]), torch.tensor([0, 0]), torch.tensor([0, 1]), names=1)
        >>> curve = threshold_curve(counts)
        >>> curve.without, curve.highest, curve.best
        (0.25, 1.0, 0.11)
    """
    none = len(counts) - 1
    present = counts.sum(dim=(1, 2)) > 0
    if not bool(present[:none].any()) or not bool(present[none]):
        what = "a name" if bool(present[none]) else "anything else"
        raise ValueError(
            f"threshold: got no pixel of {what}, expected photos with masks of the names and of other things. Give "
            "fewer names, or photos that show both."
        )
    # Below a threshold a pixel is none: what stays is the sum over the bins from it on.
    kept = counts.double().flip(2).cumsum(2).flip(2)
    confusion = kept.clone()
    confusion[:, none] = counts.sum(dim=(1, 2), dtype=torch.float64)[:, None] - kept[:, :none].sum(dim=1)
    hits = confusion.diagonal(dim1=0, dim2=1)  # (STEPS, K + 1)
    union = confusion.sum(dim=1).T + confusion.sum(dim=0).T - hits
    mean = (hits / union.clamp(min=1))[:, present].mean(dim=1)
    return ThresholdCurve(tuple(round(-1 + 2 * step / STEPS, 2) for step in range(STEPS)), tuple(mean.tolist()))


@torch.inference_mode()
def choose_threshold(
    segmenter: Segmenter, samples: Iterable[Sample], names: Sequence[str], classes: Sequence[str]
) -> tuple[ThresholdCurve, ThresholdCurve | None]:
    """Try every threshold on photos with masks: pixels of a class that is no name should be none.

    Args:
        segmenter: The trained student.
        samples: Photos; masks (H, W), integer, have ids of `classes`, or more where nothing is labelled.
        names: The K names that are asked for.
        classes: Names of the ids in the masks.

    Returns:
        The curve; and the one in which the model's own names compete, None where it has no other.

    Raises:
        ValueError: As `threshold_curve`, or there is no name.
    """
    others = tuple(name for name in segmenter.class_names if name not in names)
    asked = segmenter.with_names((*names, *others))
    # With a threshold of 1 the last logit is the feature's length.
    classifier = replace(asked.classifier, threshold=1.0)
    groups = [range(len(names)), range(len(names), len(names) + len(others)), [len(names) + len(others)]]
    table = torch.full((max(256, len(classes) + 1),), -1)
    for index, name in enumerate(classes):
        table[index] = names.index(name) if name in names else len(names)
    alone = torch.zeros(len(names) + 1, len(names) + 1, STEPS, dtype=torch.int64)
    beside = alone.clone()
    for sample in samples:
        images = sample.image.unsqueeze(0).to(asked.text_features.device)
        best, other, length = DensePrediction(asked.student, images, asked.settings).best_of(groups, classifier)
        truth = table[sample.mask.long().clamp(max=len(table) - 1)].flatten()
        here = truth >= 0
        cosines = (best.values / length.values.clamp(min=1e-12))[0].flatten().cpu()[here]
        labels, lost = best.ids[0].flatten().cpu()[here], (other.values > best.values)[0].flatten().cpu()[here]
        alone += threshold_counts(cosines, labels, truth[here], len(names))
        beside += threshold_counts(cosines, labels.masked_fill(lost, len(names)), truth[here], len(names))
    return threshold_curve(alone), threshold_curve(beside) if others else None
