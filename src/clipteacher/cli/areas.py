"""Areas of many photos in one table, CSV or JSON."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from clipteacher.utils.atomic_files import write_atomically, write_json

_SUFFIXES = (".csv", ".json")

Areas: TypeAlias = tuple[Mapping[str, float], float]
"""Of one photo: the share of its pixels by name, and of those that are none of the names, 0..1."""


def check_areas_path(path: Path | None, taken: Sequence[Path]) -> None:
    """Check the path that areas are written to; None writes nothing.

    Args:
        path: The file.
        taken: Photos and pictures, none of which may be written over.

    Raises:
        ValueError: The suffix is neither .csv nor .json, it is a folder, or it is one of `taken`.
    """
    if path is None:
        return
    if path.suffix.lower() not in _SUFFIXES or path.is_dir():
        raise ValueError(f"areas: got {str(path)!r}, expected a file .csv or .json. Call it areas.csv.")
    if path.resolve() in {other.resolve() for other in taken}:
        raise ValueError(f"areas: {path} is one of the photos or pictures; name another file")


def write_areas(found: Mapping[Path, Areas], names: Sequence[str], path: Path) -> None:
    """Write each photo's areas, whole or not at all.

    CSV: a line a photo, its path first, then the share of each name, last what is none of them. JSON: for each path
    "areas" by name, and "none".

    Args:
        found: Areas of each photo, by its path.
        names: The names, in the order of the columns.
        path: The file; its suffix is the format.

    Raises:
        OSError: The disk refuses the file.
    """
    if path.suffix.lower() == ".json":
        write_json(path, {_text(photo): {"areas": shares, "none": none} for photo, (shares, none) in found.items()})
        return
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["photo", *names, "none of these"])
    for photo, (shares, none) in found.items():
        table.writerow([_text(photo), *(f"{share:.6f}" for share in (*(shares[name] for name in names), none))])
    write_atomically(path, lambda temporary: temporary.write_text(text.getvalue(), encoding="utf-8"))


def _text(path: Path) -> str:
    """A path as text; bytes of it that are no UTF-8 are marked."""
    return os.fsencode(path).decode("utf-8", "replace")
