"""GLM's attention on test photos: how wide it spreads, and how much of it falls on unseen pixels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from clipteacher.method.glm import GLMConfig, global_attention
from clipteacher.protocols.splits import ClassSplit


class PhotoAttention(NamedTuple):
    """GLM's attention on one photo.

    Attributes:
        weights: W, (h, w), float32, sums to 1.
        effective: exp(entropy of W) over the number of positions: 1 where all weigh alike, near 0 where one has all.
        unseen_area: Share of the labelled positions that are unseen, 0..1.
        unseen_mass: Share of the labelled positions' attention that falls on them.
        class_area: The share of each unseen class, (U,), in their order.
        class_mass: The attention of each, (U,).
    """

    weights: Tensor
    effective: float
    unseen_area: float
    unseen_mass: float
    class_area: Tensor
    class_mass: Tensor


class ClassAttention(NamedTuple):
    """Attention to one unseen class.

    Attributes:
        name: The class.
        photos: Photos that show it.
        gain: Its share of the attention over its share of the area, both means over these photos; 1 is no preference,
            NaN without photos.
    """

    name: str
    photos: int
    gain: float


class AttentionFigures(NamedTuple):
    """Means over photos; NaN where there are none.

    Attributes:
        photos: Photos that were looked at.
        effective: Mean of `PhotoAttention.effective`: above 0.9 or so GLM is average pooling.
        showing: Photos that show unseen classes.
        unseen_area: Mean share of the area, over the photos that show unseen classes.
        unseen_mass: Mean share of the attention there.
        gain: The one over the other; 1 is no preference.
        classes: Of each unseen class.
    """

    photos: int
    effective: float
    showing: int
    unseen_area: float
    unseen_mass: float
    gain: float
    classes: tuple[ClassAttention, ...]


def glm_weights(cls: Tensor, features: Tensor, config: GLMConfig) -> Tensor:
    """Attend as `clipteacher.method.glm.GLM` does at the end of training, when the share of the positions is `keep`.

    Args:
        cls: The teacher's CLS token S, (1, C), any length.
        features: The student's features R, (1, C, h, w).
        config: GLM's options.

    Returns:
        W, (h, w), float32, sums to 1.
    """
    asks = F.normalize(cls.float(), dim=1) if config.normalize else cls.float()
    _, weights = global_attention(
        asks, features.float(), scale=config.scale, normalize=config.normalize, keep=config.keep
    )
    return weights[0]


def photo_attention(weights: Tensor, truth: Tensor, split: ClassSplit) -> PhotoAttention:
    """Measure one photo's attention.

    Args:
        weights: W, (h, w), sums to 1.
        truth: Class ids at the same positions, (h, w), int64, 0..N-1 or ignore.
        split: The classes.

    Returns:
        The figures; shares are NaN where nothing is labelled.

    Example:
        >>> split = ClassSplit(names=("sky", "cat"), unseen=("cat",))
        >>> found = photo_attention(torch.full((1, 4), 0.25), torch.tensor([[0, 0, 1, 255]]), split)
        >>> found.effective, round(found.unseen_area, 3), round(found.unseen_mass, 3)
        (1.0, 0.333, 0.333)
    """
    weights, truth = weights.detach().cpu().float(), truth.cpu()
    entropy = -torch.xlogy(weights.double(), weights.double()).sum()
    known = truth != split.ignore
    here = torch.stack([truth == index for index in split.unseen_ids]).double()  # (U, h, w)
    area = here.sum(dim=(1, 2)) / known.sum()
    mass = (here * weights).sum(dim=(1, 2)) / weights.double()[known].sum()
    return PhotoAttention(
        weights=weights,
        effective=float(entropy.exp() / weights.numel()),
        unseen_area=float(area.sum()),
        unseen_mass=float(mass.sum()),
        class_area=area,
        class_mass=mass,
    )


def attention_figures(photos: Iterable[PhotoAttention], unseen: Sequence[str]) -> AttentionFigures:
    """Pool the figures of photos.

    Args:
        photos: The photos.
        unseen: The unseen classes.

    Returns:
        The figures.
    """
    photos = list(photos)
    showing = [photo for photo in photos if photo.unseen_area > 0]
    area = _mean([photo.unseen_area for photo in showing])
    mass = _mean([photo.unseen_mass for photo in showing])
    classes = []
    for number, name in enumerate(unseen):
        of_class = [photo for photo in showing if photo.class_area[number] > 0]
        ratio = _mean([float(photo.class_mass[number]) for photo in of_class])
        ratio /= _mean([float(photo.class_area[number]) for photo in of_class])
        classes.append(ClassAttention(name, len(of_class), ratio))
    effective = _mean([photo.effective for photo in photos])
    return AttentionFigures(len(photos), effective, len(showing), area, mass, mass / area, tuple(classes))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan
