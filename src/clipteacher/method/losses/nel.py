"""NEL, the non-mutually exclusive loss of ZegCLIP (arXiv 2212.03588, section 3.3): sigmoid focal and dice."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from clipteacher.method.losses.loss_sum import LossSum


def one_hot_targets(labels: Tensor, num_ids: int, ignore_index: int) -> Tensor:
    """Turn ids into binary masks, all zero where a pixel is ignored.

    Args:
        labels: (B, h, w) int64 in 0..num_ids-1 or `ignore_index`.
        num_ids: Number N of ids.
        ignore_index: Id of pixels without a label.

    Returns:
        (B, N, h, w), float32 in {0, 1}.
    """
    ids = torch.arange(num_ids, device=labels.device).view(1, -1, 1, 1)
    return ((labels.unsqueeze(1) == ids) & (labels != ignore_index).unsqueeze(1)).float()


def _check(logits: Tensor, labels: Tensor) -> None:
    if logits.ndim != 4 or labels.shape != (logits.shape[0], *logits.shape[2:]):
        raise ValueError(
            f"nel: got logits {tuple(logits.shape)}, labels {tuple(labels.shape)}; expected (B, N, h, w) and (B, h, w)"
        )


def sigmoid_focal(
    logits: Tensor,
    labels: Tensor,
    *,
    ignore_index: int,
    valid_mask: Tensor | None = None,
    ignored_are_negatives: bool = True,
    alpha: float = 0.25,
    gamma: float = 2.0,
) -> LossSum:
    """Sigmoid focal loss (arXiv 1708.02002) over every id, as ZegCLIP normalises it.

    Mean over an image's pixels, sum over images and ids, to be divided by the number of masks in the batch (an id that
    is present in an image is one mask; at least 1). That is the normalisation of ZegCLIP's released `SegPlusCriterion`,
    which averages the number of masks over devices.

    Args:
        logits: (B, N, h, w) before the sigmoid.
        labels: (B, h, w) int64 in 0..N-1 or `ignore_index`.
        ignore_index: Id of pixels without a label.
        valid_mask: (B, N) bool, which ids an image has a classifier for; None means all. Others are left out.
        ignored_are_negatives: Whether ignored pixels count as negatives of every id, as in ZegCLIP, or not at all.
        alpha: Weight of the positives; 1 - alpha is that of the negatives.
        gamma: Exponent that takes weight from easy pixels.

    Returns:
        The sum, a scalar ≥ 0, and the number of masks.

    Raises:
        ValueError: Shapes do not fit.
    """
    _check(logits, labels)
    targets = one_hot_targets(labels, logits.shape[1], ignore_index)
    # Ids that do not exist carry logits of -inf; a finite stand-in keeps 0 · inf out of the product below.
    finite = logits if valid_mask is None else logits.masked_fill(~valid_mask[:, :, None, None], 0.0)
    cross_entropy = F.binary_cross_entropy_with_logits(finite, targets, reduction="none")
    probability = finite.sigmoid()
    miss = probability * (1 - targets) + (1 - probability) * targets
    loss = (alpha * targets + (1 - alpha) * (1 - targets)) * miss**gamma * cross_entropy
    if not ignored_are_negatives:
        loss = loss * (labels != ignore_index).unsqueeze(1)
    per_id = loss.flatten(2).mean(2)
    if valid_mask is not None:
        per_id = per_id * valid_mask
    return LossSum(per_id.sum(), targets.flatten(2).amax(2).sum())


def dice(
    logits: Tensor,
    labels: Tensor,
    *,
    ignore_index: int,
    ignored_are_negatives: bool = True,
) -> LossSum:
    """Dice loss over the ids that are present in each image: 1 - (2·Σ p t + 1) / (Σ p + Σ t + 1), mean over masks.

    Args:
        logits: (B, N, h, w) before the sigmoid.
        labels: (B, h, w) int64 in 0..N-1 or `ignore_index`.
        ignore_index: Id of pixels without a label.
        ignored_are_negatives: As in `sigmoid_focal`.

    Returns:
        The sum over masks, a scalar ≥ 0, and their number; the ratio is in 0..1.

    Raises:
        ValueError: Shapes do not fit.
    """
    _check(logits, labels)
    targets = one_hot_targets(labels, logits.shape[1], ignore_index).flatten(2)
    present = targets.amax(2) > 0
    probability = logits.sigmoid().flatten(2)
    if not ignored_are_negatives:
        probability = probability * (labels != ignore_index).flatten(1).unsqueeze(1)
    overlap = 2 * (probability * targets).sum(2)
    total = probability.sum(2) + targets.sum(2)
    loss = 1 - (overlap + 1) / (total + 1)
    return LossSum((loss * present).sum(), present.sum())
