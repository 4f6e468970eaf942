"""What each entry of a model folder's config.json holds, checked before anything is made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from clipteacher.inference.settings import MOST_LOGITS, MOST_PADDING
from clipteacher.protocols.protocol import MOST_SIDE
from clipteacher.protocols.splits import check_seen
from clipteacher.protocols.words import MOST_LETTERS, MOST_WORDS, word_fault

MOST_OF_A_LAYER: Final = 4096
"""Largest number in a student's description, but for its channels: so wide is no layer of a network here."""

MOST_CHANNELS: Final = 65536
"""Most channels of a student; its text features, which have as many, lie in the folder."""

_CURE: Final = "Save it or train it again."
_SHOWN: Final = 80
_LARGEST: Final = float(np.finfo(np.float32).max)
# Arguments of a student, of segmentation_models_pytorch and of timm that read or fetch a file.
_READS_FILES: Final = frozenset(
    {"weights", "encoder_weights", "checkpoint_path", "pretrained", "pretrained_cfg", "pretrained_cfg_overlay"}
    | {"pretrained_strict", "cache_dir"}
)


class Kind(NamedTuple):
    """What a value must be, in words, and whether it is."""

    words: str
    holds: Callable[[Any], bool]


def _is_text(value: object) -> bool:
    return isinstance(value, str) and not word_fault(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST


def _count(most: int) -> Kind:
    return Kind(f"a whole number in 1..{most}", lambda value: type(value) is int and 1 <= value <= most)


def _or_null(kind: Kind) -> Kind:
    return Kind(f"{kind.words}, or null", lambda value: value is None or kind.holds(value))


def _listed(words: str, each: Callable[[Any], bool], most: int) -> Kind:
    return Kind(words, lambda value: isinstance(value, list) and len(value) <= most and all(map(each, value)))


def _three(words: str, each: Callable[[Any], bool]) -> Kind:
    return Kind(words, lambda value: isinstance(value, list) and len(value) == 3 and all(map(each, value)))


_TEXT: Final = Kind(f"text of at most {MOST_LETTERS} letters", _is_text)
_NUMBER: Final = Kind("a number", _is_number)
_NAMES: Final = _listed(
    f"a list of names (at most {MOST_WORDS})", lambda each: isinstance(each, str) and bool(each.strip()), MOST_WORDS
)
_OBJECT: Final = Kind("an object", lambda value: isinstance(value, dict))

REQUIRED: Final[Mapping[str, Kind]] = {
    "student": _or_null(_OBJECT),
    "class_names": _NAMES,
    "unseen": _NAMES,
    "seen": _or_null(_NAMES),
    "wanted": _NAMES,
    "text_encoder": _or_null(_OBJECT),
    "test": _OBJECT,
    "test.pipeline": _OBJECT,
    "test.pipeline.short_side": _or_null(_count(MOST_SIDE)),
    "test.pipeline.mode": Kind("'whole' or 'slide'", lambda value: value in ("whole", "slide")),
}
"""Entries that every config.json has, by dotted name."""

OPTIONAL: Final[Mapping[str, Kind]] = {
    "student_class": _TEXT,
    "protocol": _or_null(_TEXT),
    "scores": _or_null(_OBJECT),
    "test.pipeline.crop": _count(MOST_SIDE),
    "test.pipeline.stride": _count(MOST_SIDE),
    "test.pad_multiple": _count(MOST_PADDING),
    "test.max_logits": _count(MOST_LOGITS),
    "test.calibration": _NUMBER,
}
"""Entries that it may have."""

STUDENT: Final[Mapping[str, Kind]] = {
    "kind": _TEXT,
    "architecture": _TEXT,
    "encoder": _TEXT,
    "size": _TEXT,
    "depth": _count(MOST_OF_A_LAYER),
    "channels": _count(MOST_CHANNELS),
    "mean": _or_null(_three("three numbers", _is_number)),
    "std": _or_null(_three("three numbers above 0", lambda value: _is_number(value) and value > 0)),
    "options": _or_null(_OBJECT),
}
"""Entries of a student that clipteacher builds."""

_TEMPLATES: Final = _listed("a list of at most 1000 texts", _is_text, 1000)
TEXT_ENCODERS: Final[Mapping[str, Mapping[str, Kind]]] = {
    "openclip": {
        "kind": _TEXT,
        "model": _TEXT,
        "pretrained": _or_null(_TEXT),
        "templates": _TEMPLATES,
        "tokenizer": _or_null(_TEXT),
    },
    "transformers": {"kind": _TEXT, "model": _TEXT, "templates": _TEMPLATES},
    "minilm": {"kind": _TEXT, "templates": _TEMPLATES},
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
    _check_parts(config, path, builds=builds)
    for name in ("class_names", "unseen", "seen", "wanted"):
        value = config[name] or ()
        for word in value:
            if fault := word_fault(word):
                raise ValueError(f"model: {path}: {name}: got {_shown(word)} {fault} {_CURE}")
        if len(set(value)) != len(value):
            raise ValueError(f"model: {path}: {name}: got a name twice, expected each once. {_CURE}")
    if not config["class_names"]:
        raise ValueError(f"model: {path}: class_names: got none, expected one or more. {_CURE}")
    try:
        check_seen(config["seen"] or (), [*config["unseen"], *config["wanted"]])
    except ValueError as error:
        raise ValueError(f"model: {path}: {error}") from error


def _check_parts(config: Mapping[str, Any], path: Path, *, builds: bool) -> None:
    """Check the descriptions of the student, where it is built from it, and of the text tower."""
    if builds and config["student"]:
        _check_group(config["student"], "student", STUDENT, path)
        try:
            _check_description(config["student"], "student")
        except ValueError as error:
            raise ValueError(f"model: the student in {path} cannot be built: {error}") from error
    if (tower := config["text_encoder"]) is not None:
        if not _is_text(tower.get("kind")):
            raise ValueError(
                f"model: {path}: text_encoder.kind: got {_shown(tower.get('kind'))}, expected text. {_CURE}"
            )
        known = TEXT_ENCODERS.get(tower["kind"], {})
        _check_group(tower, "text_encoder", known, path)
        if known and (strange := sorted(tower.keys() - known.keys())):
            raise ValueError(
                f"model: {path}: text_encoder: got {_shown(strange[0])}, expected only {', '.join(known)}. {_CURE}"
            )


def _check_group(group: Mapping[str, Any], name: str, kinds: Mapping[str, Kind], path: Path) -> None:
    for entry, kind in kinds.items():
        if entry in group:
            _check(group[entry], f"{name}.{entry}", kind, path)


def _check_description(spec: object, name: str) -> None:
    """Check that a student's description holds names and small numbers alone: a model folder opens no other file."""
    if isinstance(spec, dict):
        for key, value in spec.items():
            if key in _READS_FILES:
                raise ValueError(f"{name}: got {key!r}, which reads a file, expected none. Take it out.")
            if (name, key) != ("student", "channels"):
                _check_description(value, f"{name}.{key}")
    elif isinstance(spec, list):
        if len(spec) > MOST_OF_A_LAYER:
            raise ValueError(f"{name}: got {len(spec)} values, expected at most {MOST_OF_A_LAYER}. {_CURE}")
        for value in spec:
            _check_description(value, name)
    elif isinstance(spec, str):
        if not set(spec).isdisjoint("/\\:"):
            raise ValueError(f"{name}: got {_shown(spec)}, expected the name of a network, no path and no address")
        if fault := word_fault(spec):
            raise ValueError(f"{name}: got {_shown(spec)} {fault}")
    elif spec is not None and not (_is_number(spec) or isinstance(spec, bool)):
        raise ValueError(f"{name}: got {_shown(spec)}, expected a name or a number. {_CURE}")
    elif spec is not None and abs(spec) > MOST_OF_A_LAYER:  # type: ignore[arg-type]
        raise ValueError(f"{name}: got {spec!r}, expected at most {MOST_OF_A_LAYER}. {_CURE}")


def _check(value: object, name: str, kind: Kind, path: Path) -> None:
    if not kind.holds(value):
        raise ValueError(f"model: {path}: {name}: got {_shown(value)}, expected {kind.words}. {_CURE}")


def _shown(value: object) -> str:
    """A value for a message; its start alone where it is long."""
    if isinstance(value, list) and len(value) > MOST_WORDS:
        return f"{len(value)} values"
    shown = repr(value)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
