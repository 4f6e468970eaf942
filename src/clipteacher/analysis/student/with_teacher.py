"""One pass of teacher and student together over test photos: pseudo labels and GLM's attention."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

import torch
from torch.nn import functional as F

from clipteacher.analysis.student.attention import PhotoAttention, glm_weights, photo_attention
from clipteacher.analysis.student.pseudo_labels import (
    MIN_AREA,
    MaskMatch,
    PseudoLabelMetrics,
    mask_matches,
    pseudo_label_metrics,
)
from clipteacher.analysis.student.run_options import RunOptions
from clipteacher.data.dataset import Sample
from clipteacher.inference.dense_prediction import DensePrediction
from clipteacher.inference.image import float_images
from clipteacher.inference.placement import OWN_SIZE, input_size
from clipteacher.inference.settings import TestSettings
from clipteacher.inference.window_labels import window_labels
from clipteacher.protocols.protocol import TestPipeline
from clipteacher.protocols.splits import ClassSplit
from clipteacher.segmenter.segmenter import Segmenter

SAME_SPACE: Final = 0.99
"""Least cosine between two text features of one name that counts as the same tower in another precision."""


def diagnose_with_teacher(
    segmenter: Segmenter, options: RunOptions, samples: Iterable[Sample], split: ClassSplit, min_area: float = MIN_AREA
) -> tuple[PseudoLabelMetrics | None, tuple[PhotoAttention, ...]]:
    """Apply PLM and GLM to test photos, each whole and at the size of the test.

    Training sees a batch of rescaled crops at a time, so these values are close to those of training, not the same.

    Args:
        segmenter: The student, with `split.names` as its class names.
        options: The run's teacher and method.
        samples: Test samples: image (3, H, W), uint8 or float in [0, 1]; mask (H, W), integer in 0..N-1 or ignore.
        split: The classes.
        min_area: Share of the photo that an unseen class must cover to be judged.

    Returns:
        Metrics of PLM's pseudo labels, None where the run had no PLM; and GLM's attention on each photo, empty where it
        had no GLM.

    Raises:
        ValueError: The teacher's joint space is not the student's.
    """
    check_space(segmenter, options)
    photos = [diagnose_photo(segmenter, options, sample, split, min_area) for sample in samples]
    matches = [each for each, _ in photos]
    pooled = pseudo_label_metrics(matches, segmenter.text_features, split.names, split.unseen)
    return pooled if options.method.plm else None, tuple(each for _, each in photos if each is not None)


@torch.inference_mode()
def diagnose_photo(
    segmenter: Segmenter, options: RunOptions, sample: Sample, split: ClassSplit, min_area: float = MIN_AREA
) -> tuple[list[MaskMatch], PhotoAttention | None]:
    """Apply PLM and GLM to one photo, see `diagnose_with_teacher`.

    Args:
        segmenter: The student.
        options: The run's teacher and method.
        sample: Image (3, H, W), uint8 or float in [0, 1]; mask (H, W), integer in 0..N-1 or ignore.
        split: The classes.
        min_area: Share of the photo that an unseen class must cover to be judged.

    Returns:
        The mask matches, none without PLM; and the attention, None without GLM.
    """
    images = float_images(sample.image.unsqueeze(0).to(segmenter.text_features.device))
    whole = TestSettings(TestPipeline(segmenter.settings.pipeline.short_side, "whole"), segmenter.settings.pad_multiple)
    size = input_size(images.shape[2], images.shape[3], whole.pipeline)
    if size != tuple(images.shape[2:]):
        images = F.interpolate(images, size=size, mode="bilinear", align_corners=False, antialias=True)
    (features,) = DensePrediction(segmenter.eval().student, images, replace(whole, pipeline=OWN_SIZE)).features
    positions = (features.shape[2], features.shape[3])
    (truth,) = window_labels(sample.mask.long(), [positions], whole, split.ignore)
    # Positions in the padding do not belong to the photo and get no attention.
    rows, columns = (
        max(1, round(count * side / (side + -side % whole.pad_multiple)))
        for count, side in zip(positions, size, strict=True)
    )
    features, truth = features[:, :, :rows, :columns], truth[:rows, :columns]
    cls, dense = options.teacher.encode_image(images)
    glm, plm = options.method.glm, options.method.plm
    return (
        list(mask_matches(dense.float(), truth[None], split, plm, min_area)) if plm is not None else [],
        photo_attention(glm_weights(cls, features, glm), truth, split) if glm is not None else None,
    )


def check_space(segmenter: Segmenter, options: RunOptions) -> None:
    """Check that teacher and student share a joint space: both have the same text feature for a name.

    Raises:
        ValueError: They do not.
    """
    width, name = segmenter.text_features.shape[1], segmenter.class_names[0]
    problem = f"width {options.teacher.width} for a student of width {width}"
    if options.teacher.width == width:
        text_feature = options.teacher.encode_text([name]).float().to(segmenter.text_features)
        cosine = float(F.cosine_similarity(text_feature, segmenter.text_features[:1]))
        if cosine >= SAME_SPACE:
            return
        problem = f"a text feature for {name!r} that has a cosine of {cosine:.2f} with the student's"
    raise ValueError(
        f"teacher: got {problem}, expected the teacher that trained the student; config.yaml belongs to another run. "
        "Give that run's folder as --model, or --teacher false."
    )
