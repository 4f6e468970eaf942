"""Work that goes on in other threads while this one has its own: reading ahead and writing behind."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from itertools import repeat
from typing import Any, Final, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_END: Final[Any] = object()


def map_ahead(function: Callable[[T], R], items: Iterable[T], count: int) -> Generator[R, None, None]:
    """Call a function for each item in other threads, some items ahead of what is yielded.

    Items are drawn in the caller's thread, the next ones while the function runs for those before. So it reads ahead
    where the caller works on what is yielded, and writes behind where the items are what the caller works on.

    Args:
        function: Called in another thread; with `count` 1, for one item after the other.
        items: May be made as they are drawn. No more are drawn ahead than `count`.
        count: Number of threads, and of items ahead.

    Yields:
        What the function returns, in the order of the items.

    Raises:
        BaseException: What the function or the items raise. Calls that run are waited for, later ones are not begun
            once one has failed, as where the caller closes the iterator (`contextlib.closing`) before its end.

    Example:
        >>> list(map_ahead(abs, [-1, 2, -3], count=2))
        [1, 2, 3]
    """
    pending: deque[Future[R]] = deque()
    failed: list[int] = []

    def call(number: int, item: T) -> R:
        if failed and number > min(failed):  # the caller, who is to stop this, may not know yet
            raise CancelledError
        try:
            return function(item)
        except BaseException:
            failed.append(number)
            raise

    threads = ThreadPoolExecutor(count)
    try:
        for number, item in enumerate(items):
            pending.append(threads.submit(call, number, item))
            if len(pending) > count:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        threads.shutdown(cancel_futures=True)


def iterate_ahead(items: Iterable[T]) -> Generator[T, None, None]:
    """Draw from an iterable in another thread, one item ahead of what is yielded.

    Yields:
        Its items, in their order.

    Raises:
        BaseException: What the iterable raises.
    """
    iterator = iter(items)
    for item in map_ahead(lambda _: next(iterator, _END), repeat(None), count=1):
        if item is _END:
            return
        yield item
