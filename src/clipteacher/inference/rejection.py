"""Rejection: pixels that are none of the names, because the best of them is too far from the pixel's feature."""

from __future__ import annotations

import torch
from torch import Tensor


def rejection_logits(features: Tensor, threshold: float) -> Tensor:
    """Return the logit of "none of these": t·|R|.

    It is the best where Rᵀ T_c < t·|R| for every name c: where no cosine reaches t. Like the other logits it is brought
    to full size and averaged over windows.

    Args:
        features: R, (B, C, h, w), floating point.
        threshold: t, the least cosine.

    Returns:
        (B, 1, h, w).

    Example:
        >>> rejection_logits(torch.tensor([3.0, 4.0]).view(1, 2, 1, 1), 0.5).item()
        2.5
    """
    logits: Tensor = threshold * torch.linalg.vector_norm(features, dim=1, keepdim=True)
    return logits


def check_threshold(threshold: float | None) -> None:
    """Check that a threshold is a cosine, or None.

    Raises:
        ValueError: It is not in [-1, 1].
    """
    if threshold is not None and not -1 <= threshold <= 1:
        raise ValueError(
            f"threshold: got {threshold}, expected a cosine, -1..1, or None. docs/use.md says how to choose."
        )
