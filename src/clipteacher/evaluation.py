"""Scores of a segmenter on a test set: labels at every photo's own size, one pooled confusion."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from clipteacher.data.dataset import Sample
from clipteacher.metrics import confusion_matrix
from clipteacher.protocols.protocol import TestPipeline
from clipteacher.segmenter import Segmenter


def pooled_confusion(segmenter: Segmenter, samples: Iterable[Sample], pipeline: TestPipeline | None = None) -> Tensor:
    """Segment each sample and pool the confusion at the samples' own sizes.

    Args:
        segmenter: It answers to the test set's names, in their order.
        samples: Test samples: image (3, H, W), float in [0, 1]; mask (H, W), int64 in 0..N-1, 255 = ignore
            (65535 with more than 255 names).
        pipeline: How to test, in place of the segmenter's own way, such as `Protocol.test`; None keeps that.

    Returns:
        Confusion matrix (N, N), int64, rows = truth.
    """
    # Not the torchmetrics class: after a run on several devices that would wait for processes that are gone.
    segmenter = segmenter if pipeline is None else segmenter.with_pipeline(pipeline)
    size = len(segmenter.names)
    confusion = torch.zeros(size, size, dtype=torch.int64)
    for sample in samples:
        confusion += confusion_matrix(sample.mask, torch.from_numpy(segmenter.segment(sample.image).labels), size)
    return confusion
