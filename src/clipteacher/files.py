"""Writing files whole or not at all."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any


def write_atomically(path: str | Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file in the same folder, then move it into place.

    Where `write` fails, the temporary file goes and a file that was there before stays as it was.

    Args:
        path: The file to appear; its folder is made where it is missing.
        write: Called with the temporary path, which has the same suffix.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        # mkstemp makes files that nobody else may read.
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_json(path: str | Path, value: dict[str, Any]) -> None:
    """Write a JSON file atomically; raises as `json_text`."""
    text = json_text(value)
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


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
