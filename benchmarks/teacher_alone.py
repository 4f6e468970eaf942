"""The row "teacher alone" of a table: the frozen teacher's own dense tokens, scored as a student is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from clipteacher.analysis.student.run_options import read_run_options
from clipteacher.data.dataset import SegmentationDataset
from clipteacher.data.opened import open_data
from clipteacher.evaluation.evaluate import pooled_confusion
from clipteacher.evaluation.metrics import compute_metrics
from clipteacher.inference.settings import TestSettings
from clipteacher.segmenter.segmenter import Segmenter


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
    teacher, opened = read_run_options(config).teacher, open_data(data, "val", None, tuple(unseen))
    split = opened.class_split
    samples = SegmentationDataset(opened.source, split, training=False)
    alone = Segmenter.from_teacher(teacher, split.names, settings=TestSettings(pad_multiple=1))
    result = compute_metrics(pooled_confusion(alone, (samples[index] for index in range(len(samples)))), split)
    return {"protocol": f"{data.resolve().name}-{split.label}", **result.to_dict()}
