"""The choice of photos for a report: by their truth, never by a prediction."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clipteacher.protocols.splits import ClassSplit


def report_rows(masks: Iterable[NDArray[np.integer[Any]]], split: ClassSplit, rows: int) -> list[int]:
    """Choose the photos of a report by their truth alone.

    The unseen classes take turns; each puts forward photos in which it is large, from its median share down. Other
    photos fill the remaining rows, in order. No prediction is looked at, so none is picked for its success.

    Args:
        masks: Truth of every photo, (H, W), integer, values 0..N-1 or ignore; one is in memory at a time.
        split: The classes.
        rows: Number of photos.

    Returns:
        Indices, at most `rows`, all different.
    """
    shares = [[np.mean(mask == unseen) for unseen in split.unseen_ids] for mask in masks]
    queues = []
    for of_class in map(np.array, zip(*shares, strict=True)):
        holders = [int(index) for index in np.argsort(-of_class, kind="stable")[: np.count_nonzero(of_class)]]
        # Starting at the median share: neither the class's easiest view nor a sliver of it.
        queues.append(holders[len(holders) // 2 :])
    by_turns = [index for turn in zip_longest(*queues) for index in turn if index is not None]
    # A dict keeps the first place of each index.
    return list(dict.fromkeys([*by_turns, *range(len(shares))]))[:rows]
