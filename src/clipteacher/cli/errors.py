"""Mistakes of input end a command with one message and exit status 2, not with a traceback; warnings are one line."""

from __future__ import annotations

import errno
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import Final, NoReturn

from clipteacher.utils.printable import printable

DISK_ADVICE: Final = {
    errno.ENOSPC: "The disk is full: free some room",
    errno.EDQUOT: "The quota is used up: free some room",
    errno.EFBIG: "The file is larger than the system allows: lift the limit (ulimit -f)",
    errno.EROFS: "The disk is read-only: make it writable",
    errno.EACCES: "The folder may not be written to: change its permissions",
    errno.EPERM: "The folder may not be written to: change its permissions",
    errno.EIO: "The disk is failing: write to another",
}
"""What to do about an error of the disk, by its number."""

INTERRUPTED: Final = 130
"""Exit status after Ctrl-C, as of a shell: 128 and the number of the signal."""


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
        message = printable(error, keep="\n")
        print(f"clipteacher: error: {message}", file=sys.stderr)
        raise SystemExit(2) from error


@contextmanager
def one_line_ends() -> Iterator[None]:
    """End a command in one line where the user or the disk stops it, and silently where nobody reads what it prints.

    What the terminal's encoding lacks is printed escaped.

    Raises:
        SystemExit: With status 130 after Ctrl-C, 1 where the disk refuses, 141 where the reader has gone.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        try:
            yield
        finally:
            if sys.stdout is not None:  # closed (>&-), as a service may have it
                sys.stdout.flush()
    except KeyboardInterrupt:
        print("clipteacher: stopped.", file=sys.stderr)
        raise SystemExit(INTERRUPTED) from None
    except BrokenPipeError:
        _drop_output()
        raise SystemExit(141) from None
    except OSError as error:
        if error.errno not in DISK_ADVICE:
            raise
        _drop_output()
        print(f"clipteacher: error: {printable(error)}. {DISK_ADVICE[error.errno]}.", file=sys.stderr)
        raise SystemExit(1) from error


def _drop_output() -> None:
    """Let what cannot be printed go nowhere: Python would try again at its end, and fail again."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def refuse(command: str, message: str) -> NoReturn:
    """Print what is wrong with the arguments in one line, and where the right ones are listed.

    Args:
        command: What was typed, such as "clipteacher fit".
        message: What is wrong.

    Raises:
        SystemExit: With status 2.
    """
    print(f"{command}: error: {printable(message)} See {command} --help.", file=sys.stderr)
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
    return f"clipteacher: warning: {printable(' '.join(str(message).split()))}\n"
