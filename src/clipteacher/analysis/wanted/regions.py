"""The latent regions of a training photo, each with its wanted name and by how much that name wins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from clipteacher.data.dataset import Sample
from clipteacher.inference.image import float_images
from clipteacher.inference.placement import resized_size
from clipteacher.method.plm.module import PLMConfig, fuse_latent, region_tokens
from clipteacher.method.plm.naming import NamingConfig, name_regions
from clipteacher.protocols.splits import IGNORE
from clipteacher.teachers.teacher import Teacher
from clipteacher.utils.nearest import resize_labels

STRIDE: Final = 4
"""Stride at which labels are fused: that of most students. The teacher's tokens are coarser in any case."""

_IGNORE_INDEX: Final = -1


class NameFeatures(NamedTuple):
    """What competes for a region.

    Attributes:
        wanted: The N_w wanted names.
        rivals: The N_r names that they must beat: the seen names, then the background prompts.
        wanted_features: T_wanted, (N_w, C), float32, unit vectors.
        rival_features: (N_r, C), float32, unit vectors.
    """

    wanted: tuple[str, ...]
    rivals: tuple[str, ...]
    wanted_features: Tensor
    rival_features: Tensor


class PhotoRegions(NamedTuple):
    """The M latent regions of one photo.

    Attributes:
        labels: (h, w) int64: region 0..M-1 of each position, -1 where the photo is labelled.
        names: (M,) int64: wanted name 0..N_w-1 of each region, or `NO_NAME`.
        margins: (M, N_w), float32: cosine of the region's token to each wanted name, less that to the best rival.
        best_rivals: (M,) int64, 0..N_r-1: the nearest rival.
        spreads: (M,), float32: standard deviation of the token's cosines to all names and rivals. Cosines of one
            teacher spread three times as far as another's, so it is what a margin is compared with.
        shares: (M,), float64: share of the photo that each region covers, 0..1.
    """

    labels: Tensor
    names: Tensor
    margins: Tensor
    best_rivals: Tensor
    spreads: Tensor
    shares: Tensor


def encode_names(teacher: Teacher, seen: Sequence[str], wanted: Sequence[str], naming: NamingConfig) -> NameFeatures:
    """Encode wanted names and their rivals, as training does.

    Args:
        teacher: The teacher.
        seen: Names of the seen classes; may be empty where nothing is labelled.
        wanted: The wanted names, at least one.
        naming: It has the background prompts.

    Returns:
        The names with their text features.

    Raises:
        ValueError: Nothing competes with the wanted names.
    """
    rivals = (*seen, *naming.prompts_beside((*seen, *wanted)))
    if not rivals:
        raise ValueError(
            "wanted: got neither a seen name nor a background prompt beside them, expected at least one: a region is "
            "of a wanted name where this is nearer than all others. Give naming.background_prompts."
        )
    return NameFeatures(
        tuple(wanted), rivals, teacher.encode_text(tuple(wanted)).float(), teacher.encode_text(rivals).float()
    )


def name_photo(
    dense: Tensor,
    labels: Tensor,
    names: NameFeatures,
    plm: PLMConfig,
    naming: NamingConfig,
    images: Tensor | None = None,
) -> PhotoRegions:
    """Find the latent regions of one photo and name them, as training does for a batch.

    Args:
        dense: The teacher's dense tokens D, (1, C, h', w').
        labels: Training labels (1, h, w), integer: seen ids, 255 = ignore. Which seen id does not matter.
        names: Wanted names and rivals, on the device of the tokens.
        plm: PLM's options. With `center` the mean token is this photo's; in training it is the batch's.
        naming: Options of naming.
        images: The photo (1, 3, H, W), float in [0, 1], whose edges the regions take on; None leaves them as they are.

    Returns:
        The regions.
    """
    open_pixels = labels.to(dense.device) == IGNORE
    # One id stands for all that is labelled: nothing here depends on which class it is.
    labelled = torch.zeros(open_pixels.shape, dtype=torch.int64, device=dense.device)
    labelled = labelled.masked_fill(open_pixels, _IGNORE_INDEX)
    fused = fuse_latent(dense, labelled, 1, plm, images, ignore_index=_IGNORE_INDEX, refinement=naming.refinement)
    tokens = region_tokens(dense, fused.labels, 1, fused.valid_mask.shape[1])
    wanted, rivals = names.wanted_features, names.rival_features
    named = name_regions(tokens, fused.valid_mask, wanted, rivals, margin=naming.margin)[0]
    unit = F.normalize(tokens[0], dim=1)
    to_wanted, to_rivals = unit @ wanted.T, unit @ rivals.T
    best, best_rivals = to_rivals.max(dim=1)
    cosines = torch.cat([to_wanted, to_rivals], dim=1)
    regions = fused.labels[0] - 1
    counts = torch.bincount(regions[regions >= 0].flatten(), minlength=len(named))
    return PhotoRegions(
        labels=regions.masked_fill(regions < 0, -1).cpu(),
        names=named.cpu(),
        margins=(to_wanted - best.unsqueeze(1)).cpu(),
        best_rivals=best_rivals.cpu(),
        spreads=(cosines - cosines.mean(dim=1, keepdim=True)).square().mean(dim=1).sqrt().cpu(),  # `std` warns of M = 0
        shares=(counts.double() / regions.numel()).cpu(),
    )


@torch.inference_mode()
def find_regions(
    teacher: Teacher,
    sample: Sample,
    names: NameFeatures,
    plm: PLMConfig,
    naming: NamingConfig,
    short_side: int | None = None,
) -> PhotoRegions:
    """Run the teacher on one training photo, whole, and name its latent regions.

    Training sees scaled crops, a batch at a time, so its regions are like these, not the same.

    Args:
        teacher: The teacher.
        sample: Image (3, H, W), uint8 or float in [0, 1], and training labels (H, W), integer, 255 = ignore.
        names: Wanted names and rivals.
        plm: PLM's options.
        naming: Options of naming.
        short_side: Size to which the photo's shorter side is brought for the teacher; None keeps its own.

    Returns:
        The regions at `STRIDE`.
    """
    images = float_images(sample.image.unsqueeze(0).to(names.wanted_features.device))
    size = resized_size(images.shape[2], images.shape[3], short_side)
    if size != tuple(images.shape[2:]):
        images = F.interpolate(images, size=size, mode="bilinear", align_corners=False, antialias=True)
    labels = resize_labels(sample.mask.unsqueeze(0), (-(-size[0] // STRIDE), -(-size[1] // STRIDE)))
    return name_photo(teacher.encode_image(images).dense.float(), labels, names, plm, naming, images)
