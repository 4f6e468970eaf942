"""Checkpoints written atomically: to a temporary file, flushed, then moved into place; the previous one is kept."""

from __future__ import annotations

import io
import os
import warnings
import zipfile
from pathlib import Path
from typing import Any, Final

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from clipteacher.utils.atomic_files import flush, write_atomically

LAST: Final = "last.ckpt"
PREVIOUS: Final = "previous.ckpt"
DAMAGED: Final = "damaged.ckpt"


class WholeCheckpoints(TorchCheckpointIO):
    """Writes checkpoints so that a kill or a loss of power at any moment leaves a whole one.

    Lightning's own way writes into the system's folder of temporary files and moves from there: from another disk that
    is a copy, which a kill cuts short. Here the file is written next to its place and flushed; then `last.ckpt` becomes
    `previous.ckpt`, and the new file `last.ckpt`. On disk that takes the room of three for a moment, of two for long.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: object = None
    ) -> None:
        """Write a checkpoint.

        Args:
            checkpoint: What the trainer keeps: tensors of any shape, by name, and plain values.
            path: A local file.
            storage_options: None.

        Raises:
            OSError: The disk is full, or the folder cannot be written to; what was there before stays.
            TypeError: `storage_options` is given.
        """
        if storage_options is not None:
            raise TypeError(f"checkpoint: got storage_options {storage_options!r}, expected None for a local file")
        place, buffer = Path(path), io.BytesIO()
        # Not straight into the file: torch turns the error of a full disk into one that does not say so.
        torch.save(checkpoint, buffer)

        def write(temporary: Path) -> None:
            temporary.write_bytes(buffer.getbuffer())
            flush(temporary)
            if place.name == LAST and place.exists():
                place.replace(place.with_name(PREVIOUS))

        write_atomically(place, write, durable=True)


def newest_whole(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """Read the newest whole checkpoint of a folder, without unpickling code; warns of a newer one that is damaged.

    Args:
        folder: Where `last.ckpt` and `previous.ckpt` lie.

    Returns:
        The file, and what the trainer kept: tensors of any shape, by name, on the CPU, and plain values. None where
        there is no checkpoint, damaged ones counted.

    Raises:
        ValueError: There are some, and none of them is whole.
    """
    faults = []
    for path in (folder / LAST, folder / PREVIOUS):
        if not path.exists():
            continue
        try:
            with zipfile.ZipFile(path) as parts:  # torch writes checksums and does not look at them
                if (part := parts.testzip()) is not None:
                    raise ValueError(f"the checksum of {part} is wrong")
            content = torch.load(path, map_location="cpu", weights_only=True)
            if not isinstance(content, dict) or "state_dict" not in content or "global_step" not in content:
                raise ValueError("it is no checkpoint of the trainer")
        except Exception as error:  # torch raises nearly anything on broken bytes
            faults.append(f"{path} cannot be read ({type(error).__name__}: {str(error)[:200]})")
            continue
        for fault in faults:
            warnings.warn(f"checkpoint: {fault}; going on from {path.name}, the one before", stacklevel=2)
        return path, content
    if faults:
        raise ValueError(
            f"checkpoint: {'; '.join(faults)}; expected a whole one. Remove {folder} to start again with --resume, or "
            "name another --out."
        )
    return None


def set_aside(folder: Path, chosen: Path) -> None:
    """Give a damaged `last.ckpt` another name, so that it never takes the place of the whole one that is chosen."""
    last = folder / LAST
    if chosen != last and last.exists():
        last.replace(folder / DAMAGED)
