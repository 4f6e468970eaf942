"""Entries on disk: whole or missing, bounded, shared by processes."""

import multiprocessing
import os
import time
from pathlib import Path

import pytest
import torch

from clipteacher.teacher_cache.store import TokenStore
from clipteacher.teacher_cache.tokens import PhotoTokens

NAME = "ab" * 32


def tokens(seed: int = 0) -> PhotoTokens:
    generator = torch.Generator().manual_seed(seed)
    return PhotoTokens(torch.randn(2, 8, generator=generator).half(), torch.randn(8, 4, 5, generator=generator).half())


def same(one: PhotoTokens | None, other: PhotoTokens) -> bool:
    return one is not None and torch.equal(one.cls, other.cls) and torch.equal(one.dense, other.dense)


def write_all(stores: list[TokenStore]) -> None:
    for number, store in enumerate(stores):
        store.write(f"{number:064x}", tokens(number))


def test_what_was_written_is_read(tmp_path: Path) -> None:
    store = TokenStore(tmp_path / "a" / "b", "key", 1.0)
    assert store.read(NAME) is None
    store.write(NAME, tokens())
    assert same(store.read(NAME), tokens())
    assert same(TokenStore(tmp_path / "a" / "b", "key", 1.0).read(NAME), tokens())
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [f"{NAME}.safetensors"]


def test_another_teachers_entry_is_never_read(tmp_path: Path) -> None:
    mine, other = TokenStore(tmp_path, "a" * 64, 1.0), TokenStore(tmp_path, "a" * 16 + "b" * 48, 1.0)
    mine.write(NAME, tokens())
    assert mine.path(NAME) == other.path(NAME), "the keys begin alike, so the file is there"
    assert other.read(NAME) is None
    moved = mine.path("cd" * 32)
    moved.parent.mkdir(parents=True)
    mine.path(NAME).rename(moved)
    assert mine.read("cd" * 32) is None, "another photo's"


@pytest.mark.parametrize("fault", ["empty", "truncated", "one bit", "text", "longer"])
def test_a_damaged_entry_is_missing_and_is_written_anew(tmp_path: Path, fault: str) -> None:
    store = TokenStore(tmp_path, "key", 1.0)
    store.write(NAME, tokens())
    path = store.path(NAME)
    data = path.read_bytes()
    path.write_bytes(
        {
            "empty": b"",
            "truncated": data[:-7],
            "one bit": data[:-3] + bytes([data[-3] ^ 1]) + data[-2:],
            "text": b"not tokens at all",
            "longer": data + b"0",
        }[fault]
    )
    assert store.read(NAME) is None
    store.write(NAME, tokens())
    assert same(store.read(NAME), tokens())


def test_a_full_folder_takes_no_more_and_says_so_once(tmp_path: Path) -> None:
    store = TokenStore(tmp_path, "key", 2500 / 1e9)
    with pytest.warns(UserWarning, match=r"cache: .* holds 0.00 GB of 2.5e-06: no more tokens are kept") as said:
        write_all([store] * 20)
    assert len(said) == 1
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert 2 <= len(kept) < 20
    assert sum(path.stat().st_size for path in kept) <= 2500
    assert same(store.read(f"{0:064x}"), tokens(0)), "nothing is thrown out"
    with pytest.warns(UserWarning, match="no more tokens"):
        TokenStore(tmp_path, "another", 2500 / 1e9).write(NAME, tokens())  # what others hold counts


def test_processes_that_share_a_folder_share_its_room(tmp_path: Path) -> None:
    one, other = TokenStore(tmp_path, "key", 8000 / 1e9), TokenStore(tmp_path, "key", 8000 / 1e9)
    with pytest.warns(UserWarning, match="no more tokens"):
        write_all([one, other] * 30)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) <= 8000


def write_many(folder: Path, start: int) -> None:
    store = TokenStore(folder, "key", 1.0)
    for number in range(40):
        name = f"{(number * start) % 41:064x}"
        found = store.read(name)
        if found is not None and not same(found, tokens(7)):
            raise RuntimeError("half an entry was read")
        store.write(name, tokens(7))


def test_two_writers_of_the_same_entries(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=write_many, args=(tmp_path, start)) for start in (1, 3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    store = TokenStore(tmp_path, "key", 1.0)
    assert all(same(store.read(f"{number:064x}"), tokens(7)) for number in range(40))
    assert not list(tmp_path.rglob(".*"))


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        ValueError, match=r"teacher_cache.folder: got .*file, which cannot be used \(.*Choose one that can"
    ):
        TokenStore(tmp_path / "file", "key", 1.0)


def test_a_read_only_folder_is_read_and_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = TokenStore(tmp_path, "key", 1.0)
    store.write(NAME, tokens())

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("clipteacher.teacher_cache.store.write_atomically", refuse)
    with pytest.warns(UserWarning, match="cannot be written to .*Permission denied.*: no more tokens are kept"):
        store.write("cd" * 32, tokens())
    store.write("ef" * 32, tokens())  # without another word
    assert same(store.read(NAME), tokens())


def test_what_a_killed_writer_left_is_removed_after_a_while(tmp_path: Path) -> None:
    fresh, old = tmp_path / ".fresh-1.safetensors", tmp_path / ".old-1.safetensors"
    for path in (fresh, old):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 7200, time.time() - 7200))
    TokenStore(tmp_path, "key", 1.0)
    assert fresh.exists()
    assert not old.exists()
