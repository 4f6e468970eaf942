"""Pixel logits in training: names classify seen pixels, prototypes latent ones (arXiv 2310.02296)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from clipteacher.cosines import inverse_length
from clipteacher.distributed import gather_rows


def pixel_logits(
    features: Tensor, text: Tensor, pseudo: Tensor | None, exists: Tensor | None, *, alpha: float, beta: float
) -> Tensor:
    """Classify every position by names and latent prototypes: x = concat(α · Rᵀ T_seen, β · cos(R, P_pseudo)).

    Args:
        features: R, (B, C, h, w).
        text: T_seen, (N_s, C), unit vectors.
        pseudo: P_pseudo, (B, M, C), or None without PLM.
        exists: (B, M) bool, the latent ids of each image; the logits of others are -inf.
        alpha: Scale of the text logits.
        beta: Scale of the latent logits.

    Returns:
        x, (B, N_s + M, h, w).
    """
    if pseudo is None or exists is None:
        return alpha * torch.einsum("bchw,nc->bnhw", features, text)
    classifiers = torch.cat([text.expand(len(features), -1, -1), F.normalize(pseudo, dim=2)], dim=1)
    products = torch.einsum("bchw,bnc->bnhw", features, classifiers)
    latent = beta * inverse_length(features) * products[:, len(text) :]
    latent = latent.masked_fill(~exists[:, :, None, None], -torch.inf)
    return torch.cat([alpha * products[:, : len(text)], latent], dim=1)


def foreign_cosines(features: Tensor, pseudo: Tensor, exists: Tensor, *, all_ranks: bool = False) -> Tensor:
    """Compare every position with the latent prototypes of the batch's other images.

    Deviation: not in the paper, where the prototypes of an image classify its own pixels alone. Nothing else tells a
    seen pixel of an image without latent pixels what it is not.

    Args:
        features: R, (B, C, h, w).
        pseudo: P_pseudo, (B, M, C).
        exists: (B, M) bool, the latent ids of each image.
        all_ranks: Whether the batch's images are those of all ranks, see `clipteacher.distributed`.

    Returns:
        Cosines (B, K, h, w), K the number of latent ids in the batch; -inf for an image's own. Prototypes carry no
        gradient here: it is the pixel that is to move away.
    """
    image, _ = exists.nonzero(as_tuple=True)
    prototypes = F.normalize(pseudo[exists].detach(), dim=1)
    if all_ranks:
        prototypes, first = gather_rows(prototypes)
        # Those of other ranks are no image's own here.
        image = F.pad(image, (first, len(prototypes) - first - len(image)), value=-1)
    cosines = inverse_length(features) * torch.einsum("bchw,kc->bkhw", features, prototypes)
    own = image == torch.arange(len(features), device=image.device).unsqueeze(1)
    return cosines.masked_fill(own[:, :, None, None], -torch.inf)
