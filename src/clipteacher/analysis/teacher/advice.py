"""Advice from the metrics of a teacher. Each threshold is a constant with the reason for its value.

Advice is no verdict: it names what deserves a look before an hour of training.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clipteacher.analysis.teacher.metrics import HIGH, NameMetrics, cosine_matrix

WEAK_IOU: Final = 0.3
"""Below it a name is weak. Of the unseen names in docs/research/lab_book.md, none that the zero-shot teacher had below
0.3 came above 0.34 in the student (cow 0.18 to 0.09; flower of the drawn world 0.21, 0.23 and 0.29 to 0.22, 0.30 and
0.34). Above it there is no promise: sign went from 0.32 to 0.06."""

MIXED: Final = 0.25
"""Two names are mixed up where one gets a quarter of the other's pixels: its IoU can then be 0.75 at most."""

FEW_SEEN: Final = 10
"""Fewer classes with masks are few. On the drawn world, 150 steps and seed 0, the same five unseen names had a mean IoU
of 58.9 with 15 seen classes, 53.0 with 8 and 46.7 with 4; the published splits have 15 or more."""

FEW_PHOTOS: Final = 5
"""Metrics of fewer photos may be luck: a single photo changes them by a fifth or more."""

NEAR: Final = 0.35
"""Two names are near-duplicates where the distance of their text features (1 - cosine) is below this part of the median
distance of all pairs. A part, because the cosines of one teacher's names lie in 0.2..0.8 and another's in 0.7..0.95.
Measured on MSRC-21's names with synonyms added (MiniLM): sofa / couch 0.20, aeroplane / airplane 0.25, road / street
0.30, cat / kitten 0.34; face / body 0.42, cat / dog 0.71. The tiny CLIP's 20 names: all 0.51 or more."""

MIN_NAMES: Final = 4
"""Fewest names for a median distance that means something: four names are six pairs."""

RARE: Final = HIGH / 4
"""A name that ranks high on a smaller share of the photos does so at a quarter of chance."""

MIN_PHOTOS: Final = 20
"""Fewest photos on which a share of one in twenty differs from none."""

LARGE: Final = 0.2
"""Share of all pixels from which on a name without masks gets many: more than most things cover. With few names each
gets a large share whatever it is, so it must also be twice an equal share."""

_LISTED: Final = 6  # names in one piece of advice
_EQUAL: Final = 1e-6  # distance of text features that differ by rounding


class NearPair(NamedTuple):
    """Two names with nearly the same text feature.

    Attributes:
        first: One name.
        second: The other, later in the list.
        cosine: Cosine of their text features.
        ratio: Their distance over the median distance of all pairs, 0..`NEAR`.
    """

    first: str
    second: str
    cosine: float
    ratio: float


def near_pairs(class_names: Sequence[str], text_features: NDArray[np.float32]) -> tuple[NearPair, ...]:
    """Find near-duplicates among names.

    Args:
        class_names: The N names.
        text_features: Their text features (N, C), float32.

    Returns:
        Pairs by `NEAR`, the nearest first; none for fewer than `MIN_NAMES` names.

    Example:
        >>> text_features = np.array([[1, 0, 0], [1, 0.1, 0], [0, 1, 0], [0, 0, 1]], dtype=np.float32)
        >>> near_pairs(["sofa", "couch", "sky", "dog"], text_features)[0][:2]
        ('sofa', 'couch')
    """
    if len(class_names) < MIN_NAMES:
        return ()
    rows, columns = np.triu_indices(len(class_names), 1)
    distances = 1 - cosine_matrix(text_features)[rows, columns]
    median = float(np.median(distances))
    # Words that the teacher never read may all have one text feature, up to rounding.
    ratios = distances / median if median > _EQUAL else np.zeros_like(distances)
    return tuple(
        NearPair(class_names[rows[i]], class_names[columns[i]], float(1 - distances[i]), float(ratios[i]))
        for i in np.argsort(ratios, kind="stable")
        if ratios[i] < NEAR
    )


