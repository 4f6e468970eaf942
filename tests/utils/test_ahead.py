"""Reading ahead and writing behind: in order, no further than allowed, and stopped at once."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from clipteacher.utils.ahead import iterate_ahead, map_ahead


def test_results_come_in_the_order_of_the_items() -> None:
    def slow_first(number: int) -> int:
        time.sleep(0.02 * (number == 0))
        return number**2

    assert list(map_ahead(slow_first, range(10), count=4)) == [number**2 for number in range(10)]
    assert list(iterate_ahead(iter(range(10)))) == list(range(10))
    assert list(map_ahead(abs, [], count=2)) == list(iterate_ahead([])) == []


def test_items_are_drawn_here_and_calls_run_elsewhere() -> None:
    here, drawn = threading.get_ident(), []

    def items() -> Iterator[int]:
        for number in range(8):
            drawn.append(threading.get_ident())
            yield number

    called = list(map_ahead(lambda _: threading.get_ident(), items(), count=2))
    assert set(drawn) == {here}
    assert here not in called
    drawn.clear()
    assert list(iterate_ahead(items())) == list(range(8))
    assert here not in drawn


@pytest.mark.parametrize("count", [1, 3])
def test_no_more_is_drawn_ahead_than_allowed(count: int) -> None:
    drawn = 0

    def items() -> Iterator[int]:
        nonlocal drawn
        for number in range(20):
            drawn += 1
            yield number

    with closing(map_ahead(abs, items(), count)) as found:
        for taken, _ in zip(range(1, 6), found, strict=False):
            assert drawn == taken + count


def test_one_call_runs_while_the_caller_works() -> None:
    met = threading.Barrier(2, timeout=5)
    with closing(map_ahead(lambda number: number and met.wait(), [0, 1], count=1)) as found:
        next(found)
        met.wait()  # breaks, and raises, where the second call does not run yet
        assert next(found) in (0, 1)


@pytest.mark.parametrize("where", ["function", "items", "caller"])
def test_what_is_not_begun_is_dropped_when_something_stops(where: str) -> None:
    begun: list[int] = []
    ended: list[int] = []

    def function(number: int) -> int:
        begun.append(number)
        if where == "function" and number == 2:
            raise OSError("the disk is full")
        time.sleep(0.01)
        ended.append(number)
        return number

    def items() -> Iterator[int]:
        for number in range(20):
            if where == "items" and number == 4:
                raise KeyboardInterrupt
            yield number

    def work() -> None:
        with closing(map_ahead(function, items(), count=1)) as found:
            for number in found:
                if where == "caller" and number == 2:
                    raise KeyboardInterrupt

    with pytest.raises((OSError, KeyboardInterrupt)):
        work()
    assert max(begun) <= 4
    assert ended == [number for number in begun if (where, number) != ("function", 2)], "what runs is waited for"
    assert not any(thread.name.startswith("ThreadPool") for thread in threading.enumerate() if thread.is_alive())


def test_nothing_is_begun_after_what_failed() -> None:
    failed, begun = threading.Event(), []

    def function(number: int) -> None:
        begun.append(number)
        if number == 1:
            failed.set()
            raise OSError("the disk is full")

    def items() -> Iterator[int]:
        yield from (0, 1)
        failed.wait(5)
        time.sleep(0.05)  # the thread is free, and what comes now would be begun at once
        yield 2
        time.sleep(0.05)

    with pytest.raises(OSError, match="the disk is full"):
        list(map_ahead(function, items(), count=3))
    assert begun == [0, 1]


def test_what_came_before_the_failed_one_is_ended() -> None:
    failed = threading.Event()

    def function(number: int) -> int:
        if number == 1:
            failed.set()
            raise OSError("the disk is full")
        failed.wait(5)
        return number

    with closing(map_ahead(function, range(2), count=2)) as found:
        assert next(found) == 0
        with pytest.raises(OSError, match="the disk is full"):
            next(found)


def test_an_error_of_an_iterable_in_another_thread_is_raised_here() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("a damaged part")

    found = iterate_ahead(items())
    assert next(found) == 1
    with pytest.raises(ValueError, match="a damaged part"):
        next(found)
