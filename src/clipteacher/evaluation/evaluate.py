"""Scores of a segmenter on a test set: labels at every photo's own size, one pooled confusion."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from clipteacher.data.dataset import Sample
from clipteacher.evaluation.metrics import confusion_matrix
from clipteacher.segmenter.segmenter import Segmenter


@torch.inference_mode()
def pooled_confusion(segmenter: Segmenter, samples: Iterable[Sample], num_true: int | None = None) -> Tensor:
    """Segment each sample on the segmenter's device and pool the confusion at the samples' own sizes.

    Args:
        segmenter: It answers to the test set's names, in their order; further names may follow.
        samples: Test samples: image (3, H, W), uint8 or float in [0, 1]; mask (H, W), integer in 0..N-1, 255 = ignore
            (65535 with more than 255 classes).
        num_true: Number of the test set's classes; None is that of the segmenter's names.

    Returns:
        Confusion matrix (N, N), int64, rows = truth, on the CPU.
    """
    # Not the torchmetrics class: after a run on several devices that would wait for processes that are gone.
    segmenter.eval()
    device, size = segmenter.text_features.device, len(segmenter.class_names)
    confusion = torch.zeros(size, size, dtype=torch.int64, device=device)
    for sample in samples:
        labels = segmenter(sample.image.unsqueeze(0).to(device))[0]
        confusion += confusion_matrix(sample.mask.to(device), labels, size, num_true=num_true)
    return confusion.cpu()
