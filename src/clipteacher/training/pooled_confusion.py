"""The pooled confusion of a validation, summed over devices. Here, for `import clipteacher` needs no torchmetrics."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from clipteacher.evaluation.metrics import confusion_matrix


class PooledConfusion(Metric):
    """One confusion matrix over every batch and every device, (N, N), int64, rows = truth.

    Deviation: `torchmetrics.segmentation.MeanIoU` averages over images and fails on label 255;
    `MulticlassJaccardIndex` gives an absent class 0. Here pixels are pooled first and `scores` divides once.

    Args:
        num_classes: Number N of classes.
        num_true: Number of classes that truth may hold, the first of the N; None is N, see `confusion_matrix`.
        **kwargs: What `torchmetrics.Metric` takes.

    Example:
        >>> metric = PooledConfusion(num_classes=2)
        >>> metric.update(truth=torch.tensor([0, 1]), prediction=torch.tensor([0, 0]))
        >>> metric.update(truth=torch.tensor([1, 255]), prediction=torch.tensor([1, 0]))
        >>> metric.compute().tolist()
        [[1, 0], [1, 1]]
    """

    full_state_update = False
    confusion: Tensor

    def __init__(self, num_classes: int, num_true: int | None = None, **kwargs: Any) -> None:  # noqa: ANN401 (torchmetrics' own)
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.num_true = num_true
        self.add_state("confusion", torch.zeros(num_classes, num_classes, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, truth: Tensor, prediction: Tensor) -> None:
        """Add a batch of true and predicted ids, any shape, the same for both; raises as `confusion_matrix`."""
        self.confusion += confusion_matrix(truth, prediction, self.num_classes, num_true=self.num_true)

    def compute(self) -> Tensor:
        """Return the pooled confusion matrix, (N, N), int64; torchmetrics gives a bare number where N is 1."""
        return self.confusion

    def matrix(self) -> Tensor:
        """Return `compute()` as a matrix whatever N is: (N, N), int64, summed over devices."""
        return torch.as_tensor(self.compute()).view(self.num_classes, self.num_classes)
