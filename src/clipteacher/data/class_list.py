"""`classes.txt` and files of words: one a line; and the forms of other tools that they are not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from clipteacher.data.files import DataError
from clipteacher.protocols.splits import IGNORE
from clipteacher.protocols.words import folded, named_file, read_words, tidy, word_fault
from clipteacher.utils.printable import printable

_FIX: Final = "Write one name a line and nothing else; a name's line decides its id, the first is 0."
_NUMBERED: Final = re.compile(r"(\d+)\s*[\s:;,.=)|-]\s*\S")
_HEADER: Final = re.compile(r"(id|index|idx|class_?id|label_?id|value|pixel_?value)\s*[,;:\t |]\s*\w+.*", re.IGNORECASE)
_SHOWN: Final = 40  # letters of a name that a message repeats
_CVAT: Final = re.compile(r"[^:]+:\d+,\d+,\d+:[^:]*:[^:]*")


def read_class_names(root: str | Path) -> tuple[str, ...]:
    """Read `classes.txt` of a data set's folder: one name per line, in the order of the ids 0, 1, … in the masks.

    Names are returned as `clipteacher.protocols.words.tidy` writes them, in which form they are compared.

    Raises:
        DataError: The file is missing, not UTF-8 or empty, has a blank line between names, a name twice, two that
            differ by case or spaces alone, what is no word, or more than 255 names.
    """
    path = Path(root) / "classes.txt"
    if not path.is_file():
        raise DataError(f"{path}: no such file, expected the class names, one per line. Write it, or correct the root.")
    names = _lines(path)
    if len(names) > IGNORE:
        raise DataError(f"{path}: got {len(names)} names, expected at most {IGNORE}, since id 255 means ignore.")
    return names


def listed_words(given: str | Iterable[str], field: str) -> tuple[str, ...]:
    """Read a list of words as `clipteacher.protocols.words.read_words` does, or from the file that a text names.

    Args:
        given: Words, a text, or the name of a file that ends in .txt and holds one word a line, as `classes.txt` does:
            commas are parts of a word there, but for one at its end.
        field: What the words are for, which an error begins with.

    Raises:
        DataError: The file is missing, or as for `read_class_names`; or it is a list of another form.
        TypeError, ValueError: As `read_words`.
    """
    if not (isinstance(given, str) and named_file(given)):
        return read_words(given, field)
    path = Path(given.strip())
    if not path.is_file():
        if any(sign in given for sign in ",;\n"):  # words, and among them the name of a file
            return read_words(given, field)
        raise DataError(
            f"{field}: got {given.strip()!r}, expected a file of that name, one word a line. Write it, correct the "
            "name, or put quotes around it if it is a word."
        )
    words = tuple(tidy(line.rstrip(",; ")) for line in _lines(path))
    if faults := class_list_faults(words) or class_list_warnings(words):
        raise DataError(f"{field}: {faults[0].replace('classes.txt', str(path), 1)}")
    return read_words(words, field)


def words_of_file(given: object, words: Sequence[str], field: str) -> str:
    """Say that words come from a file; nothing where they do not.

    Args:
        given: What `listed_words` was given.
        words: What it returned.
        field: What the words are for.

    Example:
        >>> words_of_file("words.txt", ["sky", "sea"], "classes"), words_of_file("sky, sea", ["sky", "sea"], "classes")
        ('classes: 2 words of words.txt, one a line', '')
    """
    if not (isinstance(given, str) and named_file(given)):
        return ""
    return f"{field}: {len(words)} word{'' if len(words) == 1 else 's'} of {printable(given.strip())}, one a line"


def _lines(path: Path) -> tuple[str, ...]:
    """Read the names of a file, one a line, each once."""
    try:
        # utf-8-sig: Notepad puts a byte order mark before the first name.
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 ({error}), expected plain text. Save it as UTF-8.") from error
    # Further marks come from files that were joined.
    lines = [line.strip() for line in text.replace("\ufeff", "").rstrip().splitlines()]
    if not lines:
        raise DataError(f"{path}: got no name, expected one class name per line, in the order of the mask ids.")
    names = [tidy(line) for line in lines]
    numbers: dict[str, int] = {}
    for number, (line, name) in enumerate(zip(lines, names, strict=True), start=1):
        if not name:
            raise DataError(f"{path}: line {number} is blank, so id {number - 1} has no name. Name it, or remove it.")
        if fault := word_fault(line.replace("\t", " ")):
            raise DataError(f"{path}: got {line[:_SHOWN]!r} on line {number} {fault}")
        if folded(name) in numbers:
            first = numbers[folded(name)]
            if names[first - 1] == name:
                raise DataError(f"{path}: {name!r} is on lines {first} and {number}, expected once. Rename one.")
            raise DataError(
                f"{path}: got {names[first - 1]!r} on line {first} and {name!r} on line {number}, which differ by case "
                "or spaces alone, expected different words. Rename one, or give both one id in the masks."
            )
        numbers[folded(name)] = number
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
