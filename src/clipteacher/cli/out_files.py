"""Files that an option names for what a command finds: nothing but an earlier result is ever written over."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import Any

from clipteacher.utils.printable import printable


def check_json(option: str, path: Path | None, entries: Collection[str]) -> None:
    """Check the path of a JSON file before the work begins.

    Args:
        option: What the path was given as, for messages.
        path: The file to write; None for none.
        entries: Names of entries by which an earlier result of the command is known.

    Raises:
        ValueError: It is a folder, a file is in place of one of its folders, or it is a file of something else.
    """
    if path is not None:
        check_free(option, path, partial(_has_entries, entries=entries))


def check_free(option: str, path: Path, is_own: Callable[[Path], bool]) -> None:
    """Check that a file may be written: nothing is there, or an earlier result.

    Args:
        option: What the path was given as, for messages.
        path: The file to write.
        is_own: Says of a file that is there whether it is such a result.

    Raises:
        ValueError: It is a folder, a file is in place of one of its folders, or it is a file of something else.
    """
    check_place(option, path)
    if path.is_symlink() or (path.exists() and not (path.is_file() and is_own(path))):
        raise ValueError(
            f"{option}: {printable(path)} would be written over, expected nothing there, or an earlier result. Name "
            f"another --{option}, or remove what is there."
        )


def check_place(option: str, path: Path) -> None:
    """Check that a file of that name can be there.

    Args:
        option: What the path was given as, for messages.
        path: The file to write.

    Raises:
        ValueError: It is a folder, or a file is in place of one of its folders.
    """
    shown = printable(path)
    if path.is_dir():
        raise ValueError(f"{option}: got {shown}, a folder; expected a file. Name one in it.")
    file = next((each for each in path.parents if each.exists() and not each.is_dir()), None)
    if file is not None:
        raise ValueError(f"{option}: got {shown}, but {printable(file)} is a file. Name another --{option}.")


def is_area_table(path: Path) -> bool:
    """Whether a file is a table of areas, .csv or .json, that `clipteacher segment` wrote; or an empty one."""
    try:
        if path.suffix.lower() == ".json":
            rows = _json(path)
            return isinstance(rows, dict) and all(_is_row(row) for row in rows.values())
        with path.open(encoding="utf-8", newline="") as file:
            head = next(csv.reader(file), [])
    except (OSError, ValueError, csv.Error):
        return False
    return not head or (head[0], head[-1]) == ("photo", "none of these")


def _is_row(row: object) -> bool:
    return isinstance(row, dict) and set(row) == {"areas", "none"}


def _has_entries(path: Path, entries: Collection[str]) -> bool:
    content = _json(path)
    return isinstance(content, dict) and set(entries) <= set(content)


def _json(path: Path) -> Any:  # noqa: ANN401 (whatever it holds)
    """Read a JSON file; None where it is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
