"""What a run says when something outside it stops it: what happened, what is left, how to go on."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from clipteacher.cli.errors import DISK_ADVICE, plain_warnings
from clipteacher.data.files import DataError
from clipteacher.training.finite_losses import NonFiniteLossError
from clipteacher.training.run_folder import RunFolder
from clipteacher.training.run_lock import RunInUseError


@contextmanager
def training_faults(run: RunFolder | None) -> Iterator[None]:
    """End a run with one message where the disk, a photo, the loss or the user stops it; other errors pass as they are.

    Warnings are printed as `clipteacher.cli.errors.plain_warnings` does.

    Args:
        run: The run's folder, for what is left of it and how to go on; None leaves both to the command.

    Raises:
        SystemExit: With status 1, after the message; with 2 where another process trains in the folder.
    """
    try:
        with plain_warnings():
            yield
    except RunInUseError as error:
        print(f"clipteacher: error: {error}", file=sys.stderr)
        raise SystemExit(2) from error
    except (NonFiniteLossError, DataError, OSError, KeyboardInterrupt) as error:
        if isinstance(error, NonFiniteLossError):
            left = "no checkpoint, for none was due yet"
            if run is not None and run.last_checkpoint.exists():
                left = f"{run.last_checkpoint}, from before"
            message = f"{error}" + ("" if run is None else f"\nLeft: {left}")
        elif isinstance(error, DataError):
            fault = str(error).split("DataError: ")[-1].strip()  # a worker puts its traceback before it
            message = f"{fault}\nFix it{_resume(run, ', then ')}"
        elif isinstance(error, OSError) and error.errno in DISK_ADVICE:
            message = f"{error}\n{DISK_ADVICE[error.errno]}{_resume(run, ', then ')}"
        elif isinstance(error, KeyboardInterrupt) and run is not None:
            message = _resume(run, "stopped: ")
        else:
            raise
        print(f"clipteacher: {message}", file=sys.stderr)
        raise SystemExit(1) from error


def _resume(run: RunFolder | None, before: str) -> str:
    """Say how to go on, after some words; a full stop where there is no run to go on with."""
    if run is None:
        return "."
    what = f"{before}the same command with --resume"
    if not (run.last_checkpoint.exists() or run.previous_checkpoint.exists()):
        return f"{what} starts from the beginning, for no checkpoint was due yet."
    return f"{what} goes on from {run.last_checkpoint}."
