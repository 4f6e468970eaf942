"""Fingerprints of wrong labels: which mistake is known by which ids, and its cure in words.

They are those of public issues: raw COCO-Stuff ids used as class ids (ZegCLIP issue 15: exactly the ids of the eleven
things that COCO never annotated do not occur); labels shifted by one, or zero reduction done twice (ZegCLIP issue 2:
the last class never occurs).
"""

from __future__ import annotations

from math import prod
from typing import Final

import numpy as np
from numpy.typing import NDArray

from clipteacher.data.source import Source, meaning_of_values
from clipteacher.data.value_counts import ValueCounts
from clipteacher.protocols.coco_stuff import COCO_STUFF_MISSING_RAW_IDS, COCO_STUFF_NAMES

ENOUGH_MASKS: Final = 10
"""Where every other class occurs in so many masks, a class that occurs in none is no small sample's accident: one as
common as the rarest of them would be absent with a chance of e^-10."""

UNLIKELY: Final = 1e-6
"""Below this chance, the ids that never occur are taken for a fingerprint and not for chance."""

RAW_COCO_CURE: Final = (
    "These are raw COCO-Stuff ids 0..181, used as if they were class ids 0..170. Give the raw stuffthingmaps to "
    "--data.protocol coco-stuff-156-15, which renumbers them at reading; or renumber the masks."
)
"""What to do about raw ids."""


def stray_values(source: Source, counts: ValueCounts, strays: NDArray[np.intp]) -> str:
    """Say which values are no class, where the first is, and by which mistake they came there.

    Args:
        source: The masks.
        counts: What stands in them.
        strays: (S,), values that occur and are `UNKNOWN`, ascending.
    """
    shown = ", ".join(f"{value} (in {counts.masks[value]} of {counts.total} masks)" for value in strays[:5])
    example = source.paths(int(counts.first[strays[0]])).mask
    return (
        f"{example}: got value {shown}{', …' if len(strays) > 5 else ''}, expected {meaning_of_values(source)}. "
        f"{_cure(source, counts, strays.tolist())}"
    )


def looks_like_raw_coco(source: Source, absent: NDArray[np.intp]) -> bool:
    """Whether class ids of COCO-Stuff leave out just the raw ids that never occur, beyond chance.

    Args:
        source: The masks.
        absent: (A,), ids of the classes that never occur.
    """
    gaps = COCO_STUFF_MISSING_RAW_IDS
    if not (_is_coco(source) and _masks_hold_class_ids(source) and set(gaps) <= set(absent.tolist())):
        return False
    # That all of these are among those that are absent, were the absent ones drawn at random (hypergeometric).
    chance = prod((len(absent) - i) / (len(source.names) - i) for i in range(len(gaps)))
    return chance < UNLIKELY


def last_class_eaten(source: Source, counts: ValueCounts, absent: NDArray[np.intp]) -> bool:
    """Whether the last class alone never occurs though all others are common, and pixels are ignored.

    Args:
        source: The masks.
        counts: What stands in them.
        absent: (A,), ids of the classes that never occur.
    """
    last = len(source.names) - 1
    ignored = int(counts.pixels[source.table == source.ignore].sum())
    return (
        absent.tolist() == [last] and last > 0 and ignored > 0 and int(counts.class_masks[:last].min()) >= ENOUGH_MASKS
    )


def _cure(source: Source, counts: ValueCounts, strays: list[int]) -> str:
    """Tell the mistake by the values that are no class."""
    present = counts.masks > 0
    own_ids, count, ignore = _masks_hold_class_ids(source), len(source.names), source.ignore
    gaps = list(COCO_STUFF_MISSING_RAW_IDS)
    if _is_coco(source) and own_ids and strays[-1] < 182 and not present[gaps].any():
        return RAW_COCO_CURE
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
            f"It is the ignore label {ignore} less one: one was subtracted from every value. Leave {ignore} as it is "
            "when ids are renumbered."
        )
    if strays == [ignore]:
        return (
            f"Masks as released do not have {ignore}: these were reduced before ({ignore} for 0, ids less one). Use "
            "the released ones, which are renumbered at reading."
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
    """Whether the values of the masks are the class ids themselves, as in a folder of one's own."""
    return bool(np.array_equal(source.table[: len(source.names)], np.arange(len(source.names))))


def _is_coco(source: Source) -> bool:
    """Whether a source has as many classes as COCO-Stuff."""
    return len(source.names) == len(COCO_STUFF_NAMES)
