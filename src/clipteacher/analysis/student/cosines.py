"""How near a class's features lie to its own name's vector, and to the best other name's."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from clipteacher.protocols.splits import ClassSplit, ignore_id


class ClassCosines(NamedTuple):
    """Cosines of one class's features; NaN for a class that has no position.

    Attributes:
        name: The class.
        unseen: Whether training never saw it.
        positions: Positions at the network's stride that are its own.
        own: Mean cosine to its own name's vector, -1..1.
        best_other: Mean, over the positions, of the cosine to whichever other name is best there.
        margin: `own` less `best_other`: below 0 the class loses.
        wins: Share of the positions whose own name is the best, 0..1.
        rival: The other name that is most often the best of the others; None where there is none.
    """

    name: str
    unseen: bool
    positions: int
    own: float
    best_other: float
    margin: float
    wins: float
    rival: str | None


class CosineSums:
    """Adds up cosines over photos.

    Args:
        vectors: T, (N, C), unit vectors of the names.
    """

    def __init__(self, vectors: Tensor) -> None:
        size = len(vectors)
        self._vectors = vectors.float()
        self._own, self._other = torch.zeros(size, dtype=torch.float64), torch.zeros(size, dtype=torch.float64)
        self._wins = torch.zeros(size, dtype=torch.int64)
        self._rivals = torch.zeros(size, size, dtype=torch.int64)

    def add(self, features: Tensor, truth: Tensor) -> None:
        """Count one map of features.

        Args:
            features: R, (C, h, w), any length.
            truth: Class ids at the same stride, (h, w), int64, 0..N-1 or the ignore label of so many.
        """
        known = truth != ignore_id(len(self._vectors))
        unit = F.normalize(features.float()[:, known.to(features.device)], dim=0)
        cosines, ids = (self._vectors.to(unit) @ unit).cpu(), truth.cpu()[known.cpu()]
        if not len(ids):
            return
        size = len(self._vectors)
        own = cosines.gather(0, ids[None])[0]
        if size > 1:
            other, rival = cosines.scatter(0, ids[None], -torch.inf).max(dim=0)
            self._other.index_add_(0, ids, other.double())
            self._wins += torch.bincount(ids[own > other], minlength=size)
        else:
            rival = ids
            self._wins += torch.bincount(ids, minlength=size)
        self._own.index_add_(0, ids, own.double())
        self._rivals += torch.bincount(ids * size + rival, minlength=size**2).view(size, size)

    def figures(self, split: ClassSplit) -> tuple[ClassCosines, ...]:
        """Return the means of each class, the unseen classes first."""
        found, counts = [], self._rivals.sum(dim=1)
        for index in (*split.unseen_ids, *split.seen_ids):
            count = int(counts[index])
            own = float(self._own[index]) / count if count else math.nan
            alone = len(split.names) < 2
            other = float(self._other[index]) / count if count and not alone else math.nan
            found.append(
                ClassCosines(
                    name=split.names[index],
                    unseen=index in split.unseen_ids,
                    positions=count,
                    own=own,
                    best_other=other,
                    margin=own - other,
                    wins=int(self._wins[index]) / count if count else math.nan,
                    rival=split.names[int(self._rivals[index].argmax())] if count and not alone else None,
                )
            )
        return tuple(found)
