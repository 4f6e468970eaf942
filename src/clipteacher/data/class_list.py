"""`classes.txt`: one class name a line, in the order of the ids; and the forms of other tools that it is not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from clipteacher.data.files import DataError
from clipteacher.protocols.splits import IGNORE, composed
from clipteacher.protocols.wanted import folded

_FIX: Final = "Write one name a line and nothing else; a name's line decides its id, the first is 0."
_NUMBERED: Final = re.compile(r"(\d+)\s*[\s:;,.=)|-]\s*\S")
_HEADER: Final = re.compile(r"(id|index|idx|class_?id|label_?id|value|pixel_?value)\s*[,;:\t |]\s*\w+.*", re.IGNORECASE)
_CVAT: Final = re.compile(r"[^:]+:\d+,\d+,\d+:[^:]*:[^:]*")


def read_class_names(root: str | Path) -> tuple[str, ...]:
    """Read `classes.txt` of a data set's folder: one name per line, in the order of the ids 0, 1, … in the masks.

    Names are returned in Unicode's composed form (NFC), in which they are compared.

    Raises:
        DataError: The file is missing, not UTF-8 or empty, has a blank line between names, a name twice, two that
            differ by case or spaces alone, or more than 255 names.
    """
    path = Path(root) / "classes.txt"
    if not path.is_file():
        raise DataError(f"{path}: no such file, expected the class names, one per line. Write it, or correct the root.")
    try:
        # utf-8-sig: Notepad puts a byte order mark before the first name.
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 ({error}), expected plain text. Save it as UTF-8.") from error
    # Further marks come from files that were joined.
    names = [composed(line.strip()) for line in text.replace("\ufeff", "").rstrip().splitlines()]
    if not names:
        raise DataError(f"{path}: got no name, expected one class name per line, in the order of the mask ids.")
    if len(names) > IGNORE:
        raise DataError(f"{path}: got {len(names)} names, expected at most {IGNORE}, since id 255 means ignore.")
    lines: dict[str, int] = {}
    for number, name in enumerate(names, start=1):
        if not name:
            raise DataError(f"{path}: line {number} is blank, so id {number - 1} has no name. Name it, or remove it.")
        if folded(name) in lines:
            first = lines[folded(name)]
            if names[first - 1] == name:
                raise DataError(f"{path}: {name!r} is on lines {first} and {number}, expected once. Rename one.")
            raise DataError(
                f"{path}: got {names[first - 1]!r} on line {first} and {name!r} on line {number}, which differ by case "
                "or spaces alone, expected different words. Rename one, or give both one id in the masks."
            )
        lines[folded(name)] = number
    return tuple(names)


def class_list_faults(names: Sequence[str]) -> tuple[str, ...]:
    """Say what shows that a list of names is in the form of another tool: lines that no one means as names.

    Example:
        >>> class_list_faults(["0 sky", "1 cat"])[0][:60]
        "classes.txt: got '0 sky' on line 1, which begins with a numb"
        >>> class_list_faults(["sky", "4 wheel drive"])
        ()
    """
    first = names[0]
    if _HEADER.fullmatch(first) and len(names) > 1:
        return (
            f"classes.txt: got {first!r} on line 1, a table's header, which would be the class of id 0. {_FIX} Take "
            "the header out, and all columns but that of the names.",
        )
    if any(name.startswith("#") for name in names):
        comment = next(name for name in names if name.startswith("#"))
        return (f"classes.txt: got {comment!r}, which would be a class, for there are no comments here. {_FIX}",)
    if all(_CVAT.fullmatch(name) for name in names):
        return (f"classes.txt: got {first!r}, a line of CVAT's labelmap.txt (name:colour:parts:actions). {_FIX}",)
    numbers = [int(match[1]) for name in names if (match := _NUMBERED.match(name))]
    if len(names) > 1 and any(numbers == list(range(start, start + len(names))) for start in (0, 1)):
        shifted = f" They count from {numbers[0]}: check whether the masks do too; here ids count from 0."
        return (
            f"classes.txt: got {first!r} on line 1, which begins with a number, as all lines do, expected names alone. "
            f"{_FIX}{shifted if numbers[0] else ''}",
        )
    return ()


def class_list_warnings(names: Sequence[str]) -> tuple[str, ...]:
    """Say what names have that they need not: quotes, a comma at the end, a list's dash, all names in one line.

    Example:
        >>> class_list_warnings(["sky,", "cat,"])
        ("classes.txt: got a comma at the end of 2 names, such as 'sky,', which is part of the word. Take it out.",)
        >>> class_list_warnings(["building, edifice", "sky"])
        ()
    """
    bare = [name.rstrip(",;") for name in names]
    forms = {
        "a comma at the end of": [name for name in names if name[-1] in ",;"],
        "quotes around": [name for name in bare if len(name) > 1 and name[0] == name[-1] and name[0] in "\"'"],
        "a dash before": [name for name in names if name.startswith(("- ", "* "))],
        "brackets around": [name for name in bare if name[:1] in ("[", "{") and name[-1:] in ("]", "}")],
    }
    found = [
        f"classes.txt: got {form} {len(some)} name{'' if len(some) == 1 else 's'}, such as {some[0]!r}, which is part "
        "of the word. Take it out."
        for form, some in forms.items()
        if some
    ]
    if len(names) == 1 and "," in bare[0]:
        found.append(f"classes.txt: got one line, {names[0]!r}: it is one name, commas and all. {_FIX}")
    return tuple(found)
