"""Where each class's pixels go: the confusion of unseen with seen classes."""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import Tensor

from clipteacher.protocols.splits import ClassSplit


class PredictedAs(NamedTuple):
    """A wrong name that is predicted for pixels of a class.

    Attributes:
        name: The predicted name.
        share: Share of the class's labelled pixels, 0..1.
    """

    name: str
    share: float


class ClassConfusion(NamedTuple):
    """What is predicted for the pixels of one class; shares are NaN for a class that never occurs.

    Attributes:
        name: The class.
        unseen: Whether training never saw it.
        pixels: Number of its labelled pixels.
        recall: Share of them that gets the right name, 0..1.
        to_seen: Share that gets the name of another class, a seen one.
        to_unseen: Share that gets the name of another class, an unseen one.
        predicted_as: The most frequent wrong names, most frequent first; for a seen class unseen names only.
    """

    name: str
    unseen: bool
    pixels: int
    recall: float
    to_seen: float
    to_unseen: float
    predicted_as: tuple[PredictedAs, ...]


def class_confusions(confusion: Tensor, split: ClassSplit, top: int = 3) -> tuple[ClassConfusion, ...]:
    """Summarise a confusion matrix, one entry per class.

    Args:
        confusion: (N, N), integer, rows = truth, in the order of `split.names`.
        split: The N classes.
        top: Number of wrong names to list per class.

    Returns:
        N entries, unseen classes first, otherwise in the order of `split.names`.

    Example:
        >>> import torch
        >>> split = ClassSplit(names=("sky", "cat"), unseen=("cat",))
        >>> class_confusions(torch.tensor([[8, 2], [3, 1]]), split)[0].predicted_as
        (PredictedAs(name='sky', share=0.75),)
    """
    counts = confusion.detach().cpu().double()
    entries = []
    for index in (*split.unseen_ids, *split.seen_ids):
        unseen, pixels = index in split.unseen_ids, float(counts[index].sum())
        shares = counts[index] / pixels  # 0/0 is NaN: a class that never occurs
        wrong = shares.clone()
        wrong[index] = 0
        listed = wrong if unseen else wrong[list(split.unseen_ids)]
        names = split.names if unseen else split.unseen
        order = listed.argsort(descending=True, stable=True)[:top].tolist()
        entries.append(
            ClassConfusion(
                name=split.names[index],
                unseen=unseen,
                pixels=int(pixels),
                recall=float(shares[index]),
                to_seen=float(wrong[list(split.seen_ids)].sum()) if pixels else math.nan,
                to_unseen=float(wrong[list(split.unseen_ids)].sum()) if pixels else math.nan,
                predicted_as=tuple(PredictedAs(names[i], float(listed[i])) for i in order if listed[i] > 0),
            )
        )
    return tuple(entries)
