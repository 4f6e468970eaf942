"""Norms of dense features, for cosines that need no normalised copy of the features."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

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
    inverse: Tensor = _InverseNorm.apply(features)
    return inverse


class _InverseNorm(torch.autograd.Function):
    """1 / |R|, with the gradient that autograd gives, to the bit, in two passes over the map instead of three."""

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:  # noqa: ANN401 (torch's own)
        norm: Tensor = torch.linalg.vector_norm(features, dim=1, keepdim=True)
        inverse = 1 / norm.clamp(min=_LEAST)
        ctx.save_for_backward(features, norm, inverse)
        return inverse

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ANN401 (torch's own)
        features, norm, inverse = ctx.saved_tensors
        # d(1/n)/dn = -1/n², and dn/dR = R/n; none where n is so small that it was cut off.
        scale = (-gradient * (inverse * inverse)).masked_fill(norm < _LEAST, 0.0)
        unit: Tensor = features / norm.masked_fill(norm == 0, 1.0)
        return unit.mul_(scale)
