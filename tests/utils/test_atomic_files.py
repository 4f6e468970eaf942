"""Files are written whole or not at all."""

import errno
import json
import math
import os
from pathlib import Path

import pytest

from clipteacher.utils.atomic_files import flush, remove_unfinished, write_atomically, write_json


def test_a_new_file_in_a_new_folder(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "text.txt"
    write_atomically(path, lambda temporary: temporary.write_text("whole"))
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_the_path_may_be_a_string(tmp_path: Path) -> None:
    write_atomically(str(tmp_path / "text.txt"), lambda temporary: temporary.write_text("whole"))
    assert (tmp_path / "text.txt").read_text() == "whole"


def test_an_older_file_is_there_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_text("old")
    seen: list[str] = []

    def write(temporary: Path) -> None:
        assert temporary.parent == path.parent, "another disk could not be renamed from"
        assert temporary.suffix == ".png", "Pillow goes by the suffix"
        assert temporary.name.startswith("."), "a listing shows no half files"
        temporary.write_text("half")
        seen.append(path.read_text())
        temporary.write_text("new")

    write_atomically(path, write)
    assert seen == ["old"]
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("older", [True, False])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_failing_leaves_the_old_file_and_no_other(tmp_path: Path, older: bool, error: BaseException) -> None:
    path = tmp_path / "text.txt"
    if older:
        path.write_text("old")

    def write(temporary: Path) -> None:
        temporary.write_text("half")
        raise error

    with pytest.raises(type(error)):
        write_atomically(path, write)
    assert [entry.read_text() for entry in tmp_path.iterdir()] == (["old"] if older else [])


def test_a_writer_that_takes_its_file_away_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_text("old")
    with pytest.raises(FileNotFoundError):
        write_atomically(path, lambda temporary: temporary.unlink())
    assert [entry.read_text() for entry in tmp_path.iterdir()] == ["old"]


def test_a_folder_in_the_way_stays_and_no_temporary_file_is_left(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    with pytest.raises(OSError, match="runs"):
        write_atomically(tmp_path / "runs", lambda temporary: temporary.write_text("whole"))
    assert [entry.is_dir() for entry in tmp_path.iterdir()] == [True]


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_everyone_may_read(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    write_atomically(path, lambda temporary: temporary.write_text("whole"))
    assert path.stat().st_mode & 0o777 == 0o644


def test_json_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    value = {"pAcc": 0.1 + 0.2, "hIoU": None, "IoU": {"naïve 木": 1e-17}}
    write_json(path, value)
    text = path.read_text(encoding="utf-8")
    assert json.loads(text) == value, "floats come back to the bit"
    assert list(json.loads(text)) == ["pAcc", "hIoU", "IoU"]
    assert "naïve 木" in text
    assert text.endswith("}\n")


def test_nan_is_written_as_null(tmp_path: Path) -> None:
    value = {"U": math.nan, "IoU": {"sky": [math.nan, 0.5], "cat": (math.nan,)}, "note": "nan"}
    write_json(tmp_path / "metrics.json", value)
    expected = {"U": None, "IoU": {"sky": [None, 0.5], "cat": [None]}, "note": "nan"}
    assert json.loads((tmp_path / "metrics.json").read_text()) == expected
    assert math.isnan(value["U"]), "what was handed over stays as it is"  # type: ignore[arg-type]


@pytest.mark.parametrize("number", [math.inf, -math.inf])
def test_what_json_has_no_number_for(tmp_path: Path, number: float) -> None:
    path = tmp_path / "metrics.json"
    path.write_text("old")
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"IoU": {"sky": [number]}})
    assert [entry.read_text() for entry in tmp_path.iterdir()] == ["old"]


def test_what_json_has_no_type_for(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        write_json(tmp_path / "new" / "metrics.json", {"out": tmp_path})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("durable", [False, True])
def test_a_durable_file_is_flushed_before_it_is_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durable: bool
) -> None:
    path, flushed = tmp_path / "text.txt", list[tuple[str, bool]]()

    def spy(place: Path) -> None:
        flushed.append((place.name if place.is_dir() else place.suffix, path.exists()))
        flush(place)

    monkeypatch.setattr("clipteacher.utils.atomic_files.flush", spy)
    write_atomically(path, lambda temporary: temporary.write_text("whole"), durable=durable)
    assert path.read_text() == "whole"
    assert flushed == ([(".txt", False), (tmp_path.name, True)] if durable else [])


def test_a_disk_that_cannot_flush_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError("no room")

    (tmp_path / "text.txt").write_text("old")
    monkeypatch.setattr(os, "fsync", full)
    flush(tmp_path)  # a folder: some disks cannot, and need not
    with pytest.raises(OSError, match="no room"):
        write_atomically(tmp_path / "text.txt", lambda temporary: temporary.write_text("new"), durable=True)
    assert [entry.read_text() for entry in tmp_path.iterdir()] == ["old"]


def test_what_a_killed_process_left_goes_and_the_rest_stays(tmp_path: Path) -> None:
    for name in (".a.part-abcd_123.json", ".hidden", "b.part-abcd1234.json", ".c.part-toolong12.json", ".d-abcd1234"):
        (tmp_path / name).write_text("half")
    for folder in (".model.part-abcd1234", ".model.old-abcd1234/was", ".other.old-abcd1234/was", "other"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / ".model.old-abcd1234" / "was" / "config.json").write_text("older")
    removed = [".a.part-abcd_123.json", ".model.old-abcd1234", ".model.part-abcd1234", ".other.old-abcd1234"]
    assert remove_unfinished(tmp_path) == removed
    left = [".c.part-toolong12.json", ".d-abcd1234", ".hidden", "b.part-abcd1234.json", "model", "other"]
    assert sorted(path.name for path in tmp_path.iterdir()) == left
    assert (tmp_path / "model" / "config.json").read_text() == "older", "what was about to be replaced is back"
    assert remove_unfinished(tmp_path) == []
    assert remove_unfinished(tmp_path / "nowhere") == []


def test_an_error_names_the_file_that_was_meant(tmp_path: Path) -> None:
    def full(temporary: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def closed(temporary: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(temporary))

    def other(temporary: Path) -> None:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", "font.ttf")

    for write, named in ((full, tmp_path / "a.png"), (closed, tmp_path / "a.png"), (other, "font.ttf")):
        with pytest.raises(OSError, match=rf"{named}'$"):
            write_atomically(tmp_path / "a.png", write)
    assert not list(tmp_path.iterdir())
