"""Mistakes of input end a command with one message and exit status 2, not with a traceback."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn


@contextmanager
def user_errors() -> Iterator[None]:
    """Print errors that name a bad input and exit; wrap only the parts that read what the user gave.

    Raises:
        SystemExit: With status 2, after the message.
    """
    try:
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
