"""One pass of the student over test photos: all that its figures need, from each photo's one forward."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from clipteacher.analysis.student.calibration_sweep import check_offsets, offset_labels
from clipteacher.analysis.student.cosines import ClassCosines, CosineSums
from clipteacher.analysis.student.window_labels import window_labels
from clipteacher.data.dataset import Sample
from clipteacher.evaluation.metrics import confusion_matrix
from clipteacher.inference.dense_prediction import Best, DensePrediction
from clipteacher.inference.text_classifier import TextClassifier
from clipteacher.protocols.splits import ClassSplit
from clipteacher.segmenter.segmenter import Segmenter


@dataclass(frozen=True, eq=False)
class StudentAnswers:
    """What the student said of the test photos.

    Attributes:
        confusions: A confusion matrix (N, N), int64, rows = truth, for each offset, ascending.
        cosines: Cosines of each class's features.
        photos: Number of photos.
        own: The model's own calibration, one of the offsets.
    """

    confusions: tuple[tuple[float, Tensor], ...]
    cosines: tuple[ClassCosines, ...]
    photos: int
    own: float

    @property
    def confusion(self) -> Tensor:
        """The confusion matrix at the model's own offset, (N, N), int64, rows = truth: the one `evaluate` scores."""
        return next(matrix for offset, matrix in self.confusions if offset == self.own)


@torch.inference_mode()
def ask_student(
    segmenter: Segmenter, samples: Iterable[Sample], split: ClassSplit, offsets: Sequence[float] = (0.0,)
) -> StudentAnswers:
    """Ask the student about test photos.

    Args:
        segmenter: It answers to `split.names`, in their order, and knows how it is tested.
        samples: Test samples: image (3, H, W), float in [0, 1]; mask (H, W), int64 in 0..N-1 or ignore.
        split: The N classes.
        offsets: What is taken off the seen names' scores, see `offset_labels`; 0 and the model's own are added.

    Returns:
        The answers.

    Raises:
        ValueError: An offset is no finite number, or there are no photos.
    """
    own = float(segmenter.settings.calibration)
    offsets, size = check_offsets(offsets, own), len(split.names)
    matrices = [torch.zeros(size, size, dtype=torch.int64) for _ in offsets]
    sums, count = CosineSums(segmenter.text_features), 0
    segmenter.eval()
    plain = TextClassifier(segmenter.text_features)  # the sweep does the calibrating
    for sample in samples:
        images = sample.image.unsqueeze(0).to(segmenter.text_features.device)
        prediction = DensePrediction(segmenter.student, images, segmenter.settings)
        seen, unseen = prediction.best_of((split.seen_ids, split.unseen_ids), plain)
        for offset, matrix in zip(offsets, matrices, strict=True):
            labels = offset_labels(_first(seen), _first(unseen), offset)
            matrix += confusion_matrix(sample.mask, labels.cpu(), size)
        features = prediction.features
        sizes = [(each.shape[2], each.shape[3]) for each in features]
        truths = window_labels(sample.mask.long(), sizes, segmenter.settings, ignore=split.ignore)
        for each, truth in zip(features, truths, strict=True):
            sums.add(each[0], truth)
        count += 1
    if not count:
        raise ValueError("photos: got none, expected at least one")
    return StudentAnswers(tuple(zip(offsets, matrices, strict=True)), sums.figures(split), count, own)


def _first(best: Best) -> Best:
    return Best(best.values[0], best.ids[0])
