"""The row "zero-shot teacher" of a table: the frozen teacher's own dense tokens, scored as a student is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from clipteacher.data.dataset import SegmentationDataset
from clipteacher.data.opened import open_data
from clipteacher.evaluation.evaluate import pooled_confusion
from clipteacher.evaluation.metrics import Scores, compute_metrics
from clipteacher.inference.settings import TestSettings
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.teachers.teacher import Teacher

UNPADDED = TestSettings(pad_multiple=1)
"""A teacher takes photos of any size."""


def score_teacher(
    teacher: Teacher, data: Path, split: str, unseen: Sequence[str], settings: TestSettings = UNPADDED
) -> tuple[str, Scores]:
    """Score a teacher on photos.

    Args:
        teacher: The teacher.
        data: The data set's folder.
        split: Which of its photos, such as "val".
        unseen: Names that count as unseen; the teacher was trained on no mask, of these or of others.
        settings: How photos are tested.

    Returns:
        The protocol's name, and the scores.
    """
    opened = open_data(data, split, None, tuple(unseen))
    samples = SegmentationDataset(opened.source, opened.class_split, training=False)
    segmenter = Segmenter.from_teacher(teacher, opened.class_split.names, settings=settings)
    confusion = pooled_confusion(segmenter, (samples[index] for index in range(len(samples))))
    return opened.protocol, compute_metrics(confusion, opened.class_split)
