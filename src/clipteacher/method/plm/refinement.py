"""Refinement of latent masks by the colours of the image: edges of regions move to edges of things."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from clipteacher.utils.waits import read_number

DILATIONS: Final = (1, 2, 4, 8)
"""Distances to the neighbours of a pixel that it is compared with, in pixels."""

_SHARPNESS: Final = 0.1  # of PAMR: the share of the local standard deviation that a difference is measured by


def neighbours(maps: Tensor) -> Tensor:
    """Collect the eight neighbours of every pixel at each of `DILATIONS`; the edge is repeated outwards.

    Args:
        maps: (B, K, h, w), floating point.

    Returns:
        (B, K, 32, h, w).
    """
    height, width = maps.shape[2:]
    found = []
    for distance in DILATIONS:
        padded = F.pad(maps, (distance, distance, distance, distance), mode="replicate")
        for down in (0, distance, 2 * distance):
            for right in (0, distance, 2 * distance):
                if not down == right == distance:
                    found.append(padded[:, :, down : down + height, right : right + width])
    return torch.stack(found, dim=2)


@torch.no_grad()
def refine_masks(images: Tensor, masks: Tensor, iterations: int) -> Tensor:
    """Let every pixel take the masks of the neighbours whose colours are like its own, again and again.

    k(i, j) = softmax_j(-mean_c |I_c(i) - I_c(j)| / (0.1 · σ_c(i))), with σ_c(i) the standard deviation of channel c
    over pixel i and its neighbours j; then m(i) ← Σ_j k(i, j) · m(j), `iterations` times.

    Source: PAMR, pixel-adaptive mask refinement (arXiv 2005.08104), as its released code has it.

    Deviation: dilations 1, 2, 4 and 8 in place of six up to 24, for a map at the student's stride.

    Args:
        images: I, (B, 3, h, w), float in [0, 1], at the size of the masks.
        masks: m, (B, M, h, w), floating point.
        iterations: Number of steps; 0 returns the masks.

    Returns:
        (B, M, h, w). What sums to 1 over the masks still does.

    Example:
        >>> image = torch.tensor([0.0, 0.0, 1.0, 1.0]).view(1, 1, 1, 4).expand(1, 3, 4, 4)
        >>> mask = torch.tensor([1.0, 0.0, 0.0, 0.0]).view(1, 1, 1, 4).expand(1, 1, 4, 4)
        >>> (refine_masks(image, mask, iterations=20)[0, 0, 0] > 0.25).tolist()
        [True, True, False, False]
    """
    if iterations == 0:
        return masks
    around = neighbours(images)
    spread = torch.cat([around, images.unsqueeze(2)], dim=2).std(dim=2, keepdim=True)
    difference = (around - images.unsqueeze(2)).abs() / (1e-8 + _SHARPNESS * spread)
    weights = (-difference.mean(dim=1, keepdim=True)).softmax(dim=2)
    for _ in range(iterations):
        masks = (neighbours(masks) * weights).sum(dim=2)
    return masks


def refined_latent(latent: Tensor, images: Tensor, size: tuple[int, int], iterations: int) -> Tensor:
    """Bring latent masks from the token map to a finer one, with the edges of the image.

    Args:
        latent: (B, h', w') int64, the latent mask of each token, 0..M-1.
        images: (B, 3, H, W), float in [0, 1].
        size: h and w of the finer map.
        iterations: As `refine_masks`.

    Returns:
        (B, h, w) int64, 0..M-1.
    """
    with torch.autocast(images.device.type, enabled=False):
        # This waits for a GPU: a map for each seed of K-means, of which most would be empty, costs far more.
        ids = torch.arange(read_number(latent.max()) + 1, device=latent.device)
        masks = (latent.unsqueeze(3) == ids).float().permute(0, 3, 1, 2)
        masks = F.interpolate(masks, size=size, mode="bilinear", align_corners=False)
        small = F.interpolate(images.float(), size=size, mode="area")
        return refine_masks(small, masks, iterations).argmax(dim=1)
