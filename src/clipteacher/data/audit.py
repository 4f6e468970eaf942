"""The label audit: mistakes that spoil every score and leave no error behind, told by which ids occur and which never.

What cannot be seen in a histogram, such as two classes changed about, is not found.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from clipteacher.data.files import DataError
from clipteacher.data.fingerprints import RAW_COCO_CURE, last_class_eaten, looks_like_raw_coco, stray_values
from clipteacher.data.source import UNKNOWN, Source
from clipteacher.data.value_counts import ValueCounts
from clipteacher.protocols.coco_stuff import COCO_STUFF_MISSING_RAW_IDS


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
    if len(strays):
        faults.append(stray_values(source, counts, strays))
    elif len(absent) == len(source.names):
        faults.append("Not one pixel has a class: all are ignored. Are these the masks, with the ids of the classes?")
    elif looks_like_raw_coco(source, absent_ids):
        faults.append(f"Just the ids {', '.join(map(str, COCO_STUFF_MISSING_RAW_IDS))} never occur. {RAW_COCO_CURE}")
    elif last_class_eaten(source, counts, absent_ids) and absent[0] not in held_back:
        faults.append(
            f"The last class, {absent[0]!r}, never occurs, all others do, and some pixels are ignored: one was "
            "subtracted from the ids once too often (zero reduction done twice, or done to masks without background), "
            "so that every class has its neighbour's name and class 0 is lost. Take the subtraction back, or use the "
            "masks as released: they are renumbered at reading."
        )
    unexplained = [name for name in absent if name not in held_back]
    if unexplained and not faults:
        shown = ", ".join(unexplained[:10]) + (", …" if len(unexplained) > 10 else "")
        hint = ""
        if absent_ids.tolist() == [0]:
            hint = " If the ids count from 1 instead of 0, subtract one."
        elif absent_ids.tolist() == [len(source.names) - 1]:
            hint = " It is the last one: see that one was not subtracted from the ids once too often."
        warnings.append(
            f"{len(unexplained)} of {len(source.names)} classes never occur in {counts.total} masks: {shown}. They are "
            f"not learned from these and have no score on them.{hint}"
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
