"""Photo tokens on disk: a file each, written whole or not at all, checked when read, in a bounded room."""

from __future__ import annotations

import time
import warnings
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from clipteacher.teacher_cache.photo import PhotoTokens
from clipteacher.utils.atomic_files import write_atomically

_SUFFIX: Final = ".safetensors"
_FORGOTTEN: Final = 3600.0  # seconds after which another process's unfinished file is taken for a killed one's
_LOOKS: Final = 8  # what is written before the room is measured anew: this part of what was left


class TokenStore:
    """Keeps tokens by name under a folder. Any number of processes may share it.

    Each entry is one safetensors file of its own, moved into place when it is whole. It carries its full name and a
    checksum; one that is truncated, damaged or another's counts as missing and is written anew.

    Full means that nothing more is written; nothing is thrown out. An epoch asks for each photo once, so that what a
    "least recently used" rule threw out would be what the epoch asks for next. The bound is for the whole folder; with
    up to eight processes that write at the same time it is kept, with more it may be passed by a little.

    Args:
        folder: The folder; it is made.
        key: Name of what all entries here depend on; entries of other keys are never read.
        gigabytes: Room for the folder, in units of 10^9 bytes.

    Raises:
        ValueError: The folder cannot be made or listed.
    """

    def __init__(self, folder: str | Path, key: str, gigabytes: float) -> None:
        self.root = Path(folder)
        self.key = key
        self.bytes = int(gigabytes * 1e9)
        self.writes = True
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self._used = self._measure()
        except OSError as error:
            raise ValueError(
                f"teacher_cache.folder: got {folder}, which cannot be used ({error}). Name one that can be written."
            ) from error
        self._since = 0

    def path(self, name: str) -> Path:
        """Return the file of an entry; `name` is hexadecimal digits."""
        return self.root / self.key[:16] / name[:2] / f"{name}{_SUFFIX}"

    def read(self, name: str) -> PhotoTokens | None:
        """Read an entry; None where there is none that is whole.

        Returns:
            CLS tokens (V, C) and dense tokens (C, h, w), float16, on the CPU.
        """
        try:
            with safe_open(self.path(name), framework="pt") as file:
                said: dict[str, str] = file.metadata() or {}
                tokens = PhotoTokens(file.get_tensor("cls"), file.get_tensor("dense"))
        except (OSError, SafetensorError):
            return None
        return tokens if said == self._said(name, tokens) else None

    def write(self, name: str, tokens: PhotoTokens) -> None:
        """Write an entry, unless there is no room.

        A folder or disk that cannot be written to is warned of once, and no more is written; training goes on.

        Args:
            name: Hexadecimal digits.
            tokens: CLS tokens (V, C) and dense tokens (C, h, w), float16, on the CPU.
        """
        if not self.writes:
            return
        tensors: dict[str, Any] = {"cls": tokens.cls.contiguous(), "dense": tokens.dense.contiguous()}
        data = save(tensors, metadata=self._said(name, tokens))
        try:
            if not self._has_room(len(data)):
                self._stop(f"holds {self._used / 1e9:.2f} GB of {self.bytes / 1e9:g}")
                return
            write_atomically(self.path(name), lambda temporary: temporary.write_bytes(data))
        except OSError as error:
            self._stop(f"cannot be written to ({error})")
            return
        self._used += len(data)
        self._since += len(data)

    def _said(self, name: str, tokens: PhotoTokens) -> dict[str, str]:
        """What an entry says of itself."""
        return {"key": self.key, "name": name, "crc32": f"{_crc(tokens.dense, _crc(tokens.cls)):08x}"}

    def _stop(self, why: str) -> None:
        self.writes = False
        warnings.warn(
            f"teacher_cache: {self.root} {why}: no more tokens are kept there; those of further photos are computed "
            "each time. Give it more room (teacher_cache.gigabytes), or remove the folders of other teachers in it.",
            stacklevel=4,
        )

    def _has_room(self, size: int) -> bool:
        if self._since * _LOOKS > self.bytes - self._used or self._used + size > self.bytes:
            self._used, self._since = self._measure(), 0
        return self._used + size <= self.bytes

    def _measure(self) -> int:
        """Add up all files, those of other keys too; what killed processes left unfinished is removed."""
        total, now = 0, time.time()
        for path in self.root.rglob(f"*{_SUFFIX}"):
            with suppress(OSError):  # another process has moved it
                found = path.stat()
                if path.name.startswith(".") and now - found.st_mtime > _FORGOTTEN:
                    path.unlink()
                else:
                    total += found.st_size
        return total


def _crc(tensor: Tensor, before: int = 0) -> int:
    return zlib.crc32(tensor.contiguous().view(torch.uint8).numpy().data, before)
