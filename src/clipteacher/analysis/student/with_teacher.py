"""One pass of teacher and student together over test photos: pseudo labels and GLM's attention."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import torch
from torch.nn import functional as F

from clipteacher.analysis.student.attention import (
    AttentionFigures,
    PhotoAttention,
    attention_figures,
    glm_weights,
    photo_attention,
)
from clipteacher.analysis.student.pseudo_labels import LEAST_SHARE, PseudoLabels, Region, photo_regions, region_figures
from clipteacher.analysis.student.run_config import RunOptions
from clipteacher.analysis.student.window_labels import window_labels
from clipteacher.data.dataset import Sample
from clipteacher.inference.image import float_images
from clipteacher.inference.placement import resized_size
from clipteacher.inference.settings import TestSettings
from clipteacher.protocols.protocol import TestPipeline
from clipteacher.protocols.splits import ClassSplit
from clipteacher.segmenter.segmenter import Segmenter

SAME: Final = 0.99
"""Cosine of one name's two vectors from which on they count as one tower's: room for another precision."""


@dataclass(frozen=True, eq=False)
class TeacherAnswers:
    """What the teacher part found.

    Attributes:
        pseudo_labels: Figures of PLM's pseudo labels; None where the run had no PLM.
        attention: Figures of GLM's attention; None where the run had no GLM.
    """

    pseudo_labels: PseudoLabels | None
    attention: AttentionFigures | None


@torch.inference_mode()
def ask_both(
    segmenter: Segmenter,
    options: RunOptions,
    samples: Iterable[Sample],
    split: ClassSplit,
    least_share: float = LEAST_SHARE,
) -> TeacherAnswers:
    """Look at test photos as the run's losses would, the whole photo at the size of the test.

    Training sees crops of it, enlarged and shrunk, and a batch at a time; so these figures are near those of training,
    and not the same.

    Args:
        segmenter: The student; it answers to `split.names`, in their order.
        options: The run's teacher and its options of GLM and PLM.
        samples: Test samples: image (3, H, W), float in [0, 1]; mask (H, W), int64 in 0..N-1 or ignore.
        split: The classes.
        least_share: See `photo_regions`.

    Returns:
        What was found.

    Raises:
        ValueError: The teacher's joint space is not the student's.
    """
    check_space(segmenter, options)
    regions: list[list[Region]] = []
    attention: list[PhotoAttention] = []
    for sample in samples:
        looked = look(segmenter, options, sample, split, least_share)
        regions.append(looked.regions)
        if looked.attention is not None:
            attention.append(looked.attention)
    return TeacherAnswers(
        region_figures(regions, segmenter.text_features, split.names, split.unseen)
        if options.plm is not None
        else None,
        attention_figures(attention, split.unseen) if options.glm is not None else None,
    )


@dataclass(frozen=True, eq=False)
class Looked:
    """One photo in the eyes of both.

    Attributes:
        regions: Its unseen regions; empty without PLM.
        attention: GLM's attention; None without GLM.
    """

    regions: list[Region]
    attention: PhotoAttention | None


@torch.inference_mode()
def look(
    segmenter: Segmenter, options: RunOptions, sample: Sample, split: ClassSplit, least_share: float = LEAST_SHARE
) -> Looked:
    """Look at one photo, see `ask_both`.

    Args:
        segmenter: The student.
        options: The run's teacher and options.
        sample: Image (3, H, W), float in [0, 1]; mask (H, W), int64 in 0..N-1 or ignore.
        split: The classes.
        least_share: See `photo_regions`.

    Returns:
        What was found.
    """
    images = float_images(sample.image.unsqueeze(0).to(segmenter.text_features.device))
    whole = TestPipeline(segmenter.settings.pipeline.short_side, "whole")
    height, width = resized_size(images.shape[2], images.shape[3], whole.short_side)
    if (height, width) != tuple(images.shape[2:]):
        images = F.interpolate(images, size=(height, width), mode="bilinear", align_corners=False, antialias=True)
    multiple = segmenter.settings.pad_multiple
    padded = F.pad(images, (0, -width % multiple, 0, -height % multiple))
    features = segmenter.eval().student(padded).float()
    size = (features.shape[2], features.shape[3])
    (truth,) = window_labels(sample.mask.long(), [size], TestSettings(whole, pad_multiple=multiple), split.ignore)
    # Positions of the padding are none of the photo's: no attention is theirs.
    rows, columns = (
        max(1, round(cells * side / full))
        for cells, side, full in zip(size, (height, width), padded.shape[2:], strict=True)
    )
    features, truth = features[:, :, :rows, :columns], truth[:rows, :columns]
    tokens = options.teacher.encode_image(images)
    regions: list[Region] = []
    if options.plm is not None:
        regions = list(photo_regions(tokens.dense.float(), truth[None], split, options.plm, least_share))
    if options.glm is None:
        return Looked(regions, None)
    return Looked(regions, photo_attention(glm_weights(tokens.cls, features, options.glm), truth, split))


def check_space(segmenter: Segmenter, options: RunOptions) -> None:
    """Check that teacher and student share a joint space: both have the same vector for a name.

    Raises:
        ValueError: They do not.
    """
    width, name = segmenter.text_features.shape[1], segmenter.class_names[0]
    problem = f"width {options.teacher.width} beside a student of {width}"
    if options.teacher.width == width:
        vector = options.teacher.encode_text([name]).float().to(segmenter.text_features)
        cosine = float(F.cosine_similarity(vector, segmenter.text_features[:1]))
        if cosine >= SAME:
            return
        problem = f"a vector for {name!r} that has a cosine of {cosine:.2f} with the student's"
    raise ValueError(
        f"teacher: got {problem}, expected the student's own; config.yaml is another run's. Give the run's folder as "
        "--model, or --teacher false."
    )
