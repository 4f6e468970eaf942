"""Photos side by side on a CPU: each in a thread of its own, with its share of torch's threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition
from typing import Final

_MOST_THREADS: Final = 4
"""Python's own part of the work runs in one of them at a time, so more gain little."""


class SideBySide:
    """Places for work in several threads, as many at once as their sizes allow.

    A small network's layers do not fill several cores, and what goes on between them fills one. So photos side by side,
    with one of torch's threads each, are done sooner than one after the other with all of them. What is too large to
    stand beside others waits for them, and has all threads.

    Args:
        room: Sum of the sizes of what is worked on at a time, in units of the caller's choice.

    Attributes:
        count: Number of threads that the caller should work in, such as of `clipteacher.utils.ahead.map_ahead`.
    """

    def __init__(self, room: int) -> None:
        import torch  # here, for a page of help needs none

        self._threads = torch.get_num_threads()
        self.count = min(max(self._threads, 2), _MOST_THREADS)
        self._room, self._taken = room, 0
        self._changed = Condition()

    @contextmanager
    def place(self, size: int) -> Iterator[None]:
        """Wait for room, and work with a share of torch's threads; what takes all of the room has all of them.

        Args:
            size: Of the work, in the units of `room`; what is larger than the room takes all of it.
        """
        import torch

        size = min(size, self._room)
        with self._changed:
            self._changed.wait_for(lambda: self._taken + size <= self._room)
            self._taken += size
        try:
            torch.set_num_threads(self._threads if size == self._room else max(self._threads // self.count, 1))
            yield
        finally:
            torch.set_num_threads(self._threads)  # a thread's own, but later threads begin with the last that was set
            with self._changed:
                self._taken -= size
                self._changed.notify_all()
