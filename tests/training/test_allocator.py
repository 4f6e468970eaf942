"""The allocator's switch: on with glibc, a plain False elsewhere."""

import ctypes
import platform
import sys

import pytest

from clipteacher.training.allocator import keep_freed_memory


class Libc:
    """A C library whose mallopt notes its options and takes those that it is told to take."""

    def __init__(self, taken: set[int]) -> None:
        self.taken = taken
        self.options: dict[int, int] = {}

    def mallopt(self, option: int, value: int) -> int:
        self.options[option] = value
        return int(option in self.taken)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_glibc_takes_it() -> None:
    assert keep_freed_memory() is True
    assert keep_freed_memory() is True, "twice does no harm"


@pytest.mark.parametrize("name", ["darwin", "win32"])
def test_another_platform_is_left_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    libc = Libc(set())
    monkeypatch.setattr(sys, "platform", name)
    monkeypatch.setattr(ctypes, "CDLL", lambda _: libc)
    assert keep_freed_memory() is False
    assert not libc.options


def test_a_c_library_without_mallopt(monkeypatch: pytest.MonkeyPatch) -> None:
    """As musl's."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert keep_freed_memory() is False


def test_no_c_library(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise OSError("no library")

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", refuse)
    assert keep_freed_memory() is False


@pytest.mark.parametrize(("taken", "done"), [({-1, -4}, True), ({-4}, False), ({-1}, False), (set(), False)])
def test_done_means_that_both_options_were_taken(taken: set[int], done: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """No mapped blocks (M_MMAP_MAX, -4) and no trimming of the heap (M_TRIM_THRESHOLD, -1), by glibc's malloc.h."""
    libc = Libc(taken)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda _: libc)
    assert keep_freed_memory() is done
    assert libc.options[-4] == 0
    if done:
        assert libc.options[-1] >= 2**30
