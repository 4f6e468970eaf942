"""Pixel logits in training: names classify seen pixels, prototypes latent ones (arXiv 2310.02296)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from clipteacher.method.norms import inverse_norm


def pixel_logits(
    features: Tensor,
    text_features: Tensor,
    prototypes: Tensor | None,
    valid_mask: Tensor | None,
    *,
    alpha: float,
    beta: float,
) -> Tensor:
    """Classify every position by names and latent prototypes: x = concat(α · Rᵀ T_seen, β · cos(R, P_pseudo)).

    Args:
        features: R, (B, C, h, w).
        text_features: T_seen, (N_s, C), unit vectors.
        prototypes: P_pseudo, (B, M, C), or None without PLM.
        valid_mask: (B, M) bool, the latent ids of each image; the logits of others are -inf.
        alpha: Scale of the text logits.
        beta: Scale of the latent logits.

    Returns:
        x, (B, N_s + M, h, w).
    """
    if prototypes is None or valid_mask is None:
        return alpha * torch.einsum("bchw,nc->bnhw", features, text_features)
    seen = len(text_features)
    classifiers = torch.cat([text_features.expand(len(features), -1, -1), F.normalize(prototypes, dim=2)], dim=1)
    products = torch.einsum("bchw,bnc->bnhw", features, classifiers)
    latent = beta * inverse_norm(features) * products[:, seen:]
    latent = latent.masked_fill(~valid_mask[:, :, None, None], -torch.inf)
    return torch.cat([alpha * products[:, :seen], latent], dim=1)


def cross_image_similarity(features: Tensor, prototypes: Tensor, image: Tensor) -> Tensor:
    """Compare every position with the latent prototypes of the batch's other images.

    Deviation: not in the paper, where the prototypes of an image classify its own pixels alone. Nothing else tells a
    seen pixel of an image without latent pixels what it is not.

    Args:
        features: R, (B, C, h, w).
        prototypes: The batch's latent prototypes, (K, C), unit vectors. They carry no gradient here: the pixel is what
            moves away.
        image: The image that each belongs to, (K,), int64 in 0..B-1; any other value is an image of another process.

    Returns:
        Cosines (B, K, h, w); -inf for an image's own.
    """
    cosines = inverse_norm(features) * torch.einsum("bchw,kc->bkhw", features, prototypes.detach())
    own = image == torch.arange(len(features), device=image.device).unsqueeze(1)
    return cosines.masked_fill(own[:, :, None, None], -torch.inf)
