"""What each entry of a model folder's config.json holds, checked before anything is made of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from clipteacher.protocols.splits import check_seen

_CURE: Final = "Save it or train it again."


class Kind(NamedTuple):
    """What a value must be, in words, and whether it is."""

    words: str
    holds: Callable[[Any], bool]


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 1


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]


def _is_names(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _or_null(kind: Kind) -> Kind:
    return Kind(f"{kind.words}, or null", lambda value: value is None or kind.holds(value))


_TEXT: Final = Kind("text", _is_text)
_COUNT: Final = Kind("a whole number, 1 or more", _is_count)
_NUMBER: Final = Kind("a number", _is_number)
_NAMES: Final = Kind("a list of names", _is_names)
_OBJECT: Final = Kind("an object", lambda value: isinstance(value, dict))
_COLOUR: Final = Kind(
    "three numbers", lambda value: isinstance(value, list) and len(value) == 3 and all(map(_is_number, value))
)

REQUIRED: Final[Mapping[str, Kind]] = {
    "student": _or_null(_OBJECT),
    "class_names": _NAMES,
    "unseen": _NAMES,
    "seen": _or_null(_NAMES),
    "wanted": _NAMES,
    "text_encoder": _or_null(_OBJECT),
    "test": _OBJECT,
    "test.pipeline": _OBJECT,
    "test.pipeline.short_side": _or_null(_COUNT),
    "test.pipeline.mode": _TEXT,
}
"""Entries that every config.json has, by dotted name."""

OPTIONAL: Final[Mapping[str, Kind]] = {
    "test.pipeline.crop": _COUNT,
    "test.pipeline.stride": _COUNT,
    "test.pad_multiple": _COUNT,
    "test.max_logits": _COUNT,
    "test.calibration": _NUMBER,
}
"""Entries that it may have."""

STUDENT: Final[Mapping[str, Kind]] = {
    "kind": _TEXT,
    "architecture": _TEXT,
    "encoder": _TEXT,
    "size": _TEXT,
    "depth": _COUNT,
    "channels": _COUNT,
    "mean": _or_null(_COLOUR),
    "std": _or_null(_COLOUR),
    "options": _or_null(_OBJECT),
}
"""Entries of a student that clipteacher builds."""

TEXT_ENCODERS: Final[Mapping[str, Mapping[str, Kind]]] = {
    "openclip": {"model": _TEXT, "pretrained": _or_null(_TEXT), "templates": _NAMES},
    "minilm": {"templates": _NAMES},
}
"""Entries of the text towers that clipteacher builds, by their kind."""


def check_entries(config: Mapping[str, Any], path: Path, *, builds: bool) -> None:
    """Check the entries of a config.json.

    Args:
        config: Its content, in today's words.
        path: The file, for the message.
        builds: Whether the student is built from its description, and not given.

    Raises:
        ValueError: An entry is missing or holds something else; the message names file and entry.
    """
    for name, kind in {**REQUIRED, **OPTIONAL}.items():
        *groups, last = name.split(".")
        inner: Any = config
        for group in groups:  # each is an entry itself, and was looked at before
            inner = inner[group]
        if last in inner:
            _check(inner[last], name, kind, path)
        elif name in REQUIRED:
            raise ValueError(f"model: {path} has no entry {name!r}. {_CURE}")
    parts: list[tuple[str, Mapping[str, Kind]]] = [("student", STUDENT)] if builds and config["student"] else []
    if (tower := config["text_encoder"]) and isinstance(tower.get("kind"), str):
        parts.append(("text_encoder", TEXT_ENCODERS.get(tower["kind"], {})))
    for part, kinds in parts:
        for name, kind in kinds.items():
            if name in config[part]:
                _check(config[part][name], f"{part}.{name}", kind, path)
    for name in ("class_names", "unseen", "seen", "wanted"):
        value = config[name] or ()
        if len(set(value)) != len(value):
            raise ValueError(f"model: {path}: {name}: got a name twice, expected each once. {_CURE}")
    if not config["class_names"]:
        raise ValueError(f"model: {path}: class_names: got none, expected one or more. {_CURE}")
    try:
        check_seen(config["seen"] or (), [*config["unseen"], *config["wanted"]])
    except ValueError as error:
        raise ValueError(f"model: {path}: {error}") from error


def _check(value: object, name: str, kind: Kind, path: Path) -> None:
    if not kind.holds(value):
        shown = repr(value) if len(repr(value)) <= 80 else f"{repr(value)[:80]}…"
        raise ValueError(f"model: {path}: {name}: got {shown}, expected {kind.words}. {_CURE}")
