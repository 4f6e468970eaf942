"""Tables of colours, as tools and people write them beside masks whose labels are colours."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from clipteacher.convert.text_files import plain_name, read_text, the_only_one
from clipteacher.data.files import DataError

_FEW: Final = 20  # text files of a folder that may be a table; annotation files of another tool are more
_MAX_BYTES: Final = 1_000_000  # no list of 255 classes is as long
_MAX_LINE: Final = 1_000

_NUMBERS: Final = r"[\[(]?(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})[\])]?"
_CVAT: Final = re.compile(r"(?P<name>[^:]+):(\d{1,3}),(\d{1,3}),(\d{1,3}):[^:]*:[^:]*")
_NAME_FIRST: Final = re.compile(rf"(?P<name>.*[^\s,;:=])[\s:=]+{_NUMBERS}")
_NAME_LAST: Final = re.compile(rf"{_NUMBERS}[\s:=]+(?P<name>[^\s,;:=].*)")
_HEX_LAST: Final = re.compile(r"(?P<name>.+?)[\s,;:=]+(?:#|0x)(?P<hex>[0-9a-fA-F]{6})")
_HEX_FIRST: Final = re.compile(r"(?:#|0x)(?P<hex>[0-9a-fA-F]{6})[\s,;:=]+(?P<name>.+)")

_NAME_COLUMNS: Final = ("name", "class", "label", "class_name", "classname", "category")
_COLUMNS: Final = (("r", "red"), ("g", "green"), ("b", "blue"))


class ColourTable(NamedTuple):
    """Class names by colour, red * 65536 + green * 256 + blue, and whether the file has CVAT's form."""

    file: Path
    names: Mapping[int, str]
    cvat: bool


def find_colours(folders: Iterable[Path]) -> ColourTable | None:
    """Read the table of colours that lies in one of these folders, whatever its name.

    Raises:
        DataError: There are several different ones.
    """
    found = []
    for folder in folders:
        texts = [file for file in sorted(folder.iterdir()) if file.suffix.lower() in (".txt", ".csv")]
        for file in texts if len(texts) <= _FEW else ():
            if not file.name.startswith(".") and is_colour_table(file):
                found.append(read_colour_table(file))
    return the_only_one(found, "colours", "Name the right one with --colours")


def is_colour_table(file: Path) -> bool:
    """Return whether every line of a file is a class and its colour, and there are two or more."""
    if not file.is_file() or file.stat().st_size > _MAX_BYTES:
        return False
    try:
        return len(read_colour_table(file).names) > 1
    except DataError:
        return False


def read_colour_table(file: str | Path) -> ColourTable:
    """Read a table of colours: a class a line, with its colour as three numbers 0..255 or as #rrggbb.

    `road,128,64,128`, `road 128 64 128`, `128 64 128 road`, `road:128,64,128::` and `road #804080` are all read, and so
    are CSV files whose header names the columns. Several colours may have one name.

    Raises:
        DataError: The file is missing or has no colour, a line cannot be read, or one colour has two names.
    """
    file = Path(file)
    if not file.is_file():
        raise DataError(f"{file}: no such file, expected a table of colours. Correct --colours.")
    names: dict[int, str] = {}
    columns: tuple[int, ...] | None = None  # empty if the header does not tell them
    cvat = True
    for number, line in enumerate(map(str.strip, read_text(file).splitlines()), start=1):
        if not line:
            continue
        read = _colour(line, columns) if len(line) <= _MAX_LINE else None
        if read is None and line.startswith("#"):
            continue
        if read is None and not names and columns is None and not any(character.isdigit() for character in line):
            columns = _header(line)
            continue
        if read is None:
            raise DataError(
                f"{file}: line {number} is {line[:80]!r}, expected a class and its colour, such as road,128,64,128 or "
                "road #804080. Correct it."
            )
        colour, name = read
        cvat = cvat and bool(_CVAT.fullmatch(line))
        if names.setdefault(colour, name) != name:
            raise DataError(
                f"{file}: got {names[colour]!r} and {name!r} for the colour {colour_text(colour)}, expected one name. "
                "Correct it."
            )
    if not names:
        raise DataError(f"{file}: got no colour, expected lines such as road,128,64,128. Correct --colours.")
    return ColourTable(file, names, cvat)


def colour_text(colour: int) -> str:
    """Write a colour as red, green and blue.

    Example:
        >>> colour_text(0x804080)
        '128,64,128'
    """
    return f"{colour >> 16},{colour >> 8 & 255},{colour & 255}"


def _header(line: str) -> tuple[int, ...]:
    """Return the columns of name, red, green and blue that a CSV file's header tells; none if it does not."""
    fields = [field.lower() for field in _fields(line)]
    found = [
        next((fields.index(word) for word in words if word in fields), None) for words in (_NAME_COLUMNS, *_COLUMNS)
    ]
    columns = tuple(column for column in found if column is not None)
    return columns if len(columns) == len(found) else ()


def _fields(line: str) -> list[str]:
    """Split a line at tabs, semicolons or commas, whichever it has."""
    delimiter = next((mark for mark in ("\t", ";", ",") if mark in line), None)
    fields = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True)) if delimiter else [line]
    return [field.strip() for field in fields if field.strip()]


def _colour(line: str, columns: tuple[int, ...] | None) -> tuple[int, str] | None:
    """Read a colour and its name; None if the line has another form."""
    for pattern in (_HEX_LAST, _HEX_FIRST):
        if match := pattern.fullmatch(line):
            return int(match["hex"], 16), plain_name(match["name"].rstrip(",;:"))
    fields = _fields(line)
    if columns:
        if len(fields) <= max(columns):
            return None
        name, *numbers = (fields[column] for column in columns)
        return _packed(numbers, name)
    if len(fields) == 1:
        fields = line.split()
        if len(fields) >= 4:
            first, last = _packed(fields[:3], " ".join(fields[3:])), _packed(fields[-3:], " ".join(fields[:-3]))
            return last or first
    if len(fields) == 2:
        one, other = fields
        numbers_of = [re.split(r"[\s,]+", field.strip("()[] ")) for field in fields]
        if found := _packed(numbers_of[1], one) or _packed(numbers_of[0], other):
            return found
    if len(fields) == 4 and (found := _packed(fields[1:], fields[0]) or _packed(fields[:3], fields[3])):
        return found
    for pattern in (_CVAT, _NAME_FIRST, _NAME_LAST):
        if match := pattern.fullmatch(line):
            groups = list(match.groups())
            name = groups.pop(pattern.groupindex["name"] - 1)
            return _packed(groups, name)
    return None


def _packed(numbers: Sequence[str], name: str) -> tuple[int, str] | None:
    """Return a colour as one number, and its name; None if these are no three numbers 0..255 or no name."""
    if len(numbers) != 3 or not all(number.isdecimal() and int(number) <= 255 for number in numbers):
        return None
    red, green, blue = map(int, numbers)
    return (red << 16 | green << 8 | blue, plain_name(name)) if plain_name(name) else None
