"""How good PLM's pseudo labels are on unseen pixels: purity, recall, masks a photo, and what a mask's tokens say."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from clipteacher.method.plm.fused_labels import fuse_labels
from clipteacher.method.plm.module import PLMConfig, latent_masks, region_tokens
from clipteacher.protocols.splits import ClassSplit

LEAST_SHARE: Final = 0.01
"""Of a photo's pixels, below which an unseen class is passed over there: a sliver is smaller than a teacher's token."""

_IGNORE_INDEX: Final = -1


class MaskMatch(NamedTuple):
    """An unseen class in one photo, and the latent mask that covers most of it.

    Attributes:
        name: The class.
        purity: Share of the mask, where it fills ignored pixels, that is the class, 0..1.
        recall: Share of the class that the mask covers.
        masks: Latent masks in the photo that fill ignored pixels.
        pixels: What the mask fills, (1, H, W), bool.
    """

    name: str
    purity: float
    recall: float
    masks: int
    pixels: Tensor


class Region(NamedTuple):
    """What is kept of a `MaskMatch`, with what the teacher says of it.

    Attributes:
        name: The class.
        purity: Share of the mask, where it fills ignored pixels, that is the class, 0..1.
        recall: Share of the class that the mask covers.
        masks: Latent masks in the photo that fill ignored pixels.
        token: The mean of the teacher's dense tokens, each at unit length, over what the mask fills, (C,).
    """

    name: str
    purity: float
    recall: float
    masks: int
    token: Tensor


class RegionFigures(NamedTuple):
    """Means over the photos that show one unseen class, or over all regions; NaN where there are none.

    Attributes:
        name: The class; "all" for all regions.
        regions: Number of regions, one for each class in each photo.
        purity: Mean purity, 0..1.
        recall: Mean recall.
        named: Share of the regions whose token is nearest to the right one of all names.
        instead: The wrong name that it is nearest to most often; None where there is none.
    """

    name: str
    regions: int
    purity: float
    recall: float
    named: float
    instead: str | None


class PseudoLabels(NamedTuple):
    """Figures of the pseudo labels.

    Attributes:
        masks: Mean number of latent masks that fill ignored pixels in a photo; NaN without such photos.
        total: Over all regions.
        classes: Of each unseen class, in the order of the names.
    """

    masks: float
    total: RegionFigures
    classes: tuple[RegionFigures, ...]


def mask_matches(
    dense: Tensor, truth: Tensor, split: ClassSplit, config: PLMConfig, least_share: float = LEAST_SHARE
) -> Iterator[MaskMatch]:
    """Find the latent mask of each unseen class in one photo, as PLM would make it in training.

    Args:
        dense: The teacher's dense tokens D, (1, C, h, w).
        truth: Class ids (1, H, W), int64, 0..N-1 or ignore, at the size at which labels are fused.
        split: The classes.
        config: PLM's options. With `center` the mean token is this photo's; in training it is the batch's.
        least_share: Share of the photo's pixels that a class must have.

    Yields:
        The mask of each unseen class that is large enough.
    """
    truth = truth.to(dense.device)
    seen = torch.from_numpy(split.training_lut.astype("int64")).to(dense.device)[truth]
    seen = seen.masked_fill(seen == split.ignore, _IGNORE_INDEX)
    fused = fuse_labels(seen, latent_masks(dense, config), len(split.seen), ignore_index=_IGNORE_INDEX)
    for index, name in zip(split.unseen_ids, split.unseen, strict=True):
        here = truth == index
        if not here.any() or here.sum() < least_share * truth.numel():
            continue
        ids, counts = fused.labels[here].unique(return_counts=True)  # type: ignore[no-untyped-call]
        pixels = fused.labels == ids[counts.argmax()]
        recall = float(counts.max() / counts.sum())
        yield MaskMatch(name, float(here[pixels].float().mean()), recall, int(fused.valid_mask.sum()), pixels)


def photo_regions(
    dense: Tensor, truth: Tensor, split: ClassSplit, config: PLMConfig, least_share: float = LEAST_SHARE
) -> Iterator[Region]:
    """Find the masks, as `mask_matches`, and the token of each.

    Args:
        dense: As `mask_matches`, (1, C, h, w).
        truth: As `mask_matches`, (1, H, W).
        split: The classes.
        config: PLM's options.
        least_share: As `mask_matches`.

    Yields:
        A region for each unseen class that is large enough.
    """
    for found in mask_matches(dense, truth, split, config, least_share):
        token = region_tokens(dense, found.pixels.long() - 1, 0, 1)[0, 0]
        yield Region(found.name, found.purity, found.recall, found.masks, token)


def region_figures(
    photos: Iterable[Sequence[Region]], vectors: Tensor, names: Sequence[str], unseen: Sequence[str]
) -> PseudoLabels:
    """Pool the regions of photos.

    Args:
        photos: The regions of each photo; photos without any count for nothing.
        vectors: Text vectors of all names, (N, C), unit length.
        names: The N names.
        unseen: Those of the classes that are unseen.

    Returns:
        The figures.
    """
    regions, masks = [], []
    for photo in photos:
        regions += [(region, _nearest(region.token, vectors, names)) for region in photo]
        masks += [photo[0].masks] if photo else []
    classes = tuple(_figures(name, [each for each in regions if each[0].name == name]) for name in unseen)
    return PseudoLabels(_mean(masks), _figures("all", regions), classes)


def _nearest(token: Tensor, vectors: Tensor, names: Sequence[str]) -> str:
    return names[int((vectors @ F.normalize(token.to(vectors), dim=0)).argmax())]


def _figures(name: str, regions: Sequence[tuple[Region, str]]) -> RegionFigures:
    wrong = Counter(called for region, called in regions if called != region.name)
    return RegionFigures(
        name=name,
        regions=len(regions),
        purity=_mean([region.purity for region, _ in regions]),
        recall=_mean([region.recall for region, _ in regions]),
        named=_mean([called == region.name for region, called in regions]),
        instead=wrong.most_common(1)[0][0] if wrong else None,
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan
