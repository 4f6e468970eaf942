"""A text tower that is built only for words that nobody has asked for before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import torch
from torch import Tensor

from clipteacher.teachers.protocol import TextEncoder
from clipteacher.text_cache import TextCache
from clipteacher.vocabulary import build_text_encoder

MOST_WORDS: Final = 4096
"""Words that are kept in memory, 2 kB each with CLIP ViT-B/16: a page that strangers type into must not grow."""


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
        return self._built().width

    def encode_text(self, names: Sequence[str]) -> Tensor:
        """Encode N names as unit vectors, (N, C), float32, on the CPU.

        Raises:
            ConnectionError: The tower's weights could not be fetched.
            FileNotFoundError: A file of the tower is gone.
            ImportError: A package of the tower is not installed.
            ValueError: The tower cannot be built, or a name is blank or longer than it reads.
        """
        unknown = [name for name in names if name not in self._known]
        cache = TextCache.of(self._spec) if unknown and self._on_disk else None
        if cache is not None:
            self._known |= cache.read(unknown)
            unknown = [name for name in unknown if name not in self._known]
        if unknown:
            vectors = dict(zip(unknown, self._built().encode_text(unknown).float().cpu(), strict=True))
            self._known |= vectors
            if cache is not None:
                cache.write(vectors)
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
