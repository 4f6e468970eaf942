"""The gate for seen names of a trained student, fitted to its own training photos."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Final

import torch
from torch.nn import functional as F

from clipteacher.data.dataset import SegmentationDataset
from clipteacher.inference.dense_prediction import DensePrediction
from clipteacher.inference.seen_gate import SEPARATION, PixelMoments, fit_gate
from clipteacher.inference.window_labels import window_labels
from clipteacher.segmenter.segmenter import Segmenter

PHOTOS: Final = 100
"""Training photos to which a gate is fitted, drawn once."""

_LEAST_LATENT: Final = 0.02
"""Least share of pixels without a label, seams between things not counted: fewer are no sample of other things."""

_PADDING: Final = -1


def check_seen_gate(separation: float | None, wanted: Sequence[str] = ()) -> None:
    """Check how far a gate is to set pixels apart.

    Raises:
        ValueError: It is no positive, finite number, or there are wanted names, which are learned as seen ones are.
    """
    if separation is None:
        return
    if isinstance(separation, bool) or not 0 < separation < math.inf:
        raise ValueError(f"seen_gate: got {separation!r}, expected a positive number, such as {SEPARATION}, or null.")
    if wanted:
        raise ValueError(
            f"seen_gate: got {separation:g} with wanted names, expected null: what is said before training is learned "
            "beside the seen names. Leave one of them out."
        )


def with_seen_gate(segmenter: Segmenter, train_set: SegmentationDataset, separation: float) -> Segmenter:
    """Fit a gate to a student's training photos, whole as at test, and put it in the place of the calibration.

    Training is over, and no weight changes. The masks are those of training: what is unseen has no label in them.

    Args:
        segmenter: The trained student.
        train_set: The training photos.
        separation: As `clipteacher.inference.seen_gate.fit_gate`.

    Returns:
        A segmenter that shares the student, with the gate, and without calibration; the one that was given, with a
        warning, where too few pixels are without a label, or look no different.
    """
    labelled, latent = pixel_moments(segmenter, train_set)
    share = latent.count / max(labelled.count + latent.count, 1)
    gate = fit_gate(labelled, latent, separation) if share >= _LEAST_LATENT else None
    if gate is None:
        warnings.warn(
            f"seen_gate: {100 * share:.1f} % of the training photos' area has no label, seams aside; expected at least "
            f"{100 * _LEAST_LATENT:.0f} %, to tell what is labelled from what is not. The calibration stays: "
            f"{segmenter.settings.calibration:g}.",
            stacklevel=2,
        )
        return segmenter
    return segmenter.with_gate(gate).with_settings(calibration=0.0)


@torch.inference_mode()
def pixel_moments(segmenter: Segmenter, train_set: SegmentationDataset) -> tuple[PixelMoments, PixelMoments]:
    """Add up the student's features of training photos: of pixels with a label, and of those without.

    Positions without a label beside one with a label count for neither: they may be seams between things.
    """
    photos = SegmentationDataset(train_set.source, train_set.class_split, training=True)  # whole, not augmented
    channels, device = segmenter.text_features.shape[1], segmenter.text_features.device
    labelled, latent = PixelMoments(channels), PixelMoments(channels)
    segmenter.eval()
    for number in torch.randperm(len(photos), generator=torch.Generator().manual_seed(0))[:PHOTOS].tolist():
        sample = photos[number]
        prediction = DensePrediction(segmenter.student, sample.image[None].to(device), segmenter.settings)
        sizes = [(each.shape[2], each.shape[3]) for each in prediction.features]
        truths = window_labels(sample.mask.long().to(device), sizes, segmenter.settings, ignore=_PADDING)
        for features, truth in zip(prediction.features, truths, strict=True):
            has_label = (truth != _PADDING) & (truth != photos.class_split.ignore)
            beside = F.max_pool2d(has_label[None].float(), 3, stride=1, padding=1)[0] > 0
            labelled.add(features[0, :, has_label].T)
            latent.add(features[0, :, (truth == photos.class_split.ignore) & ~beside].T)
    return labelled, latent
