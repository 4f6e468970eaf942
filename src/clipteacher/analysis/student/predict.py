"""One pass of the student over test photos: a single forward per photo yields confusions, sweep and cosines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from clipteacher.analysis.student.calibration_sweep import check_calibrations
from clipteacher.analysis.student.cosines import ClassCosines, CosineSums
from clipteacher.data.dataset import Sample
from clipteacher.evaluation.metrics import confusion_matrix
from clipteacher.inference.dense_prediction import DensePrediction
from clipteacher.inference.window_labels import window_labels
from clipteacher.protocols.splits import ClassSplit
from clipteacher.segmenter.segmenter import Segmenter


@torch.inference_mode()
def student_predictions(
    segmenter: Segmenter, samples: Iterable[Sample], split: ClassSplit, calibrations: Sequence[float] = (0.0,)
) -> tuple[dict[float, Tensor], tuple[ClassCosines, ...]]:
    """Run the student over test photos.

    Args:
        segmenter: The student, with `split.names` as its class names.
        samples: Test samples: image (3, H, W), uint8 or float in [0, 1]; mask (H, W), integer in 0..N-1 or ignore.
        split: The N classes.
        calibrations: Values of γ to try; 0 and the model's own are added.

    Returns:
        The confusion matrix (N, N), int64, rows = truth, pooled over the photos, by calibration, ascending: that of the
        model's own is the one that `evaluate` scores. And the cosines of each class's features.

    Raises:
        ValueError: A calibration is not finite, or there are no photos.
    """
    size, count = len(split.names), 0
    calibrations = check_calibrations(calibrations, segmenter.settings.calibration)
    confusions = {calibration: torch.zeros(size, size, dtype=torch.int64) for calibration in calibrations}
    sums = CosineSums(segmenter.text_features)
    segmenter.eval()
    classifier = segmenter.with_settings(calibration=0.0).classifier  # the sweep applies its own
    for sample in samples:
        images = sample.image.unsqueeze(0).to(segmenter.text_features.device)
        prediction = DensePrediction(segmenter.student, images, segmenter.settings)
        seen, unseen = prediction.best_of((split.seen_ids, split.unseen_ids), classifier)
        for calibration, matrix in confusions.items():
            lowered = seen.values - calibration
            # Of equal logits the first name wins, as in `DensePrediction.labels`.
            wins = (lowered > unseen.values) | ((lowered == unseen.values) & (seen.ids < unseen.ids))
            matrix += confusion_matrix(sample.mask, torch.where(wins, seen.ids, unseen.ids)[0].cpu(), size)
        sizes = [(each.shape[2], each.shape[3]) for each in prediction.features]
        truths = window_labels(sample.mask.long(), sizes, segmenter.settings, ignore=split.ignore)
        for features, truth in zip(prediction.features, truths, strict=True):
            sums.add(features[0], truth)
        count += 1
    if not count:
        raise ValueError("photos: got none, expected at least one")
    return confusions, sums.means(split)
