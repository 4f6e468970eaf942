"""What the readers of small text files beside masks share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from clipteacher.convert.labelme import BACKGROUND_LABEL
from clipteacher.data.files import DataError
from clipteacher.utils.lists import shortened

_Table = TypeVar("_Table", bound=Any)


def plain_name(name: str) -> str:
    """Return a name without quotes and outer spaces, and Labelme's background as a word."""
    name = name.strip().strip("\"'").strip()
    return "background" if name == BACKGROUND_LABEL else name


def read_text(file: Path) -> str:
    """Read a text file; raises DataError if it is not UTF-8."""
    try:
        # utf-8-sig: Notepad puts a byte order mark before the first name.
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: not UTF-8 ({error}), expected plain text. Save it as UTF-8.") from error


def the_only_one(found: Sequence[_Table], what: str, fix: str) -> _Table | None:
    """Return one of several tables that say the same; None if there is none.

    Raises:
        DataError: They differ.
    """
    other = next((each for each in found if dict(each.names) != dict(found[0].names)), None)
    if other is not None:
        first, second = (shortened(each.names.values()) for each in (found[0], other))
        raise DataError(
            f"{found[0].file}: got {what} {first}, and in {other.file} {second}, expected one file of them. {fix}."
        )
    return found[0] if found else None
