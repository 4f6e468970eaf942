"""One run at a time in a folder: an advisory lock of the system, which goes with the process that holds it."""

from __future__ import annotations

import errno
import os
import socket
import sys
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Final

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_TAKEN: Final = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
_BEYOND: Final = 1 << 20  # the byte that Windows locks, after what the file says, which others may read


class RunInUseError(ValueError):
    """Another process trains in the folder; the message names it."""


class RunLock:
    """A lock on a folder, held by one process of one run.

    It is no file whose being there means something: a process that was killed holds nothing, and the next one starts at
    once. It is a record lock (POSIX's, or Windows'), which processes that are forked from the holder do not keep. On a
    network disk it holds between machines where its file system passes locks on (NFS 4 does); one that has none is
    warned of, and the folder is not guarded.

    Args:
        path: The file that is locked, in the folder. Where there is no such folder, it is made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None
        self._made: list[Path] = []

    def acquire(self) -> None:
        """Take the lock, and write into the file who has it.

        Raises:
            OSError: The folder cannot be made or written to.
            RunInUseError: Another process has it.
        """
        folder = self.path.parent
        self._made = [each for each in (folder, *folder.parents) if not each.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        while self._handle is None:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                if self._locked(handle):
                    os.ftruncate(handle, 0)
                    os.write(handle, f"process {os.getpid()} on {socket.gethostname()}".encode())
                    self._handle, handle = handle, -1
            finally:
                if handle >= 0:
                    os.close(handle)

    def release(self, *, unused: bool = False) -> None:
        """Give the lock back and remove its file; nothing happens where it is not held.

        Args:
            unused: Remove the folders that it made, too, if there is nothing in them.
        """
        if self._handle is None:
            return
        if sys.platform != "win32":  # before it is given back, so that nobody can have taken it
            self.path.unlink(missing_ok=True)
        os.close(self._handle)
        self._handle = None
        with suppress(OSError):
            if sys.platform == "win32":
                self.path.unlink(missing_ok=True)
            for folder in self._made if unused else ():
                folder.rmdir()

    def _locked(self, handle: int) -> bool:
        """Lock an open file; False where it was removed meanwhile, by who had the lock."""
        try:
            if sys.platform == "win32":
                os.lseek(handle, _BEYOND, os.SEEK_SET)
                msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
                os.lseek(handle, 0, os.SEEK_SET)
            else:
                fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _TAKEN:
                raise RunInUseError(
                    f"out: {self.path.parent} is in use by {_holder(handle)}, expected a folder in which no other run "
                    "is training. Wait for it or stop it, or name another folder."
                ) from error
            warnings.warn(
                f"run: the disk of {self.path.parent} has no locks ({error}); make sure that no other run writes there",
                stacklevel=4,
            )
        with suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(handle), self.path.stat())
        return False


def _holder(handle: int) -> str:
    """Read who has the lock."""
    os.lseek(handle, 0, os.SEEK_SET)
    return os.read(handle, 256).decode("utf-8", "replace") or "another process"
