"""Mistakes of input end a command with one message and exit status 2, not with a traceback; warnings are one line."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn


@contextmanager
def user_errors() -> Iterator[None]:
    """Print errors that name a bad input and exit; wrap only the parts that read what the user gave.

    Warnings are printed as `plain_warnings` does.

    Raises:
        SystemExit: With status 2, after the message.
    """
    try:
        with plain_warnings():
            yield
    except (ImportError, OSError, TypeError, ValueError) as error:
        print(f"clipteacher: error: {error}", file=sys.stderr)
        raise SystemExit(2) from error


def refuse(command: str, message: str) -> NoReturn:
    """Print what is wrong with the arguments in one line, and where the right ones are listed.

    Args:
        command: What was typed, such as "clipteacher fit".
        message: What is wrong.

    Raises:
        SystemExit: With status 2.
    """
    print(f"{command}: error: {message} See {command} --help.", file=sys.stderr)
    raise SystemExit(2)


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Print each warning as one line, without the place in the source that it comes from.

    They stay Python's warnings: filters and `warnings.catch_warnings` see them as ever.
    """
    before = warnings.formatwarning
    warnings.formatwarning = _plain
    try:
        yield
    finally:
        warnings.formatwarning = before


def _plain(message: Warning | str, *_: object, **__: object) -> str:
    return f"clipteacher: warning: {' '.join(str(message).split())}\n"
