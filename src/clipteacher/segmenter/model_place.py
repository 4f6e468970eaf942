"""Where a model lies on this machine; and what was meant by a path that is none."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from clipteacher.storage.saved_model import model_folder
from clipteacher.utils.printable import printable

HUB_ID: Final = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
"""What ids of the hub look like."""

_CONFIG: Final = "config.json"
_EXPECTED: Final = "expected the folder model/ of a run, or the run's folder"
_UNFINISHED: Final = " This run has no model yet: finish it, with the same command and --resume."
_FILES: Final = {
    ".ckpt": "a checkpoint, from which training goes on",
    ".onnx": "an ONNX file",
    ".safetensors": "a file of weights alone",
    ".pt": "a file of weights alone",
    ".pth": "a file of weights alone",
}


def local_model(model: str | Path) -> Path | None:
    """Return the folder of a model on this machine.

    Args:
        model: A model's folder or a run's, where ~ is the home folder; or perhaps a hub id.

    Returns:
        The folder with its config.json. None where nothing is there, and the name may be a hub id: "owner/name", with
        no folder "owner" here.

    Raises:
        FileNotFoundError: It is a path, and no model is there.
        ValueError: It is a file.
    """
    path = Path(os.path.expanduser(model))
    if path.is_dir():
        folder = model_folder(path)
        if not os.path.lexists(folder / _CONFIG):  # a link to nothing is told as such where files are checked
            raise FileNotFoundError(_no_model(path))
        return folder
    if path.exists():
        what = _FILES.get(path.suffix.lower(), "a file")
        near = [each for above in (path.parent, path.parent.parent) for each in _models(above)]
        fix = _UNFINISHED if not near and _is_run(path.parent.parent) else _fix(near)
        if path.suffix.lower() == ".onnx":
            fix = " For an ONNX file there is `clipteacher segment --onnx`, and OnnxSegmenter in Python."
        raise ValueError(f"model: got {printable(path)}, {what}; {_EXPECTED}.{fix}")
    if isinstance(model, str) and HUB_ID.fullmatch(model) and "/" in model and not path.parent.is_dir():
        return None
    raise FileNotFoundError(f"model: no folder {printable(path)}; {_EXPECTED}.{_fix(meant_models(path))}")


def meant_models(path: Path) -> list[Path]:
    """Return models whose paths look like one at which nothing is, the likeliest first; none where nothing does."""
    above = next(each for each in (*path.parents, Path()) if each.is_dir())
    missing = path.relative_to(above).parts if above != Path() else path.parts
    close = get_close_matches(missing[0], [each.name for each in _entries(above)], n=3, cutoff=0.6)
    likely = [above.joinpath(name, *missing[1:]) for name in close] + [above / name for name in close]
    found = [folder for each in likely for folder in _models(each)]
    if above not in (Path(), Path(path.anchor)):
        found += _models(above)
    return list(dict.fromkeys(found))


def _no_model(path: Path) -> str:
    """Say what a folder holds in place of a model."""
    near = _models(path) or _models(path.parent)
    if next(_entries(path), None) is None:
        return f"model: no {_CONFIG} in {printable(path)}, an empty folder; {_EXPECTED}.{_fix(near)}"
    fix = _UNFINISHED if _is_run(path) and not (path / "model").exists() else _fix(near)
    return f"model: no {_CONFIG} in {printable(path)}; {_EXPECTED}.{fix}"


def _is_run(folder: Path) -> bool:
    """Return whether a folder looks like a run's."""
    return (folder / "checkpoints").is_dir() and (folder / "config.yaml").is_file()


def _fix(models: list[Path]) -> str:
    """Name the model that was meant, if one is known."""
    return f" Did you mean {printable(models[0])}?" if models else " `clipteacher train` and `fit` write one."


def _models(path: Path) -> list[Path]:
    """Return the models at a path and in the folders of it, and those of runs there."""
    found = []
    for place in (path, *_entries(path)):
        with suppress(OSError):  # a folder that may not be entered
            folder = model_folder(place)
            found += [folder] if (folder / _CONFIG).is_file() else []
    return found


def _entries(folder: Path) -> Iterator[Path]:
    """List what is in a folder, by name; nothing where it cannot be listed."""
    try:
        yield from sorted(folder.iterdir())
    except OSError:
        return
