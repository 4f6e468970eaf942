"""Counting values against a naive loop, and that counts are kept for the very same files alone."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.data.tiny_copies import write_folder, write_grey

from clipteacher.data import value_counts
from clipteacher.data.files import DataError
from clipteacher.data.folder import FolderSource
from clipteacher.data.value_counts import ValueCounts, count_values, kept_counts
from clipteacher.utils.atomic_files import user_cache

NAMES = ["sky", "cat", "tree"]


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FolderSource:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    masks = {name: rng.choice([0, 2, 77, 255], (5, 6)) for name in "abcd"}
    masks["a"][:] = 0
    write_folder(tmp_path / "data", NAMES, {"train": masks})
    return FolderSource(tmp_path / "data", "train")


def same(one: ValueCounts, other: ValueCounts) -> bool:
    names = ("pixels", "masks", "first", "class_masks")
    return one.total == other.total and all(np.array_equal(getattr(one, n), getattr(other, n)) for n in names)


def test_counts_are_those_of_a_loop(source: FolderSource) -> None:
    seen: list[int] = []
    counts = count_values(source, seen.append)
    assert seen == [1, 2, 3, 4]
    assert counts.total == 4
    for value in range(256):
        per_mask = [int((source.values(i) == value).sum()) for i in range(4)]
        holders = [i for i, count in enumerate(per_mask) if count]
        assert counts.pixels[value] == sum(per_mask)
        assert counts.masks[value] == len(holders)
        assert counts.first[value] == (holders[0] if holders else -1)
    assert counts.class_masks.tolist() == [4, 0, 3]
    assert counts.class_pixels(source).tolist() == counts.pixels[:3].tolist()


def flip_a_byte(data: bytes) -> bytes:
    start = data.index(b"pixels.npy") + 40
    return data[:start] + bytes([data[start] ^ 255]) + data[start + 1 :]


def test_kept_until_a_mask_changes(source: FolderSource, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = kept_counts(source)
    (kept,) = user_cache("label_audit").iterdir()
    assert kept.is_relative_to(os.environ["XDG_CACHE_HOME"])

    def never(*_: object) -> ValueCounts:
        raise AssertionError("counted again")

    with monkeypatch.context() as patched:
        patched.setattr(value_counts, "count_values", never)
        assert same(kept_counts(source), counts)
        with pytest.raises(AssertionError, match="counted again"):
            kept_counts(source, recount=True)
    path = source.paths(0).mask
    write_grey(path, np.full((5, 6), 1))
    assert kept_counts(source).class_masks.tolist() == [3, 1, 3]
    os.utime(path, ns=(1, 1))
    monkeypatch.setattr(value_counts, "count_values", never)
    with pytest.raises(AssertionError, match="counted again"):
        kept_counts(source)


@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: b"{}", lambda data: data[:-40], flip_a_byte])
def test_a_damaged_cache_is_counted_again(source: FolderSource, damage: Callable[[bytes], bytes]) -> None:
    counts = kept_counts(source)
    (kept,) = user_cache("label_audit").iterdir()
    kept.write_bytes(damage(kept.read_bytes()))
    assert same(kept_counts(source), counts)
    assert same(kept_counts(source), counts)


def test_a_cache_that_cannot_be_written(source: FolderSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert kept_counts(source).total == 4


def test_without_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_cache("label_audit") == tmp_path / ".cache" / "clipteacher" / "label_audit"


def test_a_mask_that_cannot_be_read(source: FolderSource) -> None:
    source.paths(2).mask.write_bytes(b"")
    with pytest.raises(DataError, match=r"c\.png: cannot be read"):
        kept_counts(source)
    source.paths(2).mask.unlink()
    with pytest.raises(DataError, match=r"c\.png: cannot be read"):
        kept_counts(source)
