"""Class names and ids from labels as people type them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

from clipteacher.data.files import DataError
from clipteacher.protocols.splits import IGNORE, suggestion
from clipteacher.protocols.words import folded

VOID_NAMES: Final = frozenset(
    {"void", "ignore", "ignored", "__ignore__", "unlabelled", "unlabeled", "not labelled", "not labeled", "unannotated"}
)
"""Labels that say that a pixel has no label."""

BACKGROUND: Final = "background"
"""The class of the rest, in masks that have one."""


class NamedClasses(NamedTuple):
    """Class names in the order of the ids, class id or `IGNORE` by label, and notes of what was merged or left out."""

    names: tuple[str, ...]
    ids: Mapping[str, int]
    notes: tuple[str, ...]


def split_ignored(labels: Collection[str], ignore: Sequence[str]) -> tuple[frozenset[str], str | None]:
    """Find the labels whose pixels are not labelled: those named, and those that say so themselves, such as `void`.

    Args:
        labels: All labels.
        ignore: Labels that are to be ignored.

    Returns:
        The labels to be ignored, and a note that names them, None if there is none.

    Raises:
        DataError: A label to be ignored is not there.
    """
    known = {folded(label) for label in labels}
    asked = {folded(label): label for label in ignore}
    if unknown := [label for key, label in asked.items() if key not in known]:
        raise DataError(f"ignore: got {unknown[0]!r}, expected one of the labels. {suggestion(unknown[0], [*labels])}")
    ignored = frozenset(label for label in labels if folded(label) in VOID_NAMES or folded(label) in asked)
    shown = ", ".join(map(repr, sorted(ignored)))
    return ignored, f"not labelled (255): {shown}" if ignored else None


def name_classes(
    labels: Counter[str],
    wanted: Sequence[str] | None = None,
    *,
    drop_others: bool = False,
    drop_hint: str = "ignore their pixels with --drop_others",
) -> NamedClasses:
    """Give ids to labels; those that differ only in case and spaces are one class, with the most frequent spelling.

    Args:
        labels: Number of shapes of each label, in the order of the ids.
        wanted: The class names, in the order of their ids; None takes all labels in their order.
        drop_others: Whether shapes of all other labels are ignored.
        drop_hint: How the user ignores them, for the message.

    Raises:
        DataError: There is no class, there are more than 255, a label is blank, a wanted name is blank or given twice,
            or a label is not among those wanted and `drop_others` is not set.

    Example:
        >>> found = name_classes(Counter({"Cat": 1, "dog": 2, "cat": 3}))
        >>> found.names, found.ids["Cat"]
        (('cat', 'dog'), 0)
    """
    groups: dict[str, list[str]] = {}
    for label in labels:
        if not label.strip():
            raise DataError(
                f"label: got {label!r} on {labels[label]} shapes, expected a class name. Label them, or delete them."
            )
        groups.setdefault(folded(label), []).append(label)
    spelled = {key: " ".join(max(group, key=lambda label: labels[label]).split()) for key, group in groups.items()}
    notes = [
        f"{', '.join(map(repr, group))} are one class, {spelled[key]!r}"
        for key, group in groups.items()
        if len(group) > 1
    ]
    names = tuple(spelled.values())
    if wanted is not None:
        names = _each_once(wanted)
        known = {folded(name) for name in names}
        others = [key for key in groups if key not in known]
        if others and not drop_others:
            raise DataError(
                f"classes: {', '.join(spelled[key] for key in others)} are labels, but not among the given classes. "
                f"{suggestion(spelled[others[0]], names)} Add them, or {drop_hint}."
            )
        if others:
            notes.append(f"ignored, since they are not among the classes: {', '.join(spelled[key] for key in others)}")
    if not 1 <= len(names) <= IGNORE:
        raise DataError(
            f"classes: got {len(names)}, expected 1..{IGNORE}, since id {IGNORE} means ignore. Name others."
        )
    id_of = {folded(name): index for index, name in enumerate(names)}
    return NamedClasses(names, {label: id_of.get(folded(label), IGNORE) for label in labels}, tuple(notes))


def _each_once(wanted: Sequence[str]) -> tuple[str, ...]:
    """Check that no wanted name is blank or given twice."""
    first: dict[str, str] = {}
    for name in wanted:
        if not name.strip():
            raise DataError(f"classes: got {name!r}, expected a class name. Remove a comma.")
        if other := first.get(folded(name)):
            raise DataError(f"classes: got {other!r} and {name!r}, expected each class once. Remove one.")
        first[folded(name)] = name
    return tuple(wanted)
