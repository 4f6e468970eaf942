"""Files of class names, as tools and people write them beside masks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from clipteacher.convert.colour_files import is_colour_table
from clipteacher.convert.labelme import IGNORED_LABEL
from clipteacher.convert.text_files import plain_name, read_text, the_only_one
from clipteacher.data.files import DataError

NAME_FILES: Final = (
    *("classes.txt", "labels.txt", "class_names.txt", "label_names.txt", "labelmap.txt", "label_map.txt", "codes.txt"),
    *("classes.names", "_classes.csv", "classes.csv", "labels.csv"),
)
"""Files that hold class names, in the order in which they are looked for."""

_NUMBER_FIRST: Final = re.compile(r"(?P<number>\d+)\s*[,;:\t ]\s*(?P<name>.+)")
_NUMBER_LAST: Final = re.compile(r"(?P<name>.+?)\s*[,;:\t]\s*(?P<number>\d+)")


class NameList(NamedTuple):
    """Class names by id, and whether the file says the ids itself; otherwise they follow its lines, from 0."""

    file: Path
    names: Mapping[int, str]
    numbered: bool


def find_names(folders: Iterable[Path]) -> NameList | None:
    """Read the first file of class names in each of these folders.

    Raises:
        DataError: A file cannot be read, or two have different names.
    """
    found = []
    for folder in folders:
        present = (folder / name for name in NAME_FILES if (folder / name).is_file())
        if file := next((file for file in present if not is_colour_table(file)), None):
            found.append(read_names(file))
    return the_only_one(found, "class names", "Give them with --classes, in the order of the ids")


def read_names(file: Path) -> NameList:
    """Read class names, one a line; with their ids where every line has one, as in `0 road` or `road,0`.

    Labelme's `_background_` is background, and its `__ignore__` in the first line, which has no id, is passed over.

    Raises:
        DataError: The file cannot be read, is empty, has a blank line, or has an id or a name twice.
    """
    lines = [line.strip() for line in read_text(file).rstrip().splitlines()]
    if lines and lines[0] == IGNORED_LABEL:
        del lines[0]
    blank = [number for number, line in enumerate(lines, start=1) if not line]
    if not lines or blank:
        what = f"line {blank[0]} is blank" if blank else "got no name"
        raise DataError(f"{file}: {what}, expected one class name a line, in the order of the ids. Correct it.")
    for pattern in (_NUMBER_FIRST, _NUMBER_LAST):
        # The first line may be a header, such as Roboflow's "Pixel Value, Class".
        header = not pattern.fullmatch(lines[0]) and any(mark in lines[0] for mark in ",;\t")
        body = lines[1:] if header else lines
        matches = [match for line in body if (match := pattern.fullmatch(line))]
        if body and len(matches) == len(body):
            return _checked(file, [(int(match["number"]), plain_name(match["name"])) for match in matches], True)
    return _checked(file, list(enumerate(map(plain_name, lines))), False)


def _checked(file: Path, pairs: Sequence[tuple[int, str]], numbered: bool) -> NameList:
    """Check that no id and no name is given twice."""
    for part, what in ((0, "id"), (1, "name")):
        values = [pair[part] for pair in pairs]
        twice = [value for value in dict.fromkeys(values) if values.count(value) > 1]
        if twice:
            raise DataError(f"{file}: got the {what} {twice[0]!r} twice, expected it once. Correct the file.")
    return NameList(file, dict(sorted(pairs)), numbered)
