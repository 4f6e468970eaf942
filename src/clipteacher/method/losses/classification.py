"""The two plain terms of the paper's sum: CE over pixels, BCE over the synthesizer's seen prototypes."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from clipteacher.method.losses.loss_sum import LossSum
from clipteacher.utils.waits import waits


def pixel_cross_entropy(
    logits: Tensor, labels: Tensor, *, ignore_index: int, class_weights: Tensor | None = None
) -> LossSum:
    """Softmax cross-entropy over the labelled pixels of a batch, L = Σ_p w_{y_p} · CE_p / Σ_p w_{y_p}.

    Args:
        logits: (B, N, h, w); -inf marks ids that an image does not have.
        labels: (B, h, w) int64 in 0..N-1 or `ignore_index`.
        ignore_index: Id of pixels without a label.
        class_weights: w of the first ids, (K,), K ≤ N, > 0; those of the others are 1. None is 1 for all.

    Returns:
        The sum over labelled pixels, a scalar ≥ 0, and their number, or the sum of their weights.

    Example:
        >>> logits, nothing = torch.zeros(1, 2, 1, 1), torch.full((1, 1, 1), 255)
        >>> pixel_cross_entropy(logits, nothing, ignore_index=255).mean().item()
        0.0
    """
    labelled = labels != ignore_index
    if class_weights is None:
        total = F.cross_entropy(logits, labels, ignore_index=ignore_index, reduction="sum")
        return LossSum(total, labelled.sum())
    weights = F.pad(class_weights.to(logits), (0, logits.shape[1] - len(class_weights)), value=1.0)
    total = F.cross_entropy(logits, labels, weights, ignore_index=ignore_index, reduction="sum")
    if waits(labels):  # for the number of labelled pixels, which picking them out asks for
        of_pixels = weights[labels.masked_fill(~labelled, 0)].masked_fill(~labelled, 0.0)
    else:
        of_pixels = weights[labels[labelled]]
    return LossSum(total, of_pixels.sum())


def prototype_bce(prototypes: Tensor, text_features: Tensor, present: Tensor) -> LossSum:
    """Teach the synthesizer that the prototype of a seen class answers to that class's name alone.

    L_BCE = mean over images, present classes i and all classes j of BCE(σ(P_iᵀ T_j), [i = j]).

    Source: L_BCE of arXiv 2310.02296.

    Deviation: the paper prints it without its sign and without the negatives; this is the usual form.

    Args:
        prototypes: P_seen, (B, N_s, C).
        text_features: T_seen, (N_s, C), unit vectors.
        present: (B, N_s) bool, the classes that occur in each image.

    Returns:
        The sum over images and present classes, a scalar ≥ 0, and the number of both.
    """
    logits = torch.einsum("bic,jc->bij", prototypes, text_features)
    identity = torch.eye(len(text_features), device=text_features.device).expand_as(logits)
    loss = F.binary_cross_entropy_with_logits(logits, identity, reduction="none").mean(2)
    return LossSum((loss * present).sum(), present.sum())
