"""Scores of a segmenter on a test set: every photo at its own size, one pooled confusion."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from clipteacher.data.dataset import Sample
from clipteacher.metrics import confusion_matrix
from clipteacher.segmenter import Segmenter


def pooled_confusion(segmenter: Segmenter, samples: Iterable[Sample]) -> Tensor:
    """Segment each sample at its own size and pool the confusion.

    Args:
        segmenter: It answers to the test set's names, in their order.
        samples: Test samples: image (3, H, W), float in [0, 1]; mask (H, W), int64 in 0..N-1, 255 = ignore.

    Returns:
        Confusion matrix (N, N), int64, rows = truth.
    """
    # Not the torchmetrics class: after a run on several devices that would wait for processes that are gone.
    size = len(segmenter.names)
    confusion = torch.zeros(size, size, dtype=torch.int64)
    for sample in samples:
        confusion += confusion_matrix(sample.mask, segmenter.segment(sample.image), size)
    return confusion
