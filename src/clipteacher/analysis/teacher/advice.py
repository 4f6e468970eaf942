"""What the figures of a teacher advise, in words. Each threshold is a constant with the reason for its value.

A hint is no verdict: it names what to look at before an hour is spent.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clipteacher.analysis.teacher.metrics import HIGH, NameFigures, cosines_of

WEAK_IOU: Final = 0.3
"""Below it a name is weak. Of the unseen names in docs/experiments.md, none that the teacher alone had below 0.3 came
above 0.34 in the student (cow 0.18 to 0.09; flower of the drawn world 0.21, 0.23 and 0.29 to 0.22, 0.30 and 0.34).
Above it there is no promise: sign went from 0.32 to 0.06."""

MIXED: Final = 0.25
"""A name is mixed up with another that takes a quarter of its pixels: its IoU can then be no more than 0.75."""

FEW_SEEN: Final = 10
"""Fewer classes with masks are few. On the drawn world, 150 steps and seed 0, the same five unseen names had a mean IoU
of 58.9 with 15 seen classes, 53.0 with 8 and 46.7 with 4; the published splits have 15 or more."""

FEW_PHOTOS: Final = 5
"""Figures of fewer photos than this may be luck: one photo more or less changes them by a fifth and more."""

NEAR: Final = 0.35
"""Two names are near-duplicates where their vectors' distance (1 - cosine) is below this part of the median distance of
all pairs. A part, because the cosines of one teacher's names lie in 0.2..0.8 and another's in 0.7..0.95. Measured on
MSRC-21's names with synonyms added (MiniLM): sofa / couch 0.20, aeroplane / airplane 0.25, road / street 0.30, cat /
kitten 0.34; face / body 0.42, cat / dog 0.71. The tiny CLIP's 20 names: all 0.51 or more."""

NEAR_NEEDS: Final = 4
"""Names from which on the median distance of pairs says something: four names are six pairs."""

RARE: Final = HIGH / 4
"""A name that CLS ranks high on fewer photos than this is a quarter as often high as chance would have it."""

RARE_NEEDS: Final = 20
"""Photos from which on a share of one in twenty can be told from none."""

TAKES: Final = 0.2
"""Share of all pixels, from which on a name without masks is told to take many: more than most things cover. Of few
names each gets a large share whatever it is, so that it must be twice an equal share as well."""

_SHOWN: Final = 6  # names in a hint
_SAME: Final = 1e-6  # distance of vectors that differ by rounding


class NearPair(NamedTuple):
    """Two names whose vectors are nearly the same.

    Attributes:
        first: One.
        second: The other, later in the list.
        cosine: Of their vectors.
        ratio: Their distance over the median distance of all pairs, 0..`NEAR`.
    """

    first: str
    second: str
    cosine: float
    ratio: float


def near_pairs(names: Sequence[str], vectors: NDArray[np.float32]) -> tuple[NearPair, ...]:
    """Find near-duplicates among names.

    Args:
        names: The N names.
        vectors: Their text vectors (N, C), float32.

    Returns:
        Pairs by `NEAR`, the nearest first; none for fewer than `NEAR_NEEDS` names.

    Example:
        >>> vectors = np.array([[1, 0, 0], [1, 0.1, 0], [0, 1, 0], [0, 0, 1]], dtype=np.float32)
        >>> near_pairs(["sofa", "couch", "sky", "dog"], vectors)[0][:2]
        ('sofa', 'couch')
    """
    if len(names) < NEAR_NEEDS:
        return ()
    cosines = cosines_of(vectors)
    rows, columns = np.triu_indices(len(names), 1)
    distances = 1 - cosines[rows, columns]
    median = float(np.median(distances))
    # Unknown words may all have one vector, but for rounding.
    ratios = distances / median if median > _SAME else np.zeros_like(distances)
    return tuple(
        NearPair(
            names[rows[pair]], names[columns[pair]], float(cosines[rows[pair], columns[pair]]), float(ratios[pair])
        )
        for pair in np.argsort(ratios, kind="stable")
        if ratios[pair] < NEAR
    )


