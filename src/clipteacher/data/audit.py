"""The label audit finds mistakes that ruin every score without an error, by which ids occur and which never do.

It does not find what a histogram cannot show, such as two classes that are swapped. Its fingerprints come from public
issues: raw COCO-Stuff ids used as class ids (ZegCLIP issue 15: exactly the ids of the eleven things that COCO never
annotated do not occur); labels shifted by one, or zero reduction done twice (ZegCLIP issue 2: the last class never
occurs).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from math import prod
from typing import Final

import numpy as np
from numpy.typing import NDArray

from clipteacher.data.files import DataError
from clipteacher.data.source import UNKNOWN, Source
from clipteacher.data.value_counts import ValueCounts
from clipteacher.protocols.coco_stuff import COCO_STUFF_MISSING_RAW_IDS, COCO_STUFF_NAMES
from clipteacher.protocols.splits import IGNORE
from clipteacher.utils.lists import shortened

# If every other class occurs in this many masks, a class that occurs in none is not absent by chance: one as common as
# the rarest of them would be absent with a probability of e^-10.
_ENOUGH_MASKS: Final = 10
# Below this probability, a set of ids that never occur counts as a fingerprint and not as chance.
_UNLIKELY: Final = 1e-6
_RAW_COCO_FIX: Final = (
    "These are raw COCO-Stuff ids 0..181, used as if they were class ids 0..170. Give the raw stuffthingmaps to "
    "--data.protocol coco-stuff-156-15, which renumbers them as they are read; or renumber the masks."
)


@dataclass(frozen=True)
class LabelAudit:
    """What an audit found, each with its fix.

    Attributes:
        faults: Mistakes that make training or scores worthless.
        warnings: What may be intended but is worth knowing.
        absent: Names of the classes that never occur.
        unusable: Whether some values are no class at all, so the masks cannot be read.
    """

    faults: tuple[str, ...]
    warnings: tuple[str, ...]
    absent: tuple[str, ...]
    unusable: bool


def audit_labels(source: Source, counts: ValueCounts, held_back: Collection[str] = ()) -> LabelAudit:
    """Check the counts of a source.

    Args:
        source: The masks.
        counts: What they contain.
        held_back: Classes that may be absent: those that training never sees, in a training set of your own.

    Returns:
        Faults and warnings. A rare class that a small sample lacks is only a warning.
    """
    absent_ids = np.flatnonzero(counts.class_masks == 0)
    absent = tuple(source.names[label] for label in absent_ids)
    strays = np.flatnonzero((source.table == UNKNOWN) & (counts.masks > 0))
    faults, warnings = list(source.faults), list(source.warnings)
    if binary := _binary(source, counts, absent, held_back):
        # Where a class is left without a pixel, and not by chance, nothing but the first one is learned.
        some = faults if len(source.names) == 2 and counts.total >= _ENOUGH_MASKS else warnings
        some.append(binary)
    elif len(strays):
        faults.append(_stray_values(source, counts, strays))
    elif len(absent) == len(source.names):
        faults.append(
            f"No pixel has a class: all are ignored ({source.ignore} means not labelled). Check that these are the "
            "masks, and that they hold class ids."
        )
    elif _looks_like_raw_coco(source, absent_ids):
        faults.append(f"Exactly the ids {', '.join(map(str, COCO_STUFF_MISSING_RAW_IDS))} never occur. {_RAW_COCO_FIX}")
    elif _last_class_eaten(source, counts, absent_ids) and absent[0] not in held_back:
        faults.append(
            f"The last class, {absent[0]!r}, never occurs, all others do, and some pixels are ignored: one was "
            "subtracted from the ids once too often (zero reduction done twice, or done to masks without background), "
            "so every class has its neighbour's name and class 0 is lost. Undo the subtraction, or use the masks as "
            "released: they are renumbered as they are read."
        )
    unexplained = [name for name in absent if name not in held_back]
    if unexplained and not (faults or binary):
        hint = ""
        if absent_ids.tolist() == [0]:
            hint = " If the ids count from 1 instead of 0, subtract one."
        elif absent_ids.tolist() == [len(source.names) - 1]:
            hint = " It is the last one: check that one was not subtracted from the ids once too often."
        warnings.append(
            f"{len(unexplained)} of {len(source.names)} classes never occur in {counts.total} masks: "
            f"{shortened(unexplained, 10)}. They are not learned from these and have no score on them.{hint}"
        )
    return LabelAudit(tuple(faults), tuple(warnings), absent, bool(len(strays)))


def check_audit(audit: LabelAudit, where: str) -> None:
    """Raise DataError for a source with faults; `where` is what was audited, such as "train"."""
    if audit.faults:
        go_on = "" if audit.unusable else " If this is intended, continue with --data.audit false."
        raise DataError(f"label audit of {where}: " + "\n".join(audit.faults) + go_on)


def _binary(source: Source, counts: ValueCounts, absent: Collection[str], held_back: Collection[str]) -> str | None:
    """Say what masks of 0 and 255 mean here, which programs for binary masks write for the rest and for the object."""
    names, unexplained = source.names, [name for name in absent if name not in held_back]
    is_binary = _masks_hold_class_ids(source) and np.flatnonzero(counts.masks).tolist() == [0, IGNORE]
    if not is_binary or (len(names) > 1 and not unexplained):
        return None
    told = (
        f"The masks hold 0 and {IGNORE} alone: 0 is {names[0]!r}, and {IGNORE} means not labelled: nothing is learned"
    )
    if len(names) == 1:
        return (
            f"{told} of it. Where no further name is wanted, every pixel gets the only one, whatever is learned. If "
            f"{IGNORE} is {names[0]!r}, put 1 for {IGNORE}; if 0 is, put 1 in it and 0 around it. Then make "
            f"classes.txt two lines: background, {names[0]}."
        )
    first, others = unexplained[0], shortened([repr(name) for name in unexplained], 10)
    return (
        f"{told} of {others}, which never occur{'s' if len(unexplained) == 1 else ''}. If {IGNORE} is {first!r}, put "
        f"its id, {names.index(first)}, for {IGNORE}."
    )


def _stray_values(source: Source, counts: ValueCounts, strays: NDArray[np.intp]) -> str:
    """Say which values are no class, which mask has the first, and which mistake explains them."""
    shown = shortened((f"{value} (in {counts.masks[value]} of {counts.total} masks)" for value in strays), 5)
    example = source.paths(int(counts.first[strays[0]])).mask
    fix = _fix(source, counts, strays.tolist())
    return f"{example}: got value {shown}, expected {source.known_values()}. {fix}"


def _looks_like_raw_coco(source: Source, absent: NDArray[np.intp]) -> bool:
    """Return whether the class ids that never occur include COCO-Stuff's missing raw ids, beyond chance."""
    gaps = COCO_STUFF_MISSING_RAW_IDS
    coco = len(source.names) == len(COCO_STUFF_NAMES) and _masks_hold_class_ids(source)
    if not (coco and set(gaps) <= set(absent.tolist())):
        return False
    # Probability that all of these are absent if the absent ones were drawn at random (hypergeometric).
    chance = prod((len(absent) - i) / (len(source.names) - i) for i in range(len(gaps)))
    return chance < _UNLIKELY


