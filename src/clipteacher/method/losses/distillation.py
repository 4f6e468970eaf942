"""Dense distillation: the student's features take the direction of the teacher's tokens, place by place."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from clipteacher.method.losses.loss_sum import LossSum


def dense_distillation(features: Tensor, dense: Tensor, counted: Tensor | None = None) -> LossSum:
    """Sum 1 - cos(R̄, D) over the teacher's tokens D, where R̄ is the student's mean feature under a token.

    Features are averaged over each token's area (as they are, for the test rule takes them so too), which shows the
    loss every pixel; the teacher's grid is never enlarged, which would invent tokens. Where the student's grid is the
    coarser one, its features are repeated. With `counted`, means run over the counted places, and a token weighs as
    much as the share of its area that is counted.

    Source: the cosine loss with which OpenScene (arXiv 2211.15654) distills dense CLIP features into another network.

    Args:
        features: R, (B, C, h, w), floating point.
        dense: D, (B, C, h', w'), floating point, any length; no gradient goes there.
        counted: (B, h, w) bool, the places that are distilled; None means all.

    Returns:
        The sum, a scalar ≥ 0, and the number of tokens, each by its counted share; their ratio is in 0..2.

    Raises:
        ValueError: Shapes do not fit.

    Example:
        >>> tokens = torch.tensor([1.0, 0.0]).view(1, 2, 1, 1)
        >>> same, across = 3 * tokens.expand(1, 2, 4, 4), tokens.flip(1).expand(1, 2, 4, 4)
        >>> dense_distillation(same, tokens).mean().item(), dense_distillation(across, tokens).mean().item()
        (0.0, 1.0)
    """
    if features.ndim != 4 or dense.ndim != 4 or features.shape[:2] != dense.shape[:2]:
        raise ValueError(
            f"distillation: got features {tuple(features.shape)}, dense {tuple(dense.shape)}; expected (B, C, h, w) "
            "and (B, C, h', w'). Give the student as many channels as the teacher has."
        )
    if counted is not None and counted.shape != (features.shape[0], *features.shape[2:]):
        raise ValueError(
            f"distillation: got counted {tuple(counted.shape)} for features {tuple(features.shape)}, expected (B, h, w)"
            ". Bring the labels to the student's stride."
        )
    grid = (dense.shape[2], dense.shape[3])
    mask = torch.ones_like(features[:, :1]) if counted is None else counted.unsqueeze(1).to(features)
    # A mean over part of an area is the mean of the product by the part's share; the cosine needs no division.
    mean = F.adaptive_avg_pool2d(features * mask, grid)
    share = F.adaptive_avg_pool2d(mask, grid)[:, 0]
    distance = 1 - F.cosine_similarity(mean, dense.detach(), dim=1)
    return LossSum((share * distance).sum(), share.sum(), torch.finfo(share.dtype).tiny)
