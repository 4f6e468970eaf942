"""The table of each photo's areas by name, as CSV or JSON."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from clipteacher.cli.out_files import check_free, is_area_table
from clipteacher.utils.atomic_files import write_atomically, write_json
from clipteacher.utils.printable import printable


def check_table(path: Path | None, taken: Sequence[Path]) -> None:
    """Check the path of the table.

    Args:
        path: The file to write; None for none.
        taken: Photos and results, which it may not be.

    Raises:
        ValueError: It ends in neither .csv nor .json, is a folder, one of those that are taken, or a file of something
            else.
    """
    if path is None:
        return
    if path.suffix.lower() not in (".csv", ".json") or path.is_dir():
        raise ValueError(f"areas: got {str(path)!r}, expected a file .csv or .json. Call it areas.csv.")
    if os.path.realpath(path) in {os.path.realpath(other) for other in taken}:
        raise ValueError(f"areas: {printable(path)} is one of the photos or pictures; name another file")
    check_free("areas", path, is_area_table)


def write_table(
    areas: Mapping[Path, tuple[Mapping[str, float], float]], class_names: Sequence[str], path: Path
) -> None:
    """Write for each photo the share of each name, 0..1, and of what is none of them, whole or not at all.

    CSV: a line a photo, its path first, none of the names last. JSON: for each path "areas" by name, and "none".

    Args:
        areas: For each photo, shares by name and the share of none.
        class_names: The names, in the order of the columns.
        path: The file, which ends in .csv or .json.

    Raises:
        OSError: The disk refuses it.
    """
    # Bytes of a path that are no UTF-8 are escaped, so that two paths stay two.
    rows = {os.fsencode(photo).decode("utf-8", "backslashreplace"): found for photo, found in areas.items()}
    if path.suffix.lower() == ".json":
        write_json(path, {photo: {"areas": shares, "none": none} for photo, (shares, none) in rows.items()})
        return
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["photo", *class_names, "none of these"])
    for photo, (shares, none) in rows.items():
        table.writerow([photo, *(f"{share:.6f}" for share in (*(shares[name] for name in class_names), none))])
    write_atomically(path, lambda temporary: temporary.write_text(text.getvalue(), encoding="utf-8", newline=""))
