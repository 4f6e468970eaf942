"""Writing files whole or not at all, and where what is kept between runs lies."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

UNFINISHED: Final = ".part-"
"""Part of the hidden name of a file that is still being written, after its final name."""

REPLACED: Final = ".old-"
"""Part of the hidden name of a folder that holds, as `was`, what is being replaced."""

# What mkstemp and mkdtemp put behind a prefix.
_LEFT_OVER = re.compile(rf"\.(?P<name>.+)({re.escape(UNFINISHED)}|{re.escape(REPLACED)})[a-z0-9_]{{8}}(\.\w+)?")


def user_cache(name: str) -> Path:
    """Return the folder `clipteacher/<name>` below `$XDG_CACHE_HOME`, else below `~/.cache`; it need not be there."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "clipteacher" / name


def write_atomically(path: str | Path, write: Callable[[Path], object], *, durable: bool = False) -> None:
    """Let `write` fill a temporary file in the same folder, then move it into place.

    Where `write` fails, the temporary file goes and a file that was there before stays as it was. Where the process is
    killed, the temporary file stays, under a hidden name, and the other as it was: see `remove_unfinished`.

    Args:
        path: The file to appear; its folder is made where it is missing.
        write: Called with the temporary path, which has the same suffix.
        durable: Wait until the disk has the file, so that a loss of power does not take it either.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}{UNFINISHED}", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        # mkstemp makes files that nobody else may read.
        temporary.chmod(0o644)
        if durable:
            flush(temporary)
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None and error.filename in (None, name):
            error.filename = str(path)  # for the message: nobody knows the temporary name
        raise
    if durable:
        flush(path.parent)


def flush(path: Path) -> None:
    """Wait until the disk has what was written to a file, or the names in a folder, where the system can say so."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        if path.is_dir():  # Windows opens no folders
            return
        raise
    try:
        os.fsync(handle)
    except OSError:
        if not path.is_dir():  # some network disks flush files, and no folders
            raise
    finally:
        os.close(handle)


def remove_unfinished(folder: Path) -> list[str]:
    """Remove what a killed process left unfinished in a folder, and put back what it was about to replace.

    What lies deeper is left alone; nothing else may be writing there meanwhile. Returns the names of what was removed
    or put back, sorted.
    """
    found = []
    for entry in sorted(folder.iterdir()) if folder.is_dir() else []:
        match = _LEFT_OVER.fullmatch(entry.name)
        if match is None:
            continue
        was = entry / "was"
        if was.exists() and not (folder / match["name"]).exists():
            was.rename(folder / match["name"])
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        found.append(entry.name)
    return found


def write_json(path: str | Path, value: dict[str, Any]) -> None:
    """Write a JSON file atomically and durably; raises as `json_text`."""
    text = json_text(value)
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"), durable=True)


def json_text(value: dict[str, Any]) -> str:
    """Return the text of a JSON file; NaN, which JSON lacks, becomes null.

    Raises:
        TypeError: The value holds what is no JSON.
        ValueError: The value holds an infinity.
    """
    return json.dumps(nan_to_none(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def nan_to_none(value: Any) -> Any:  # noqa: ANN401 (whatever JSON may hold)
    """Put None for each NaN in a value of nested dicts, lists and tuples; tuples become lists.

    Example:
        >>> nan_to_none({"S": 0.5, "U": math.nan, "IoU": [math.nan]})
        {'S': 0.5, 'U': None, 'IoU': [None]}
    """
    if isinstance(value, dict):
        return {key: nan_to_none(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [nan_to_none(each) for each in value]
    return None if isinstance(value, float) and math.isnan(value) else value
