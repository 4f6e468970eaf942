"""The row "teacher alone" of a table: the frozen teacher's own dense tokens, scored as a student is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from clipteacher.data.dataset import SegmentationDataset
from clipteacher.data.opened import open_data
from clipteacher.diagnosis.run_config import read_knobs
from clipteacher.evaluation import pooled_confusion
from clipteacher.metrics import scores
from clipteacher.segmenter import Segmenter
from clipteacher.teachers.dense import TeacherAlone


@torch.inference_mode()
def score_teacher(config: Path, data: Path, unseen: Sequence[str]) -> dict[str, Any]:
    """Score the teacher of a configuration on the test photographs, which go in unpadded: it takes any size.

    Args:
        config: A configuration of `clipteacher fit`, for its `model.teacher`.
        data: The data set's folder.
        unseen: Names that count as unseen; the teacher knows neither these nor the others from training.

    Returns:
        The entries of a run's metrics.json.
    """
    teacher, opened = read_knobs(config).teacher, open_data(data, "val", None, tuple(unseen))
    split = opened.class_split
    samples = SegmentationDataset(opened.source, split, training=False)
    alone = Segmenter(TeacherAlone(teacher), split.names, teacher.encode_text(split.names), pad_multiple=1)
    result = scores(pooled_confusion(alone, (samples[index] for index in range(len(samples)))), split)
    return {"protocol": f"{data.resolve().name}-{split.label}", **result.to_dict()}
