"""Photo tokens on disk: one file each, written atomically, checked when read, within a size limit.

Not diskcache: it has no checksums, its limit evicts entries or does nothing, and it needs SQLite in a writable folder.
"""

from __future__ import annotations

import time
import warnings
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from clipteacher.teacher_cache.tokens import PhotoTokens
from clipteacher.utils.atomic_files import write_atomically

_SUFFIX: Final = ".safetensors"
_ABANDONED: Final = 3600.0  # seconds after which an unfinished file counts as a killed process's
_WRITERS: Final = 8  # a process measures the folder again when it has written this part of the space left


class TokenStore:
    """Keeps tokens by name in a folder, which any number of processes may share.

    Each entry is a safetensors file, moved into place when it is complete. It holds its key, its name and a checksum;
    an entry that is truncated, damaged or another's counts as missing and is written again.

    When the folder is full, nothing more is written and nothing is evicted. An epoch reads each photo once, so an entry
    evicted as least recently used would be one that the epoch reads next. The limit is for the whole folder; up to
    eight processes that write at the same time keep it, more may exceed it slightly.

    Args:
        folder: The folder; it is created if missing.
        key: Hash of what all entries depend on; entries of other keys are never read.
        gigabytes: Size limit of the folder, in units of 10^9 bytes.

    Raises:
        ValueError: The folder cannot be created or listed.
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
                f"teacher_cache.folder: got {folder}, which cannot be used ({error}). Choose one that can be written."
            ) from error
        self._since = 0

    def path(self, name: str) -> Path:
        """Return the file of an entry; `name` is hexadecimal."""
        return self.root / self.key[:16] / name[:2] / f"{name}{_SUFFIX}"

    def read(self, name: str) -> PhotoTokens | None:
        """Read CLS tokens (V, C) and dense tokens (C, h, w), float16, on the CPU; None if no entry is intact."""
        try:
            with safe_open(self.path(name), framework="pt") as file:
                label: dict[str, str] = file.metadata() or {}
                tokens = PhotoTokens(file.get_tensor("cls"), file.get_tensor("dense"))
        except (OSError, SafetensorError):
            return None
        return tokens if label == self._label(name, tokens) else None

    def write(self, name: str, tokens: PhotoTokens) -> None:
        """Write an entry: CLS tokens (V, C) and dense tokens (C, h, w), float16, on the CPU; `name` is hexadecimal.

        If the folder is full or cannot be written to, there is one warning and nothing more is written; training
        continues.
        """
        if not self.writes:
            return
        tensors = {key: tensor.contiguous() for key, tensor in tokens._asdict().items()}
        data = save(tensors, metadata=self._label(name, tokens))
        try:
            if not self._has_room(len(data)):
                return self._stop(f"holds {self._used / 1e9:.2f} GB of {self.bytes / 1e9:g}")
            write_atomically(self.path(name), lambda temporary: temporary.write_bytes(data))
        except OSError as error:
            return self._stop(f"cannot be written to ({error})")
        self._used += len(data)
        self._since += len(data)

    def _label(self, name: str, tokens: PhotoTokens) -> dict[str, str]:
        """Return what identifies an intact entry."""
        checksum = 0
        for tensor in tokens:
            checksum = zlib.crc32(tensor.contiguous().view(torch.uint8).numpy().data, checksum)
        return {"key": self.key, "name": name, "crc32": f"{checksum:08x}"}

    def _stop(self, why: str) -> None:
        self.writes = False
        warnings.warn(
            f"teacher_cache: {self.root} {why}: no more tokens are kept there; those of further photos are computed "
            "each time. Raise teacher_cache.gigabytes, or remove the folders of other teachers in it.",
            stacklevel=4,
        )

    def _has_room(self, size: int) -> bool:
        if self._since * _WRITERS > self.bytes - self._used or self._used + size > self.bytes:
            self._used, self._since = self._measure(), 0
        return self._used + size <= self.bytes

    def _measure(self) -> int:
        """Add up all files, those of other keys too, and remove what killed processes left unfinished."""
        total, now = 0, time.time()
        for path in self.root.rglob(f"*{_SUFFIX}"):
            with suppress(OSError):  # another process has moved it
                found = path.stat()
                if path.name.startswith(".") and now - found.st_mtime > _ABANDONED:
                    path.unlink()
                else:
                    total += found.st_size
        return total
