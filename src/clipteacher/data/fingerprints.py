"""Fingerprints of wrong labels: which ids give away which mistake, and how to fix it.

They come from public issues: raw COCO-Stuff ids used as class ids (ZegCLIP issue 15: exactly the ids of the eleven
things that COCO never annotated do not occur); labels shifted by one, or zero reduction done twice (ZegCLIP issue 2:
the last class never occurs).
"""

from __future__ import annotations

from math import prod
from typing import Final

import numpy as np
from numpy.typing import NDArray

from clipteacher.data.source import Source
from clipteacher.data.value_counts import ValueCounts
from clipteacher.protocols.coco_stuff import COCO_STUFF_MISSING_RAW_IDS, COCO_STUFF_NAMES

ENOUGH_MASKS: Final = 10
"""If every other class occurs in this many masks, a class that occurs in none is not absent by chance: one as common as
the rarest of them would be absent with a probability of e^-10."""

UNLIKELY: Final = 1e-6
"""Below this probability, a set of ids that never occur counts as a fingerprint and not as chance."""

RAW_COCO_FIX: Final = (
    "These are raw COCO-Stuff ids 0..181, used as if they were class ids 0..170. Give the raw stuffthingmaps to "
    "--data.protocol coco-stuff-156-15, which renumbers them as they are read; or renumber the masks."
)
"""How to fix raw ids."""


def stray_values(source: Source, counts: ValueCounts, strays: NDArray[np.intp]) -> str:
    """Say which values are no class, which mask has the first, and which mistake explains them.

    Args:
        source: The masks.
        counts: What they contain.
        strays: (S,), values that occur and are `UNKNOWN`, ascending.
    """
    shown = ", ".join(f"{value} (in {counts.masks[value]} of {counts.total} masks)" for value in strays[:5])
    example = source.paths(int(counts.first[strays[0]])).mask
    return (
        f"{example}: got value {shown}{', …' if len(strays) > 5 else ''}, expected {source.known_values()}. "
        f"{_fix(source, counts, strays.tolist())}"
    )


def looks_like_raw_coco(source: Source, absent: NDArray[np.intp]) -> bool:
    """Return whether the class ids that never occur include COCO-Stuff's missing raw ids, beyond chance.

    Args:
        source: The masks.
        absent: (A,), ids of the classes that never occur.
    """
    gaps = COCO_STUFF_MISSING_RAW_IDS
    if not (_is_coco(source) and _masks_hold_class_ids(source) and set(gaps) <= set(absent.tolist())):
        return False
    # Probability that all of these are absent if the absent ones were drawn at random (hypergeometric).
    chance = prod((len(absent) - i) / (len(source.names) - i) for i in range(len(gaps)))
    return chance < UNLIKELY


def last_class_eaten(source: Source, counts: ValueCounts, absent: NDArray[np.intp]) -> bool:
    """Return whether only the last class never occurs, all others are common, and some pixels are ignored.

    Args:
        source: The masks.
        counts: What they contain.
        absent: (A,), ids of the classes that never occur.
    """
    last = len(source.names) - 1
    ignored = int(counts.pixels[source.table == source.ignore].sum())
    return (
        absent.tolist() == [last] and last > 0 and ignored > 0 and int(counts.class_masks[:last].min()) >= ENOUGH_MASKS
    )


def _fix(source: Source, counts: ValueCounts, strays: list[int]) -> str:
    """Name the mistake that explains values that are no class."""
    present = counts.masks > 0
    own_ids, count, ignore = _masks_hold_class_ids(source), len(source.names), source.ignore
    gaps = list(COCO_STUFF_MISSING_RAW_IDS)
    if _is_coco(source) and own_ids and strays[-1] < 182 and not present[gaps].any():
        return RAW_COCO_FIX
    if _is_coco(source) and not own_ids and set(strays) <= set(gaps):
        return (
            "These ids never occur in raw stuffthingmaps: the masks were converted to 0..170 before and would be "
            "renumbered twice. Use the PNGs as released, or a folder with classes.txt."
        )
    if _is_coco(source) and not own_ids and 182 in strays and not present[[gap + 1 for gap in gaps]].any():
        return (
            "The ids are raw ones plus one (1..182, 0 = unlabelled). Use the released stuffthingmaps: 0..181 and 255."
        )
    if strays == [ignore - 1] and not present[ignore]:
        return (
            f"It is the ignore label {ignore} minus one: one was subtracted from every value. Keep {ignore} when "
            "renumbering ids."
        )
    if strays == [ignore]:
        return (
            f"Masks as released do not have {ignore}: these were reduced before ({ignore} for 0, ids minus one). Use "
            "the released ones, which are renumbered as they are read."
        )
    if own_ids and strays == [count] and present[0]:
        return (
            f"The ids run from 0 to {count}, one more than there are names: zero reduction was forgotten, and 0 fills "
            f"what should be ignored. Put {ignore} for 0 and subtract one from the rest, or name the first class of "
            "classes.txt background."
        )
    if own_ids and strays == [count]:
        return "The ids count from 1 instead of 0: every class has its neighbour's name. Subtract one from all ids."
    return "No class has such an id. Renumber the masks, or name the missing classes."


def _masks_hold_class_ids(source: Source) -> bool:
    """Return whether the values of the masks are the class ids themselves, as in the folder format."""
    return bool(np.array_equal(source.table[: len(source.names)], np.arange(len(source.names))))


def _is_coco(source: Source) -> bool:
    """Return whether a source has as many classes as COCO-Stuff."""
    return len(source.names) == len(COCO_STUFF_NAMES)
