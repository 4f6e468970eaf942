"""The figures of each name, from what the teacher said."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clipteacher.analysis.teacher.predict import Answers
from clipteacher.utils.atomic_files import nan_to_none

HIGH: Final = 0.2
"""A CLS token ranks a name high where it is in this part of all names, the first of five or four of twenty: by chance
one photo in five. A photo shows several things, and the first rank is for one of them."""

SHOWN_CONFUSIONS: Final = 3
"""Names that are told for each name, of those that it is taken for."""


class Taken(NamedTuple):
    """A name that pixels are taken for.

    Attributes:
        name: What the teacher calls them.
        share: Of the pixels of the true name, 0..1.
    """

    name: str
    share: float


@dataclass(frozen=True)
class NameFigures:
    """What the teacher knows of one name; NaN where there is nothing to say it from.

    Attributes:
        name: The name.
        photos: Photos whose masks show it; 0 means that there are no masks of it, and no IoU.
        IoU: Intersection over union of the dense prediction, 0..1.
        recall: Share of its pixels that are called by it.
        precision: Share of the pixels called by it that are its own, of those with a label.
        taken_for: What its pixels are called instead, most often first; at most `SHOWN_CONFUSIONS`.
        high_shown: Share of the photos showing it whose CLS token ranks it high, see `HIGH`.
        high_other: The same share of the photos whose masks do not show it; of all photos where no mask shows it.
        pixels: Share of all pixels, labelled or not, that the dense prediction gives to it.
        nearest: The name whose text vector is nearest; None where there is but one name.
        cosine: Cosine of the two vectors.
    """

    name: str
    photos: int
    IoU: float
    recall: float
    precision: float
    taken_for: tuple[Taken, ...]
    high_shown: float
    high_other: float
    pixels: float
    nearest: str | None
    cosine: float

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values; NaN, which JSON lacks, becomes None."""
        values: dict[str, Any] = nan_to_none({**asdict(self), "taken_for": dict(self.taken_for)})
        return values


def name_figures(names: tuple[str, ...], answers: Answers) -> tuple[NameFigures, ...]:
    """Compute the figures of every name.

    Args:
        names: The N names that were asked for.
        answers: What the teacher said.

    Returns:
        N figures, in the order of the names.
    """
    confusion, shown = answers.confusion.astype(np.float64), answers.shown
    hits, truth, said = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    high = answers.ranks < max(1, round(HIGH * len(names)))
    cosines = cosines_of(answers.vectors)
    found = []
    for index, name in enumerate(names):
        has_masks = truth[index] > 0
        row = confusion[index].copy()
        row[index] = 0
        order = np.argsort(-row, kind="stable")[:SHOWN_CONFUSIONS]
        near = int(np.argmax(np.where(np.arange(len(names)) == index, -np.inf, cosines[index])))
        found.append(
            NameFigures(
                name=name,
                photos=int(shown[:, index].sum()),
                IoU=_ratio(hits[index], truth[index] + said[index] - hits[index]) if has_masks else math.nan,
                recall=_ratio(hits[index], truth[index]),
                precision=_ratio(hits[index], said[index]) if has_masks else math.nan,
                taken_for=tuple(Taken(names[other], float(row[other] / truth[index])) for other in order if row[other]),
                high_shown=_mean(high[shown[:, index], index]),
                high_other=_mean(high[~shown[:, index], index]),
                pixels=float(answers.pixels[index]),
                nearest=names[near] if len(names) > 1 else None,
                cosine=float(cosines[index, near]) if len(names) > 1 else math.nan,
            )
        )
    return tuple(found)


def cosines_of(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the cosines of all pairs of vectors (N, C): (N, N), in -1..1."""
    unit = vectors.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    cosines: NDArray[np.float64] = (unit @ unit.T).clip(-1, 1)
    return cosines


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else math.nan


def _mean(values: NDArray[np.bool_]) -> float:
    return float(values.mean()) if len(values) else math.nan
