"""What a run says when something outside it stops it: what happened, what is left, how to go on."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from clipteacher.data.files import DataError
from clipteacher.training.finite_losses import NonFiniteLossError
from clipteacher.training.run import RunFolder

_ADVICE = {
    errno.ENOSPC: "The disk is full: free some room",
    errno.EDQUOT: "The quota is used up: free some room",
    errno.EFBIG: "The file is larger than the system allows: lift the limit (ulimit -f)",
    errno.EROFS: "The disk is read-only: make it writable",
    errno.EACCES: "The folder may not be written to: change its permissions",
    errno.EPERM: "The folder may not be written to: change its permissions",
    errno.EIO: "The disk is failing: move the run to another",
}


@contextmanager
def training_faults(run: RunFolder, *, resumable: bool) -> Iterator[None]:
    """End a run with one message where the disk, a photo, the loss or the user stops it; other errors pass as they are.

    Args:
        run: The run's folder, for what is left of it.
        resumable: Whether the command has `--resume`; without it, what to do next is left to the command.

    Raises:
        SystemExit: With status 1, after the message.
    """
    try:
        yield
    except NonFiniteLossError as error:
        _say(f"{error}\nLeft: {_left(run)}")
        raise SystemExit(1) from error
    except DataError as error:
        fault = str(error).split("DataError: ")[-1].strip()  # a worker puts its traceback before it
        _say(f"{fault}\nMend it{_go_on(run, ', then ') if resumable else '.'}")
        raise SystemExit(1) from error
    except OSError as error:
        if error.errno not in _ADVICE:
            raise
        _say(f"{error}\n{_ADVICE[error.errno]}{_go_on(run, ', then ') if resumable else '.'}")
        raise SystemExit(1) from error
    except SystemExit as error:
        if resumable and isinstance(error.__context__, KeyboardInterrupt):  # the trainer turns Ctrl-C into an exit
            _say(_go_on(run, "stopped: "))
        raise
    except KeyboardInterrupt:
        if resumable:
            _say(_go_on(run, "stopped: "))
            raise SystemExit(1) from None
        raise


def _left(run: RunFolder) -> str:
    """Say which checkpoint there is."""
    if run.last_checkpoint.exists():
        return f"{run.last_checkpoint}, from before"
    return "no checkpoint, for none was due yet"


def _go_on(run: RunFolder, before: str) -> str:
    """Say how to go on, after some words."""
    what = f"{before}the same command with --resume"
    if not (run.last_checkpoint.exists() or run.previous_checkpoint.exists()):
        return f"{what} begins anew, for no checkpoint was due yet."
    return f"{what} goes on from {run.last_checkpoint}."


def _say(message: str) -> None:
    print(f"clipteacher: {message}", file=sys.stderr)
