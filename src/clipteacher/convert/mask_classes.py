"""Which class each value of a set of masks is, from the values and from names or a table of colours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

from clipteacher.convert.class_files import NameList
from clipteacher.convert.colour_files import ColourTable, colour_text
from clipteacher.convert.id_names import FoundIds, is_rest, names_in_order, names_of_file, ranges, refuse
from clipteacher.convert.mask_files import IGNORED_VALUES, FoundValues
from clipteacher.convert.names import BACKGROUND, name_classes, split_ignored
from clipteacher.data.files import DataError
from clipteacher.protocols.splits import IGNORE
from clipteacher.utils.lists import shortened

Coding = Literal["ids", "colours", "binary"]
"""How masks hold their labels: as ids, as colours, or as one object and the rest."""

_MANY: Final = 20  # more values than a set without names has
_TABLE: Final = "a table of the colours, with lines such as road,128,64,128"


class Hints(NamedTuple):
    """What is known of masks besides their values.

    Attributes:
        where: The masks' folder, for messages.
        table: Their table of colours.
        listed: Their file of class names.
        classes: Names that the user gave, in the order of the ids; empty if none.
        ignore: Ids and names that the user wants to leave unlabelled.
        coding: How the masks are to be read; None leaves it to their values.
        background_first: Whether 0 is the background even where the file of names does not say so, as in VOC.
    """

    where: Path
    table: ColourTable | None = None
    listed: NameList | None = None
    classes: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    coding: Coding | None = None
    background_first: bool = False

    @property
    def ignored_ids(self) -> frozenset[int]:
        """The ids among `ignore`."""
        return frozenset(int(text) for text in self.ignore if text.isdecimal())


class MaskCode(NamedTuple):
    """What each stored value means.

    Attributes:
        coding: How the masks hold their labels.
        classes: The class names, in the order of the ids to write.
        ids: Id to write, 0..N-1 or 255, by stored value: an id, or a colour as one number.
        reason: How this was found out.
        notes: What was left out or merged.
    """

    coding: Coding
    classes: tuple[str, ...]
    ids: Mapping[int, int]
    reason: str
    notes: tuple[str, ...]


def mask_code(found: FoundValues, hints: Hints) -> MaskCode:
    """Find out what the values of masks mean.

    Raises:
        DataError: It cannot be told; the message names the flag to add.
    """
    table = hints.table
    if table is not None and hints.coding in (None, "colours"):
        strange = found.colours - set(table.names)
        # Grey masks that hold other values than the table's colours are masks of ids.
        if hints.coding == "colours" or found.ids is None or not strange:
            return _by_colour(found, table, hints, strange)
    if hints.coding == "colours":
        refuse(f"{hints.where}: no table of colours", _TABLE, "--colours FILE")
    if found.ids is None:
        colours = shortened(map(colour_text, sorted(found.colours)), 6)
        refuse(
            f"{hints.where}: got masks of colours ({colours}) and no table of what they mean", _TABLE, "--colours FILE"
        )
    if found.clash is not None and hints.coding is None:
        index, one, other = found.clash
        what = f"index {index} has one colour in {one} and another in {other}, so it is no id"
        flag = "--colours FILE, or --layout images-masks if the indices are ids all the same"
        refuse(f"{hints.where}: got palettes that differ: {what}", _TABLE, flag)
    known = hints.listed or table
    names = hints.classes or (tuple(dict.fromkeys(known.names.values())) if known else ())
    if hints.coding == "binary" or (hints.coding is None and is_binary(found.ids, len(names))):
        if hints.coding is None and not hints.classes and names and max(found.ids) in IGNORED_VALUES:
            _check_which_is_labelled(names, hints.where, known.file if known else None)
        return _binary(found.ids, names, hints)
    return _by_id(found.ids, found.looked_at, hints)


def is_binary(ids: frozenset[int], names: int) -> bool:
    """Return whether values are those of one object and the rest, where this many names are known."""
    if len(ids) != 2 or 0 not in ids:
        return False
    return names <= 2 if max(ids) in IGNORED_VALUES else names <= 1 and 1 in ids


def _check_which_is_labelled(names: Sequence[str], where: Path, file: Path | None) -> None:
    """Check that a file of names tells masks of one object from masks of ids, in which 255 means not labelled."""
    if len(names) == 1 or not is_rest(names[0]):
        refuse(
            f"{where}: got masks of 0 and 255, and the names {', '.join(names)} in {file}",
            "to know what 255 is",
            f"--layout binary if it is {names[-1]!r}, or --layout images-masks if 0 is {names[0]!r} and 255 is not "
            "labelled",
        )


def _binary(ids: frozenset[int], names: Sequence[str], hints: Hints) -> MaskCode:
    """Read 0 as the rest and the other value as the object."""
    values = sorted(ids - {0}) or [IGNORE]
    if len(values) > 1:
        raise DataError(
            f"{hints.where}: got values {shortened(sorted(ids), 6)}, expected 0 and one more, for one object and the "
            "rest. Threshold the masks, or leave out --layout."
        )
    if not names:
        got = f"{hints.where}: got masks of 0 and {values[0]}, one object and the rest, and no name of the object"
        refuse(got, "a word that the teacher reads", "--classes crack, with the word for yours")
    if len(names) > 2:
        raise DataError(
            f"{hints.where}: got {len(names)} names for masks of 0 and {values[0]}, expected the object's. Name it."
        )
    rest, name = names if len(names) == 2 else (BACKGROUND, names[0])
    reason = f"masks of 0 and {values[0]}: {values[0]} is {name!r}, 0 is {rest!r}"
    return _code("binary", {0: rest, values[0]: name}, hints, reason)


def _by_colour(found: FoundValues, table: ColourTable, hints: Hints, strange: frozenset[int]) -> MaskCode:
    """Read colours by their table."""
    if strange:
        got = shortened(map(colour_text, sorted(strange)), 6)
        raise DataError(
            f"{hints.where}: got the colours {got} in {found.looked_at} masks, expected those of {table.file}. Add "
            "their lines; name void what means not labelled. Many colours come from smoothing, as when masks are "
            "resized: export them again."
        )
    if hints.ignored_ids:
        raise DataError(
            f"ignore: got {min(hints.ignored_ids)} for masks of colours, expected names of {table.file}. Name them."
        )
    return _code("colours", table.names, hints, f"colours of {table.file.name}", hints.classes or None)


def _by_id(ids: frozenset[int], looked_at: int, hints: Hints) -> MaskCode:
    """Read values as ids."""
    ignored = hints.ignored_ids
    values = sorted(ids - IGNORED_VALUES - ignored)
    shown = f"ids {ranges(values)} in {looked_at} masks" if values else f"no label in {looked_at} masks"
    found = FoundIds(hints.where, values, shown, ignored)
    if len(values) > _MANY and ids & IGNORED_VALUES and len(hints.classes) <= 2 and hints.listed is None:
        raise DataError(
            f"{hints.where}: got {len(values) + 1} values in 0..{max(ids)}, expected ids, or two of one object. "
            "Such values come from smooth edges: save the masks without, or set what is above 127 to 255 and the rest "
            "to 0."
        )
    if hints.classes:
        by_id, source = names_in_order(found, hints.classes), "--classes"
    elif hints.listed is not None:
        by_id = names_of_file(found, hints.listed, background_first=hints.background_first)
        source = hints.listed.file.name
    elif hints.table is not None:
        names = tuple(dict.fromkeys(hints.table.names.values()))
        by_id, source = names_in_order(found, names, f" in {hints.table.file}"), hints.table.file.name
    else:
        refuse(
            f"{hints.where}: found {shown}, no file of class names",
            "the names",
            '--classes "road, sky, …" in the order of the ids',
        )
    return _code("ids", by_id, hints, f"{shown}, named by {source}")


def _code(
    coding: Coding, names: Mapping[int, str], hints: Hints, reason: str, wanted: Sequence[str] | None = None
) -> MaskCode:
    """Turn names by stored value into classes, without what is ignored."""
    ignored = hints.ignored_ids
    kept = {value: name for value, name in names.items() if value not in ignored}
    void, note = split_ignored(list(kept.values()), [name for name in hints.ignore if not name.isdecimal()])
    labels = Counter(name for name in kept.values() if name not in void)
    named = name_classes(labels, wanted, drop_hint='leave their pixels unlabelled with --ignore "name, name"')
    ids = {value: IGNORE if name in void else named.ids[name] for value, name in kept.items()}
    if coding != "colours":
        ids = dict.fromkeys((*IGNORED_VALUES, *ignored), IGNORE) | ids
    notes = [f"not labelled (255): {', '.join(map(str, sorted(ignored)))}"] if ignored else []
    notes += [note] if note else []
    return MaskCode(coding, named.names, ids, reason, (*notes, *named.notes))
