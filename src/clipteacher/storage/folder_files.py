"""The files of a model folder, which may be a stranger's: what each is, before anything of it is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from safetensors import safe_open

MOST_BYTES: Final = 16 * 2**20
"""Largest config.json; one of 847 names has 50 thousand."""

MOST_DEPTH: Final = 16
"""Deepest nesting of a config.json; ours have 4."""

_FLOATS: Final = ("F64", "F32", "F16", "BF16")  # safetensors' words


def check_files(folder: Path, names: tuple[str, ...]) -> None:
    """Check that files of a model folder are there, are files, and lie in it.

    A link may lead to another place in the folder; in a snapshot of the hub's cache, to the cache's `blobs/` beside
    `snapshots/`, which is how huggingface_hub keeps files.

    Args:
        folder: The model folder; it may be a link itself, for whoever names it knows where it leads.
        names: The files.

    Raises:
        FileNotFoundError: One is missing, or is no file.
        ValueError: One is a link that leads out.
    """
    inside = folder.resolve()
    places = [inside]
    if inside.parent.name == "snapshots":
        places.append(inside.parent.parent / "blobs")
    for name in names:
        path = folder / name
        try:
            target = path.resolve()
        except (OSError, RuntimeError) as error:  # a link that leads to itself
            raise ValueError(f"model: {path} is a link that leads nowhere. Put the file itself there.") from error
        if path.is_symlink() and not any(target.is_relative_to(place) for place in places):
            raise ValueError(
                f"model: {path} is a link that leads out of the folder, expected a file in it: it may be any file of "
                "this machine. If it is yours, put the file itself there."
            )
        if not path.is_file():
            raise FileNotFoundError(f"model: no {name} in {folder}; the folder is not whole")


def read_json(path: Path) -> Any:  # noqa: ANN401 (whatever it holds)
    """Read a file of JSON that is neither large nor deep, and names each entry once.

    Raises:
        ValueError: It is no JSON, too large or too deep, or has an entry twice.
    """
    if (size := path.stat().st_size) > MOST_BYTES:
        raise ValueError(
            f"model: {path} has {size / 2**20:.0f} MiB, expected at most {MOST_BYTES // 2**20}. Train it again."
        )
    try:
        content = json.loads(
            path.read_text(encoding="utf-8"), parse_constant=_no_number, object_pairs_hook=_each_entry_once
        )
    except RecursionError as error:
        raise ValueError(f"model: {path} is nested too deep, expected {MOST_DEPTH} levels. Train it again.") from error
    except ValueError as error:
        raise ValueError(f"model: {path} is no JSON ({error})") from error
    level, depth = [content], 0
    while level:
        depth += 1
        if depth > MOST_DEPTH:
            raise ValueError(f"model: {path} is nested too deep, expected {MOST_DEPTH} levels. Train it again.")
        inner = (each.values() if isinstance(each, dict) else each for each in level if isinstance(each, dict | list))
        level = [value for values in inner for value in values]
    return content


def tensor_shapes(path: Path) -> dict[str, tuple[tuple[int, ...], str]]:
    """Read the shapes and safetensors' types of a file's tensors from its header; no tensor is read.

    Raises:
        ValueError: It is no file of safetensors.
    """
    try:
        with safe_open(path, "pt") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 (no dict)
            return {name: (tuple(each.get_shape()), each.get_dtype()) for name, each in slices.items()}
    except Exception as error:  # safetensors' own, the disk's
        raise ValueError(f"model: the weights in {path} cannot be read ({error})") from error


def check_vocabulary(path: Path, config: Mapping[str, Any], *, builds: bool) -> None:
    """Check the text features of a model folder by their header, against its configuration.

    Args:
        path: The file of safetensors: "vectors", (N, C), float, for N class names, and where there is a gate for seen
            names, "gate", (C + 2,), float.
        config: The folder's configuration, which was checked.
        builds: Whether the student is built from its description, and not given.

    Raises:
        ValueError: There are none, or they have another shape or type than the configuration says.
    """
    shapes = tensor_shapes(path)
    if "vectors" not in shapes:
        raise ValueError(f"model: the weights in {path} cannot be read (no tensor 'vectors'). Train it again.")
    shape, kind = shapes["vectors"]
    if len(shape) != 2:
        raise ValueError(f"model: text features in {path} have shape {shape}, expected (N, C)")
    if kind not in _FLOATS:
        raise ValueError(f"model: {path}: got numbers of type {kind}, expected one of {', '.join(_FLOATS)}")
    if shape[0] != len(config["class_names"]):
        raise ValueError(
            f"model: {path.with_name('config.json')}: class_names: got {len(config['class_names'])} beside {shape[0]} "
            "text features. Save it or train it again."
        )
    gate_shape, gate_kind = shapes.get("gate", ((shape[1] + 2,), kind))
    if tuple(gate_shape) != (shape[1] + 2,) or gate_kind not in _FLOATS:
        raise ValueError(
            f"model: {path}: got a gate of shape {tuple(gate_shape)} and type {gate_kind}, expected ({shape[1] + 2},) "
            f"of {', '.join(_FLOATS)}. Save it or train it again."
        )
    channels = (config["student"] or {}).get("channels", shape[1]) if builds else shape[1]
    if channels != shape[1]:  # before room is made for them
        raise ValueError(
            f"model: the student in {path.with_name('config.json')} cannot be built: channels: got {channels!r}, "
            f"expected {shape[1]}, the width of its text features"
        )


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _each_entry_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"got the entry {twice[:40]!r} twice, expected each once")
    return found
