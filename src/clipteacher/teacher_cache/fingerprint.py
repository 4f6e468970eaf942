"""One hash of all that a teacher's tokens depend on: its classes, its settings and every weight."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn


def teacher_fingerprint(teacher: object) -> str:
    """Hash a teacher: the classes of its modules, their plain attributes (sizes, modes, prompts) and all tensors.

    Text towers and prompts are hashed too, although no image token depends on them: at worst, tokens are computed once
    more. Of any other attribute (a function, a tokenizer), only the class is hashed.

    Returns:
        64 hexadecimal digits, the same in every process and on every device.

    Example:
        >>> layer = nn.Linear(2, 2)
        >>> before = teacher_fingerprint(layer)
        >>> with torch.no_grad():
        ...     _ = layer.bias.add_(1)
        >>> before == teacher_fingerprint(layer)
        False
    """
    digest = hashlib.sha256()
    _feed(digest, vars(teacher) if hasattr(teacher, "__dict__") else None, set())
    digest.update(_class(teacher))
    return digest.hexdigest()


def _feed(digest: hashlib._Hash, value: object, above: set[int]) -> None:
    """Add a value, its class first, so that values of different classes never hash alike."""
    digest.update(_class(value))
    if isinstance(value, Tensor):
        digest.update(f"{value.dtype}{tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    elif isinstance(value, str | bytes | int | float | complex | Path | torch.dtype | None):
        digest.update(repr(value).encode() + b"\0")
    elif isinstance(value, nn.Module | Mapping | list | tuple | set | frozenset) and id(value) not in above:
        inside = above | {id(value)}  # a module that holds itself stops here
        if isinstance(value, nn.Module):
            value = vars(value)
        elif isinstance(value, set | frozenset):
            value = sorted(map(repr, value))
        digest.update(f"{len(value)} ".encode())
        # In order, because the order of layers matters.
        for item in value.items() if isinstance(value, Mapping) else enumerate(value):
            if item[0] != "training":  # a frozen teacher's networks stay in eval mode, whatever that is
                digest.update(repr(item[0]).encode() + b"\0")
                _feed(digest, item[1], inside)


def _class(value: object) -> bytes:
    return f"{type(value).__module__}.{type(value).__qualname__}\0".encode()
