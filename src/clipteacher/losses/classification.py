"""The two plain terms of the paper's sum: CE over pixels, BCE over the synthesizer's seen prototypes."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from clipteacher.distributed import rank_share


def pixel_cross_entropy(logits: Tensor, labels: Tensor, *, ignore_index: int, all_ranks: bool = False) -> Tensor:
    """Softmax cross-entropy, mean over the labelled pixels of the batch; 0 where there is none.

    Args:
        logits: (B, N, h, w); -inf marks ids that an image does not have.
        labels: (B, h, w) int64 in 0..N-1 or `ignore_index`.
        ignore_index: Id of pixels without a label.
        all_ranks: Whether the loss is the mean over the batch of all ranks, see `clipteacher.distributed`.

    Returns:
        The loss, a scalar ≥ 0.

    Example:
        >>> logits, nothing = torch.zeros(1, 2, 1, 1), torch.full((1, 1, 1), 255)
        >>> pixel_cross_entropy(logits, nothing, ignore_index=255).item()
        0.0
    """
    total = F.cross_entropy(logits, labels, ignore_index=ignore_index, reduction="sum")
    return total / rank_share((labels != ignore_index).sum(), 1, all_ranks=all_ranks)


def prototype_bce(prototypes: Tensor, text: Tensor, present: Tensor, *, all_ranks: bool = False) -> Tensor:
    """Teach the synthesizer that the prototype of a seen class answers to that class's name alone.

    L_BCE = mean over images, present classes i and all classes j of BCE(σ(P_iᵀ T_j), [i = j]).

    Source: L_BCE of arXiv 2310.02296.

    Deviation: the paper prints it without its sign and without the negatives; this is the usual form.

    Args:
        prototypes: P_seen, (B, N_s, C).
        text: T_seen, (N_s, C), unit vectors.
        present: (B, N_s) bool, the classes that occur in each image.
        all_ranks: Whether the loss is the mean over the batch of all ranks, see `clipteacher.distributed`.

    Returns:
        The loss, a scalar ≥ 0; 0 where no class is present.
    """
    logits = torch.einsum("bic,jc->bij", prototypes, text)
    identity = torch.eye(len(text), device=text.device).expand_as(logits)
    loss = F.binary_cross_entropy_with_logits(logits, identity, reduction="none").mean(2)
    return (loss * present).sum() / rank_share(present.sum(), 1, all_ranks=all_ranks)
