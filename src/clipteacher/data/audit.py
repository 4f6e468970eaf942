"""The label audit finds mistakes that ruin every score without an error, by which ids occur and which never do.

It does not find what a histogram cannot show, such as two classes that are swapped.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from clipteacher.data.files import DataError
from clipteacher.data.fingerprints import RAW_COCO_FIX, last_class_eaten, looks_like_raw_coco, stray_values
from clipteacher.data.source import UNKNOWN, Source
from clipteacher.data.value_counts import ValueCounts
from clipteacher.protocols.coco_stuff import COCO_STUFF_MISSING_RAW_IDS


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
    faults, warnings = [], []
    if len(strays):
        faults.append(stray_values(source, counts, strays))
    elif len(absent) == len(source.names):
        faults.append(
            "No pixel has a class: all are ignored. Check that these are the masks, and that they hold class ids."
        )
    elif looks_like_raw_coco(source, absent_ids):
        faults.append(f"Exactly the ids {', '.join(map(str, COCO_STUFF_MISSING_RAW_IDS))} never occur. {RAW_COCO_FIX}")
    elif last_class_eaten(source, counts, absent_ids) and absent[0] not in held_back:
        faults.append(
            f"The last class, {absent[0]!r}, never occurs, all others do, and some pixels are ignored: one was "
            "subtracted from the ids once too often (zero reduction done twice, or done to masks without background), "
            "so every class has its neighbour's name and class 0 is lost. Undo the subtraction, or use the masks as "
            "released: they are renumbered as they are read."
        )
    unexplained = [name for name in absent if name not in held_back]
    if unexplained and not faults:
        shown = ", ".join(unexplained[:10]) + (", …" if len(unexplained) > 10 else "")
        hint = ""
        if absent_ids.tolist() == [0]:
            hint = " If the ids count from 1 instead of 0, subtract one."
        elif absent_ids.tolist() == [len(source.names) - 1]:
            hint = " It is the last one: check that one was not subtracted from the ids once too often."
        warnings.append(
            f"{len(unexplained)} of {len(source.names)} classes never occur in {counts.total} masks: {shown}. They are "
            f"not learned from these and have no score on them.{hint}"
        )
    return LabelAudit(tuple(faults), tuple(warnings), absent, bool(len(strays)))


def check_audit(audit: LabelAudit, where: str) -> None:
    """Raise an error for a source with faults.

    Args:
        audit: What was found.
        where: What was audited, for the message, such as "train".

    Raises:
        DataError: There are faults.
    """
    if not audit.faults:
        return
    go_on = "" if audit.unusable else " If this is intended, continue with --data.audit false."
    raise DataError(f"label audit of {where}: " + "\n".join(audit.faults) + go_on)
