"""Work side by side: as much as there is room for, each with its share of torch's threads."""

import threading
import time
from collections.abc import Iterator

import pytest
import torch

from clipteacher.utils.ahead import map_ahead
from clipteacher.utils.side_by_side import SideBySide


@pytest.fixture
def four_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("threads", "count"), [(1, 2), (2, 2), (3, 3), (16, 4)])
@pytest.mark.usefixtures("four_threads")
def test_how_many(threads: int, count: int) -> None:
    torch.set_num_threads(threads)
    assert SideBySide(room=10).count == count


@pytest.mark.usefixtures("four_threads")
def test_no_more_than_there_is_room_for() -> None:
    places, lock = SideBySide(room=10), threading.Lock()
    taken, most = 0, []

    def work(size: int) -> int:
        nonlocal taken
        with places.place(size):
            with lock:
                taken += size
                most.append(taken)
            time.sleep(0.002)
            with lock:
                taken -= size
        return size

    sizes = [3, 3, 3, 7, 10, 1, 5, 5, 6, 2] * 5
    assert list(map_ahead(work, sizes, places.count)) == sizes
    assert max(most) <= 10
    assert any(before != size for before, size in zip(most, sizes, strict=True)), "some were side by side"


@pytest.mark.usefixtures("four_threads")
def test_what_is_too_large_is_alone_and_has_all_threads() -> None:
    places = SideBySide(room=10)
    seen: dict[int, int] = {}

    def work(size: int) -> None:
        with places.place(size):
            seen[size] = torch.get_num_threads()

    for _ in map_ahead(work, [1, 9, 10, 99], places.count):
        pass
    assert seen == {1: 1, 9: 1, 10: 4, 99: 4}
    assert torch.get_num_threads() == 4
    late = list(map_ahead(lambda _: torch.get_num_threads(), [0], 1))
    assert late == [4], "threads that begin later have all of them"


def test_a_fault_gives_the_room_back() -> None:
    places, before = SideBySide(room=1), torch.get_num_threads()
    with pytest.raises(ValueError, match="a fault"), places.place(1):
        raise ValueError("a fault")
    with places.place(1):
        pass
    assert torch.get_num_threads() == before
