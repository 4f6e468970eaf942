"""InfoNCE with a bank of earlier positives as further negatives (arXiv 1807.03748, 1911.05722)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from clipteacher.method.losses.loss_sum import LossSum


def info_nce(queries: Tensor, positives: Tensor, bank: Tensor | None = None, *, temperature: float) -> LossSum:
    """Contrast each query with its own positive against all other positives and the bank.

    L = Σ_i −log( exp(q_i·p_i / τ) / (Σ_j exp(q_i·p_j / τ) + Σ_m exp(q_i·v_m / τ)) ), all vectors at unit length.

    Source: L_GLM of arXiv 2310.02296.

    Deviation: the paper prints it without −log; this is the usual form.

    Args:
        queries: (B, C), floating point, any length.
        positives: (B, C); row i is the positive of query i, the other rows its negatives.
        bank: (M, C) further negatives, or None.
        temperature: τ > 0.

    Returns:
        The sum over queries, a scalar ≥ 0, and their number B.

    Raises:
        ValueError: Shapes differ, or the temperature is not positive.

    Example:
        >>> round(info_nce(torch.eye(2), torch.eye(2), temperature=1.0).mean().item(), 4)  # -log(e / (e + 1))
        0.3133
    """
    if queries.shape != positives.shape or queries.ndim != 2:
        raise ValueError(
            f"info_nce: got queries {tuple(queries.shape)}, positives {tuple(positives.shape)}; expected both (B, C)"
        )
    if temperature <= 0:
        raise ValueError(f"info_nce: got temperature {temperature}, expected a number above 0")
    candidates = positives if bank is None else torch.cat([positives, bank])
    similarity = F.normalize(queries, dim=1) @ F.normalize(candidates, dim=1).T
    own = torch.arange(len(queries), device=queries.device)
    total = F.cross_entropy(similarity / temperature, own, reduction="sum")
    # Not `torch.tensor`, which would wait for a GPU.
    return LossSum(total, torch.full((), len(queries), device=queries.device))