def _last_class_eaten(source: Source, counts: ValueCounts, absent: NDArray[np.intp]) -> bool:
    """Return whether only the last class never occurs, all others are common, and some pixels are ignored."""
    last = len(source.names) - 1
    ignored = int(counts.pixels[source.table == source.ignore].sum())
    return (
        absent.tolist() == [last] and last > 0 and ignored > 0 and int(counts.class_masks[:last].min()) >= _ENOUGH_MASKS
    )


def _fix(source: Source, counts: ValueCounts, strays: list[int]) -> str:
    """Name the mistake that explains values that are no class."""
    present = counts.masks > 0
    own_ids, count, ignore = _masks_hold_class_ids(source), len(source.names), source.ignore
    is_coco = count == len(COCO_STUFF_NAMES)
    gaps = list(COCO_STUFF_MISSING_RAW_IDS)
    if is_coco and own_ids and strays[-1] < 182 and not present[gaps].any():
        return _RAW_COCO_FIX
    if is_coco and not own_ids and set(strays) <= set(gaps):
        return (
            "These ids never occur in raw stuffthingmaps: the masks were converted to 0..170 before and would be "
            "renumbered twice. Use the PNGs as released, or a folder with classes.txt."
        )
    if is_coco and not own_ids and 182 in strays and not present[[gap + 1 for gap in gaps]].any():
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
    if own_ids and count == 1 and strays == [1] and present[0]:
        name = source.names[0]
        return (
            f"These are masks of one object: 0 around it, 1 in it. If 1 is {name!r}, make classes.txt two lines: "
            f"background, {name}. The masks can stay."
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
