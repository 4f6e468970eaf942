"""`clipteacher audit`: the histogram, faults with their cures, and the exit status."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.data.tiny_copies import Written, write_coco_stuff, write_folder, write_voc12

from clipteacher.cli.main import main
from clipteacher.utils.atomic_files import user_cache

NAMES = ("sky", "cat", "tree")
RIGHT = np.array([[0, 1, 2], [255, 0, 0]])


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def audit(*arguments: str | Path) -> int:
    try:
        main(["audit", *map(str, arguments)])
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def test_a_right_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_folder(tmp_path / "data", NAMES, {"train": {"a": RIGHT, "b": RIGHT}})
    assert audit("--data", tmp_path / "data") == 0
    out = capsys.readouterr().out
    assert "data-3-0, train: 2 masks" in out
    for row in (("0", "sky", "2", "50.0"), ("1", "cat", "2", "16.7"), ("255", "ignored", "16.7")):
        assert any(all(cell in line for cell in row) for line in out.splitlines()), row
    assert "No fault found, and every class occurs." in out
    assert len(list(user_cache("label_audit").iterdir())) == 1, "the next fit need not count"


def test_an_absent_class_is_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_folder(tmp_path / "data", NAMES, {"val": {"a": np.where(RIGHT == 1, 0, RIGHT)}})
    assert audit("--data", tmp_path / "data", "--split", "val") == 0
    out = capsys.readouterr().out
    assert "warning: 1 of 3 classes never occur in 1 masks: cat" in out
    assert "never" in out
    assert audit("--data", tmp_path / "data", "--split", "val", "--unseen", "cat") == 0
    assert "warning" not in capsys.readouterr().out


def test_a_fault_and_its_cure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_folder(tmp_path / "data", NAMES, {"train": {"a": np.where(RIGHT == 255, 0, RIGHT + 1)}})
    assert audit("--data", tmp_path / "data") == 1
    out = capsys.readouterr().out
    assert "fault: " in out
    assert "zero reduction was forgotten" in out
    assert "no class" in out


@pytest.mark.parametrize(("protocol", "write"), [("voc12-15-5", write_voc12), ("coco-stuff-156-15", write_coco_stuff)])
def test_a_protocol(
    protocol: str, write: Callable[[Path], Written], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "data")
    assert audit("--data", tmp_path / "data", "--protocol", protocol, "--split", "val") == 0
    assert f"{protocol}, val: 2 masks" in capsys.readouterr().out


def test_wrong_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit("--data", tmp_path, "--protocol", "voc12-15-5") == 2
    assert "clipteacher prepare voc12" in capsys.readouterr().err
    assert audit("--data", tmp_path) == 2
    assert "classes.txt: no such file" in capsys.readouterr().err
