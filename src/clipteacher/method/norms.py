"""Norms of dense features, for cosines that need no normalised copy of the features."""

from __future__ import annotations

import torch
from torch import Tensor

_LEAST = 1e-12  # as F.normalize has it


def inverse_norm(features: Tensor) -> Tensor:
    """Return 1 / |R| at every position.

    A product with R, times this, is a cosine. R at unit length would be a second map of C channels, and its gradient
    several more, which took most of the time that PLM and GLM add to the student.

    Args:
        features: R, (B, C, h, w), floating point.

    Returns:
        (B, 1, h, w); at most 10^12, where a feature is zero.

    Example:
        >>> inverse_norm(torch.tensor([3.0, 4.0]).view(1, 2, 1, 1)).item()
        0.20000000298023224
    """
    norm: Tensor = torch.linalg.vector_norm(features, dim=1, keepdim=True)
    return 1 / norm.clamp(min=_LEAST)
