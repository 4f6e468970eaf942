"""GLM's attention on test photos: how concentrated it is, and how much of it falls on unseen pixels."""

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
    """GLM's attention on one photo. Area and mass are shares of what is labelled, NaN where nothing is.

    Attributes:
        weights: W, (h, w), float32, sums to 1.
        effective: exp(entropy of W) / number of positions: 1 for uniform attention, near 0 for a single position.
        area: Share of the positions of each unseen class, (U,), float64.
        mass: Share of the attention that each unseen class gets, (U,), float64.
    """

    weights: Tensor
    effective: float
    area: Tensor
    mass: Tensor


class ClassAttention(NamedTuple):
    """Attention to one unseen class.

    Attributes:
        name: The class.
        photos: Number of photos that show it.
        gain: Mean attention over mean area on these photos: 1 is no preference, NaN without photos.
    """

    name: str
    photos: int
    gain: float


class AttentionMetrics(NamedTuple):
    """Means over photos; NaN where there are none.

    Attributes:
        photos: Number of photos.
        effective: Mean of `PhotoAttention.effective`: above about 0.9 GLM is average pooling.
        photos_with_unseen: Number of photos that show unseen classes; the means below are over these.
        unseen_area: Mean share of the area that is unseen.
        unseen_mass: Mean share of the attention that falls there.
        gain: `unseen_mass / unseen_area`; 1 is no preference.
        classes: Each unseen class.
    """

    photos: int
    effective: float
    photos_with_unseen: int
    unseen_area: float
    unseen_mass: float
    gain: float
    classes: tuple[ClassAttention, ...]


def glm_weights(cls: Tensor, features: Tensor, config: GLMConfig) -> Tensor:
    """Compute the attention of `clipteacher.method.glm.GLM` at the end of training, when `keep` is reached.

    Args:
        cls: The teacher's CLS token S, (1, C), any length.
        features: The student's features R, (1, C, h, w).
        config: GLM's options.

    Returns:
        W, (h, w), float32, sums to 1.
    """
    query = F.normalize(cls.float(), dim=1) if config.normalize else cls.float()
    _, weights = global_attention(
        query, features.float(), scale=config.scale, normalize=config.normalize, keep=config.keep
    )
    return weights[0]


def photo_attention(weights: Tensor, truth: Tensor, split: ClassSplit) -> PhotoAttention:
    """Measure the attention on one photo.

    Args:
        weights: W, (h, w), sums to 1.
        truth: Class ids at the same positions, (h, w), integer, 0..N-1 or ignore.
        split: The classes.

    Returns:
        The attention.

    Example:
        >>> split = ClassSplit(names=("sky", "cat"), unseen=("cat",))
        >>> attention = photo_attention(torch.full((1, 4), 0.25), torch.tensor([[0, 0, 1, 255]]), split)
        >>> attention.effective, round(float(attention.area), 3), round(float(attention.mass), 3)
        (1.0, 0.333, 0.333)
    """
    weights, truth = weights.detach().cpu().float(), truth.cpu()
    entropy = -torch.xlogy(weights.double(), weights.double()).sum()
    known = truth != split.ignore
    classes = torch.stack([truth == index for index in split.unseen_ids]).double()  # (U, h, w)
    area = classes.sum(dim=(1, 2)) / known.sum()
    mass = (classes * weights).sum(dim=(1, 2)) / weights.double()[known].sum()
    return PhotoAttention(weights, float(entropy.exp() / weights.numel()), area, mass)


def attention_metrics(photos: Iterable[PhotoAttention], unseen: Sequence[str]) -> AttentionMetrics:
    """Pool the attention of photos.

    Args:
        photos: The photos.
        unseen: The unseen classes.

    Returns:
        The metrics.
    """
    photos = list(photos)
    showing = [photo for photo in photos if photo.area.sum() > 0]
    area = mean([float(photo.area.sum()) for photo in showing])
    mass = mean([float(photo.mass.sum()) for photo in showing])
    classes = []
    for number, name in enumerate(unseen):
        holders = [each for each in showing if each.area[number] > 0]
        total = sum(float(each.area[number]) for each in holders)
        gain = sum(float(each.mass[number]) for each in holders) / total if holders else math.nan
        classes.append(ClassAttention(name, len(holders), gain))
    effective = mean([photo.effective for photo in photos])
    return AttentionMetrics(len(photos), effective, len(showing), area, mass, mass / area, tuple(classes))


def mean(values: Sequence[float]) -> float:
    """Return the mean; NaN without values."""
    return sum(values) / len(values) if values else math.nan
