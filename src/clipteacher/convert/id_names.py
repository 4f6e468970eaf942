"""Names of ids, from a list of names in their order: where the list starts, and whether it fits the ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from clipteacher.convert.class_files import NameList
from clipteacher.convert.names import BACKGROUND, VOID_NAMES
from clipteacher.data.files import DataError
from clipteacher.protocols.words import folded
from clipteacher.utils.lists import shortened


class FoundIds(NamedTuple):
    """The ids of a set of masks, less those that mean "not labelled"; `shown` describes them for messages."""

    where: Path
    ids: Sequence[int]
    shown: str
    ignored: frozenset[int]


def names_of_file(found: FoundIds, listed: NameList, *, background_first: bool) -> Mapping[int, str]:
    """Return names by id from a file.

    Args:
        found: The ids.
        listed: The file's names.
        background_first: Whether 0 is the background even where the file does not say so, as in VOC.

    Raises:
        DataError: An id has no name, or it cannot be told which id the first name has.
    """
    if listed.numbered:
        strange = [value for value in found.ids if value not in listed.names]
        if strange:
            refuse(
                f"{found.where}: found {found.shown}, but {listed.file} has no name for {shortened(strange, 6)}",
                "a line for it",
                f"that line, or --ignore {strange[0]} to leave its pixels unlabelled",
            )
        return listed.names
    names = tuple(listed.names.values())
    top = max(found.ids, default=0)
    if background_first and 0 not in found.ignored and not is_rest(names[0]):
        if top == len(names):
            return dict(enumerate((BACKGROUND, *names)))
        if top < len(names) - 1:
            refuse(
                f"{found.where}: found {found.shown}, and {len(names)} names in {listed.file}, none for the background",
                "all names in the order of the ids",
                f'--classes "{names[0]}, …" if it is 0, or --classes "background, {names[0]}, …"',
            )
    return names_in_order(found, names, f" in {listed.file}")


def names_in_order(found: FoundIds, names: Sequence[str], source: str = "") -> Mapping[int, str]:
    """Return names by id: from 0, or from 1 if 0 is ignored or does not occur and the last id needs it.

    Args:
        found: The ids.
        names: Their names, in order.
        source: Where these come from, for messages.

    Raises:
        DataError: There are too few names.
    """
    count, top = len(names), max(found.ids, default=0)
    from_one = dict(enumerate(names, start=1))
    if 0 in found.ignored and not is_rest(names[0]) and top <= count:
        return from_one
    if top < count:
        return dict(enumerate(names))
    got = f"{found.where}: found {found.shown}, but {count} names{source}"
    if top > count:
        refuse(
            got, "one for each id from 0", f'--classes "{names[0]}, …" with all, or --ignore {top} if it is no class'
        )
    if 0 in found.ids:
        refuse(
            got,
            "one more, since the ids start at 0",
            f'--classes "background, {names[0]}, …" if 0 is the background, or --ignore 0 if it means not labelled',
        )
    return from_one


def refuse(got: str, expected: str, flag: str) -> NoReturn:
    """Raise DataError for what cannot be told without a flag."""
    raise DataError(f"{got}, expected {expected}. Add {flag}.")


def ranges(values: Sequence[int]) -> str:
    """Write ascending numbers with their runs.

    Example:
        >>> ranges([0, 1, 2, 7])
        '0..2, 7'
    """
    runs: list[list[int]] = []
    for value in values:
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    return shortened((str(run[0]) if len(run) == 1 else f"{run[0]}..{run[-1]}" for run in runs), 8)


def is_rest(name: str) -> bool:
    """Return whether a name is that of the background or of unlabelled pixels."""
    return folded(name) == BACKGROUND or folded(name) in VOID_NAMES