def hints(
    figures: Sequence[NameFigures],
    vectors: NDArray[np.float32],
    unseen: Collection[str] = (),
    *,
    photos: int = RARE_NEEDS,
) -> tuple[str, ...]:
    """Say what the figures advise.

    Args:
        figures: Figures of the N names.
        vectors: Their text vectors (N, C), float32, in the same order.
        unseen: Names that training will not see.
        photos: Number of photos that were asked about.

    Returns:
        Sentences; none where there is nothing to advise.
    """
    masked = [each for each in figures if each.photos]
    bare = [each for each in figures if not each.photos]
    return tuple(
        hint
        for hint in (
            _few_seen([each for each in masked if each.name not in unseen]) if masked else "",
            _weak(masked),
            _mixed(masked),
            _blind(masked),
            _rare(bare) if photos >= RARE_NEEDS else "",
            _greedy(bare, max(TAKES, 2 / len(figures))) if figures else "",
            *_near(near_pairs([each.name for each in figures], vectors)),
            _few_photos(masked),
        )
        if hint
    )


def _few_seen(seen: Sequence[NameFigures]) -> str:
    if len(seen) >= FEW_SEEN:
        return ""
    return (
        f"{len(seen)} classes have masks to learn from, fewer than {FEW_SEEN}: the student learns the names' space "
        "from them, and unseen names lose by it (drawn world: U 59 with 15 seen classes, 53 with 8, 47 with 4). Label "
        "more classes, be it in few photos."
    )


def _weak(masked: Sequence[NameFigures]) -> str:
    weak = sorted((each for each in masked if each.IoU < WEAK_IOU), key=lambda each: each.IoU)
    if not weak:
        return ""
    told = [f"{each.name} (IoU {100 * each.IoU:.1f}{_instead(each)})" for each in weak]
    most = (
        " That is most of them: another teacher may know these photographs better, or the same one larger photos "
        "(--short_side, image_size)."
        if 2 * len(weak) > len(masked)
        else ""
    )
    return (
        f"the teacher finds these names badly: {_listed(told)}. A class with masks learns from those; as an "
        "unseen name it would hardly be learned. Try other words, as a person would write under the photo, with "
        f"--classes.{most}"
    )


def _instead(each: NameFigures) -> str:
    if not each.taken_for or each.taken_for[0].share < MIXED:
        return ""
    return f", mostly called {each.taken_for[0].name}"


def _mixed(masked: Sequence[NameFigures]) -> str:
    pairs = [
        (taken.share, each.name, taken.name) for each in masked for taken in each.taken_for if taken.share >= MIXED
    ]
    if not pairs:
        return ""
    told = [
        f"{name} is called {other} ({100 * share:.0f} % of its pixels)" for share, name, other in sorted(pairs)[::-1]
    ]
    return f"mixed up: {_listed(told)}. Say what sets them apart (traffic sign, sandy beach), or make them one class."


def _blind(masked: Sequence[NameFigures]) -> str:
    names = [each.name for each in masked if each.photos >= FEW_PHOTOS and each.high_shown <= each.high_other]
    if not names:
        return ""
    return (
        f"the CLS token ranks these names no higher on photos that show them than on others: {_listed(names)}. They "
        "may be small or at the edge in most photos; else try other words."
    )


def _rare(bare: Sequence[NameFigures]) -> str:
    told = [f"{each.name} ({100 * each.high_other:.0f} %)" for each in bare if each.high_other < RARE]
    if not told:
        return ""
    return (
        f"without masks: the CLS token ranks these names high on fewer than {100 * RARE:.0f} % of the photos: "
        f"{_listed(told)}. Either they are not on these photos, or the teacher does not know the words."
    )


def _greedy(bare: Sequence[NameFigures], least: float) -> str:
    told = [f"{each.name} ({100 * each.pixels:.0f} %)" for each in bare if each.pixels >= least]
    if not told:
        return ""
    return (
        f"without masks: these names take many pixels: {_listed(told)}. If they do not cover that much of your photos, "
        "they take pixels of others: use narrower words."
    )


def _near(pairs: Sequence[NearPair]) -> list[str]:
    if not pairs:
        return []
    told = [f"{pair.first} / {pair.second} (cosine {pair.cosine:.2f})" for pair in pairs]
    return [
        f"nearly the same to the teacher: {_listed(told)}. Pixels will go to either by chance. Keep one of them, or "
        "say what sets them apart; unknown words are alike, too."
    ]


def _few_photos(masked: Sequence[NameFigures]) -> str:
    told = [f"{each.name} ({each.photos})" for each in masked if each.photos < FEW_PHOTOS]
    if not told:
        return ""
    return f"fewer than {FEW_PHOTOS} photos show these names, so that their figures may be luck: {_listed(told)}."


def _listed(items: Sequence[str]) -> str:
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return ", ".join(items[:_SHOWN]) + more
