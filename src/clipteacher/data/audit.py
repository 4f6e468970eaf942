"""The label audit: mistakes that spoil every score and leave no error behind, told by which ids occur and which never.

The fingerprints are those of public issues: raw COCO-Stuff ids used as class ids (ZegCLIP issue 15: exactly the ids of
the eleven things that COCO never annotated do not occur), and labels shifted by one, or zero reduction done twice
(ZegCLIP issue 2: the last class never occurs). What cannot be seen in a histogram, such as two classes changed about, is
not found.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from math import prod
from typing import Final

import numpy as np
from numpy.typing import NDArray

from clipteacher.data.files import DataError
from clipteacher.data.source import UNKNOWN, Source, meaning_of_values
from clipteacher.data.value_counts import ValueCounts
from clipteacher.protocols.coco_stuff import COCO_STUFF_MISSING_RAW_IDS, COCO_STUFF_NAMES

ENOUGH_MASKS: Final = 10
"""Where every other class occurs in so many masks, a class that occurs in none is no small sample's accident: one as common
as the rarest of them would be absent with a chance of e^-10."""

UNLIKELY: Final = 1e-6
"""Below this chance, the ids that never occur are taken for a fingerprint and not for chance."""

_RAW_COCO_CURE: Final = (
    "These are raw COCO-Stuff ids 0..181, used as if they were class ids 0..170. Give the raw stuffthingmaps to "
    "--data.protocol coco-stuff-156-15, which renumbers them at reading; or renumber the masks."
)


@dataclass(frozen=True)
class LabelAudit:
    """What an audit found, each with its cure in words.

    Attributes:
        faults: Mistakes that make training or scores worthless.
        warnings: What may be right, and should be known.
        absent: Names of the classes that never occur.
        unusable: Whether some values are no class at all, so that the masks cannot even be read.
    """

    faults: tuple[str, ...]
    warnings: tuple[str, ...]
    absent: tuple[str, ...]
    unusable: bool


def audit_labels(source: Source, counts: ValueCounts, held_back: Collection[str] = ()) -> LabelAudit:
    """Judge the counts of a source.

    Args:
        source: The masks.
        counts: What stands in them.
        held_back: Classes that may well be absent: those that training never sees, in a training set of one's own.

    Returns:
        Faults and warnings. A rare class that a small sample happens not to have is a warning.
    """
    absent_ids = np.flatnonzero(counts.class_masks == 0)
    absent = tuple(source.names[label] for label in absent_ids)
    strays = np.flatnonzero((source.table == UNKNOWN) & (counts.masks > 0))
    faults, warnings = [], []
    if counts.class_masks.max(initial=0) == 0 and not len(strays):
        faults.append(
            "Not one pixel has a class: all are ignored. Are these the masks, and are they written with the ids of the "
            "classes?"
        )
    elif len(strays):
        faults.append(f"{_strays(source, counts, strays)} {_cure_of_strays(source, counts, strays)}")
    elif _looks_like_raw_coco(source, absent_ids):
        faults.append(f"Just the ids {_listed(COCO_STUFF_MISSING_RAW_IDS)} never occur. {_RAW_COCO_CURE}")
    elif _last_class_eaten(source, counts, absent_ids) and absent[0] not in held_back:
        faults.append(
            f"The last class, {absent[0]!r}, never occurs, all others do, and some pixels are ignored: one was "
            "subtracted from the ids once too often (zero reduction done twice, or done to masks without background), "
            "so that every class has its neighbour's name and class 0 is lost. Take the subtraction back, or use the "
            "masks as released: they are renumbered at reading."
        )
    unexplained = [name for name in absent if name not in held_back]
    if unexplained and not faults:
        shifted = " If the ids count from 1 instead of 0, subtract one." if list(absent_ids) == [0] else ""
        warnings.append(
            f"{len(unexplained)} of {len(source.names)} classes never occur in {counts.total} masks: "
            f"{', '.join(unexplained[:10])}{', …' if len(unexplained) > 10 else ''}. They are not learned here, and have "
            f"no score.{shifted}"
        )
    return LabelAudit(tuple(faults), tuple(warnings), absent, bool(len(strays)))


def check_audit(audit: LabelAudit, where: str) -> None:
    """Refuse a source with faults.

    Args:
        audit: What was found.
        where: What was audited, for the message, such as "train".

    Raises:
        DataError: There are faults.
    """
    if not audit.faults:
        return
    go_on = "" if audit.unusable else " If it is right all the same, --data.audit false goes on."
    raise DataError(f"label audit of {where}: " + "\n".join(audit.faults) + go_on)


def _strays(source: Source, counts: ValueCounts, strays: NDArray[np.intp]) -> str:
    """Say which values are no class, and where the first is."""
    shown = ", ".join(f"{value} (in {counts.masks[value]} of {counts.total} masks)" for value in strays[:5])
    example = source.paths(int(counts.first[strays[0]])).mask
    return f"{example}: got value {shown}{', …' if len(strays) > 5 else ''}, expected {meaning_of_values(source)}."


def _cure_of_strays(source: Source, counts: ValueCounts, strays: NDArray[np.intp]) -> str:
    """Tell the mistake by the values that are no class."""
    present = counts.masks > 0
    own_ids = _masks_hold_class_ids(source)
    gaps = list(COCO_STUFF_MISSING_RAW_IDS)
    count = len(source.names)
    if _is_coco(source) and own_ids and strays.max() < 182 and not present[gaps].any():
        return _RAW_COCO_CURE
    if _is_coco(source) and not own_ids and set(strays.tolist()) <= set(gaps):
        return (
            "These ids never occur in raw stuffthingmaps: the masks were converted to 0..170 before and would be "
            "renumbered twice. Use the PNGs as released, or a folder with classes.txt."
        )
    if _is_coco(source) and not own_ids and present[182] and not present[[gap + 1 for gap in gaps]].any():
        return "The ids are raw ones plus one (1..182, 0 = unlabelled). Use the stuffthingmaps as released (0..181, 255)."
    if set(strays.tolist()) == {source.ignore - 1} and not present[source.ignore]:
        return (
            f"It is the ignore label {source.ignore} less one: one was subtracted from every value. Leave "
            f"{source.ignore} as it is when ids are renumbered."
        )
    if own_ids and strays.tolist() == [count]:
        if present[0]:
            return (
                f"The ids run from 0 to {count}, one more than there are names: zero reduction was forgotten, and 0 fills "
                f"what should be ignored. Put {source.ignore} for 0 and subtract one from the rest, or name the first "
                "class of classes.txt background."
            )
        return "The ids count from 1 instead of 0: every class has its neighbour's name. Subtract one from all ids."
    if strays.tolist() == [source.ignore]:
        return (
            f"Masks as released do not have {source.ignore}: these were reduced before ({source.ignore} for 0, ids less "
            "one). Use the released ones, which are renumbered at reading."
        )
    return "No class has such an id. Renumber the masks, or name the missing classes."


def _looks_like_raw_coco(source: Source, absent: NDArray[np.intp]) -> bool:
    """Whether class ids of COCO-Stuff leave out just the raw ids that never occur, beyond chance."""
    gaps = COCO_STUFF_MISSING_RAW_IDS
    if not (_is_coco(source) and _masks_hold_class_ids(source) and set(gaps) <= set(absent.tolist())):
        return False
    # That so many given ids are all among those that are absent, were these drawn at random (hypergeometric).
    chance = prod((len(absent) - i) / (len(source.names) - i) for i in range(len(gaps)))
    return chance < UNLIKELY


def _last_class_eaten(source: Source, counts: ValueCounts, absent: NDArray[np.intp]) -> bool:
    """Whether the last class alone never occurs though all others are common, and pixels are ignored."""
    last = len(source.names) - 1
    ignored = int(counts.pixels[source.table == source.ignore].sum())
    return (
        absent.tolist() == [last] and last > 0 and ignored > 0 and int(counts.class_masks[:last].min()) >= ENOUGH_MASKS
    )


def _masks_hold_class_ids(source: Source) -> bool:
    """Whether the values of the masks are the class ids themselves, as in a folder of one's own."""
    return bool(np.array_equal(source.table[: len(source.names)], np.arange(len(source.names))))


def _is_coco(source: Source) -> bool:
    """Whether a source has as many classes as COCO-Stuff."""
    return len(source.names) == len(COCO_STUFF_NAMES)


def _listed(numbers: Collection[int]) -> str:
    """Write numbers with commas."""
    return ", ".join(map(str, numbers))
