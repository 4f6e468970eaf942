"""One pass of the student over test photos: a single forward per photo yields confusions, sweep and cosines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from clipteacher.analysis.student.calibration_sweep import check_calibrations
from clipteacher.analysis.student.cosines import ClassCosines, CosineSums
from clipteacher.data.dataset import Sample
from clipteacher.evaluation.metrics import confusion_matrix
from clipteacher.inference.dense_prediction import DensePrediction
from clipteacher.inference.placement import input_size, windows
from clipteacher.inference.settings import TestSettings
from clipteacher.protocols.splits import ClassSplit
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.utils.nearest import resize_labels


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


def window_labels(mask: Tensor, sizes: Sequence[tuple[int, int]], settings: TestSettings, ignore: int) -> list[Tensor]:
    """Bring a photo's labels to the features of each window, by nearest neighbour as training does.

    A pixel in overlapping windows appears in each of them.

    Args:
        mask: Labels of the photo (H, W), int64, class ids or `ignore`.
        sizes: Height and width of each window's features, in the order of `placement.windows`.
        settings: Size, windows and padding in which the network sees the photo.
        ignore: Label of pixels that do not count; padding gets it.

    Returns:
        Labels (h, w), int64, of each window.
    """
    pipeline, multiple = settings.pipeline, settings.pad_multiple
    size = input_size(mask.shape[0], mask.shape[1], pipeline)
    resized = resize_labels(mask, size)
    labels = []
    for (top, left, bottom, right), own in zip(windows(*size, pipeline), sizes, strict=True):
        padding = (0, -(right - left) % multiple, 0, -(bottom - top) % multiple)
        labels.append(resize_labels(F.pad(resized[top:bottom, left:right], padding, value=ignore), own))
    return labels
