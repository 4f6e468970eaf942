"""Who takes whose pixels: the confusion of unseen with seen classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from clipteacher.protocols.splits import ClassSplit


class Taker(NamedTuple):
    """A name that gets pixels of another class.

    Attributes:
        name: The name.
        share: Of the class's labelled pixels, 0..1.
    """

    name: str
    share: float


class ClassConfusion(NamedTuple):
    """What becomes of one class's pixels; shares are NaN for a class that never occurs.

    Attributes:
        name: The class.
        unseen: Whether training never saw it.
        pixels: Its labelled pixels.
        recall: Share of them that are called by its name, 0..1.
        to_seen: Share that goes to (other) seen names.
        to_unseen: Share that goes to (other) unseen names.
        taken_by: The names that take most, most first; of a seen class the unseen names alone.
    """

    name: str
    unseen: bool
    pixels: int
    recall: float
    to_seen: float
    to_unseen: float
    taken_by: tuple[Taker, ...]


def class_confusions(confusion: Tensor, split: ClassSplit, takers: int = 3) -> tuple[ClassConfusion, ...]:
    """Read off a confusion matrix where each class's pixels go.

    Args:
        confusion: (N, N), integer, rows = truth, in the order of `split.names`.
        split: The N classes.
        takers: Names to tell for each class, at most.

    Returns:
        N entries, the unseen classes first, else in the order of the names.

    Example:
        >>> import torch
        >>> split = ClassSplit(names=("sky", "cat"), unseen=("cat",))
        >>> class_confusions(torch.tensor([[8, 2], [3, 1]]), split)[0].taken_by
        (Taker(name='sky', share=0.75),)
    """
    counts = confusion.detach().cpu().double()
    found = []
    for index in (*split.unseen_ids, *split.seen_ids):
        row, unseen = counts[index], index in split.unseen_ids
        pixels = float(row.sum())
        shares = row / pixels  # 0/0 is NaN: a class that never occurs
        others = shares.clone()
        others[index] = 0
        rivals = others if unseen else others[list(split.unseen_ids)]
        names = split.names if unseen else split.unseen
        order = rivals.argsort(descending=True, stable=True)[:takers].tolist()
        found.append(
            ClassConfusion(
                name=split.names[index],
                unseen=unseen,
                pixels=int(pixels),
                recall=float(shares[index]),
                to_seen=_sum(others, split.seen_ids) if pixels else math.nan,
                to_unseen=_sum(others, split.unseen_ids) if pixels else math.nan,
                taken_by=tuple(Taker(names[other], float(rivals[other])) for other in order if rivals[other] > 0),
            )
        )
    return tuple(found)


def _sum(shares: Tensor, ids: Sequence[int]) -> float:
    return float(shares[list(ids)].sum())
