"""Cosine similarity of a class's features to its own text feature, and to the best other one."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from clipteacher.protocols.splits import ClassSplit, ignore_id


class ClassCosines(NamedTuple):
    """Cosines of one class's features; NaN for a class without positions.

    Attributes:
        name: The class.
        unseen: Whether training never saw it.
        positions: Number of its positions at the network's stride.
        own: Mean cosine to its own text feature, -1..1.
        best_other: Mean over the positions of the highest cosine to another text feature.
        margin: `own - best_other`; below 0 the class loses its pixels.
        wins: Share of the positions where its own text feature is the nearest, 0..1.
        nearest_other: The other name that is most often the nearest; None where there is none.
    """

    name: str
    unseen: bool
    positions: int
    own: float
    best_other: float
    margin: float
    wins: float
    nearest_other: str | None


class CosineSums:
    """Accumulates cosines over photos.

    Args:
        text_features: T, (N, C), unit vectors.
    """

    def __init__(self, text_features: Tensor) -> None:
        size = len(text_features)
        self._text_features = text_features.float()
        # Sums over each class's positions: own cosine, best other cosine, wins, and the nearest other name.
        self._own, self._other, self._wins = torch.zeros(3, size, dtype=torch.float64)
        self._nearest = torch.zeros(size, size, dtype=torch.int64)

    def add(self, features: Tensor, truth: Tensor) -> None:
        """Count one feature map.

        Args:
            features: R, (C, h, w), any length.
            truth: Class ids at the same stride, (h, w), integer, 0..N-1 or `ignore_id(N)`.
        """
        size = len(self._text_features)
        known = truth != ignore_id(size)
        unit = F.normalize(features.float()[:, known.to(features.device)], dim=0)
        cosines, ids = (self._text_features.to(unit) @ unit).cpu(), truth.cpu()[known.cpu()].long()
        if not len(ids):
            return
        own = cosines.gather(0, ids[None])[0]
        # A single name has no other: -inf everywhere, and its own position as the argmax.
        other, nearest = cosines.scatter(0, ids[None], -torch.inf).max(dim=0)
        self._own.index_add_(0, ids, own.double())
        self._other.index_add_(0, ids, other.double())
        self._wins += torch.bincount(ids[own > other], minlength=size)
        self._nearest += torch.bincount(ids * size + nearest, minlength=size**2).view(size, size)

    def means(self, split: ClassSplit) -> tuple[ClassCosines, ...]:
        """Return the means of each class, unseen classes first."""
        entries, counts, alone = [], self._nearest.sum(dim=1), len(split.names) == 1
        for index in (*split.unseen_ids, *split.seen_ids):
            count = counts[index]  # 0/0 is NaN
            own, wins = float(self._own[index] / count), float(self._wins[index] / count)
            other = math.nan if alone else float(self._other[index] / count)
            nearest = split.names[int(self._nearest[index].argmax())] if count and not alone else None
            unseen = index in split.unseen_ids
            entry = ClassCosines(split.names[index], unseen, int(count), own, other, own - other, wins, nearest)
            entries.append(entry)
        return tuple(entries)