def advise(
    metrics: Sequence[NameMetrics],
    text_features: NDArray[np.float32],
    unseen: Collection[str] = (),
    *,
    photos: int = MIN_PHOTOS,
) -> tuple[str, ...]:
    """Derive advice from the metrics.

    Args:
        metrics: Metrics of the N names.
        text_features: Their text features (N, C), float32, in the same order.
        unseen: Names that training will not see.
        photos: Number of photos that the metrics are from.

    Returns:
        Sentences; none where there is nothing to advise.
    """
    masked = [each for each in metrics if each.photos]
    unmasked = [each for each in metrics if not each.photos]
    rare, large = unmasked if photos >= MIN_PHOTOS else [], max(LARGE, 2 / max(1, len(metrics)))
    pairs = near_pairs([each.name for each in metrics], text_features)
    pieces = [
        *(_with_masks(masked, unseen) if masked else ()),
        _listing(
            f"without masks: the CLS token ranks these names high on fewer than {100 * RARE:.0f} % of the photos: "
            "{}. Either the photos do not show them, or the teacher does not know the words.",
            [f"{each.name} ({100 * each.high_other:.0f} %)" for each in rare if each.high_other < RARE],
        ),
        _listing(
            "without masks: these names get many pixels: {}. If they do not cover that much of your photos, they take "
            "pixels of other classes: use narrower words.",
            [f"{each.name} ({100 * each.pixels:.0f} %)" for each in unmasked if each.pixels >= large],
        ),
        _listing(
            "nearly the same to the teacher: {}. Which of them a pixel gets is chance. Keep one, or use words that "
            "tell them apart; unknown words are alike, too.",
            [f"{pair.first} / {pair.second} (cosine {pair.cosine:.2f})" for pair in pairs],
        ),
    ]
    return tuple(piece for piece in pieces if piece)


def _with_masks(masked: Sequence[NameMetrics], unseen: Collection[str]) -> list[str]:
    """Advice on names with masks."""
    seen = sum(each.name not in unseen for each in masked)
    few = (
        f"{seen} classes have masks to learn from, fewer than {FEW_SEEN}: the student learns the space of the names "
        "from them, and unseen names suffer (drawn world: U 59 with 15 seen classes, 53 with 8, 47 with 4). Label more "
        "classes, even in a few photos only."
    )
    weak = sorted((each for each in masked if each.IoU < WEAK_IOU), key=lambda each: each.IoU)
    mixed = [(each.share, one.name, each.name) for one in masked for each in one.predicted_as if each.share >= MIXED]
    mixed.sort(reverse=True)
    most = (
        " These are most of the names: another teacher may know these photos better, or this one larger photos "
        "(--short_side, image_size)."
    )
    return [
        few if seen < FEW_SEEN else "",
        _listing(
            "the teacher hardly finds these names: {}. A class with masks learns from those; an unseen one would "
            "hardly be learned. Try other words with --classes, such as a caption of the photo would use."
            + (most if 2 * len(weak) > len(masked) else ""),
            [f"{each.name} (IoU {100 * each.IoU:.1f}{_instead(each)})" for each in weak],
        ),
        _listing(
            "mixed up: {}. Use words that tell them apart (traffic sign, sandy beach), or make them one class.",
            [f"{name} is predicted as {other} ({100 * share:.0f} % of its pixels)" for share, name, other in mixed],
        ),
        _listing(
            "the CLS token ranks these names no higher on photos that show them than on others: {}. They may be small "
            "or at the edge in most photos; otherwise try other words.",
            [each.name for each in masked if each.photos >= FEW_PHOTOS and each.high_shown <= each.high_other],
        ),
        _listing(
            f"fewer than {FEW_PHOTOS} photos show these names, so their metrics may be luck: {{}}.",
            [f"{each.name} ({each.photos})" for each in masked if each.photos < FEW_PHOTOS],
        ),
    ]


def _instead(each: NameMetrics) -> str:
    if not each.predicted_as or each.predicted_as[0].share < MIXED:
        return ""
    return f", mostly predicted as {each.predicted_as[0].name}"


def _listing(sentence: str, items: Sequence[str]) -> str:
    """Put items in place of {} in a sentence; nothing without items."""
    more = f" and {len(items) - _LISTED} more" if len(items) > _LISTED else ""
    return sentence.replace("{}", ", ".join(items[:_LISTED]) + more) if items else ""
