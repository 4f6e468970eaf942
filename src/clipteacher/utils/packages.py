"""Packages of the extras, which are imported when they are needed and not before."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def needed(module: str, package: str, extra: str) -> Any:  # noqa: ANN401 (a module)
    """Import a module of a package that an extra brings.

    Raises:
        ImportError: It cannot be imported; the message says what to install.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{extra}: the package {package!r} cannot be imported ({error}). Run: pip install 'clipteacher[{extra}]'"
        ) from error
