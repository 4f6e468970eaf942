"""One pass of the student over test photos: a single forward per photo yields confusions, sweep and cosines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from clipteacher.analysis.student.calibration_sweep import calibrated_labels, check_calibrations
from clipteacher.analysis.student.cosines import ClassCosines, CosineSums
from clipteacher.analysis.student.window_labels import window_labels
from clipteacher.data.dataset import Sample
from clipteacher.evaluation.metrics import confusion_matrix
from clipteacher.inference.dense_prediction import DensePrediction
from clipteacher.inference.text_classifier import TextClassifier
from clipteacher.protocols.splits import ClassSplit
from clipteacher.segmenter.segmenter import Segmenter


@dataclass(frozen=True, eq=False)
class StudentPredictions:
    """Predictions of the student, pooled over the test photos.

    Attributes:
        confusions: Each calibration, ascending, with its confusion matrix (N, N), int64, rows = truth.
        cosines: Cosines of each class's features.
        photos: Number of photos.
        calibration: The model's own calibration, one of those in `confusions`.
    """

    confusions: tuple[tuple[float, Tensor], ...]
    cosines: tuple[ClassCosines, ...]
    photos: int
    calibration: float

    @property
    def confusion(self) -> Tensor:
        """The confusion matrix that `evaluate` scores, at the model's own calibration, (N, N), int64, rows = truth."""
        return next(matrix for calibration, matrix in self.confusions if calibration == self.calibration)


@torch.inference_mode()
def student_predictions(
    segmenter: Segmenter, samples: Iterable[Sample], split: ClassSplit, calibrations: Sequence[float] = (0.0,)
) -> StudentPredictions:
    """Run the student over test photos.

    Args:
        segmenter: The student, with `split.names` as its class names.
        samples: Test samples: image (3, H, W), uint8 or float in [0, 1]; mask (H, W), integer in 0..N-1 or ignore.
        split: The N classes.
        calibrations: Values of γ to try; 0 and the model's own are added.

    Returns:
        The pooled predictions.

    Raises:
        ValueError: A calibration is not finite, or there are no photos.
    """
    own, size, count = float(segmenter.settings.calibration), len(split.names), 0
    calibrations = check_calibrations(calibrations, own)
    matrices = [torch.zeros(size, size, dtype=torch.int64) for _ in calibrations]
    sums = CosineSums(segmenter.text_features)
    segmenter.eval()
    classifier = TextClassifier(segmenter.text_features)  # without the model's calibration: the sweep applies its own
    for sample in samples:
        images = sample.image.unsqueeze(0).to(segmenter.text_features.device)
        prediction = DensePrediction(segmenter.student, images, segmenter.settings)
        seen, unseen = prediction.best_of((split.seen_ids, split.unseen_ids), classifier)
        for calibration, matrix in zip(calibrations, matrices, strict=True):
            matrix += confusion_matrix(sample.mask, calibrated_labels(seen, unseen, calibration)[0].cpu(), size)
        sizes = [(each.shape[2], each.shape[3]) for each in prediction.features]
        truths = window_labels(sample.mask.long(), sizes, segmenter.settings, ignore=split.ignore)
        for features, truth in zip(prediction.features, truths, strict=True):
            sums.add(features[0], truth)
        count += 1
    if not count:
        raise ValueError("photos: got none, expected at least one")
    return StudentPredictions(tuple(zip(calibrations, matrices, strict=True)), sums.means(split), count, own)
