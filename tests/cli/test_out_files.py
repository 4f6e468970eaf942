"""What an option names to be written: nothing but an earlier result is written over, and it is said before the work."""

import json
from pathlib import Path

import pytest

from clipteacher.cli.main import main
from clipteacher.cli.out_files import check_json, is_area_table


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("text.json").write_text("no JSON")
    Path("config.json").write_text(json.dumps({"format": 2, "protocol": "x", "scores": {"hIoU": 0.5}}))
    Path("list.json").write_text("[1]")
    Path("scores.json").write_text(json.dumps({"protocol": "x", "pAcc": 0.5, "hIoU": None}))
    Path("link.json").symlink_to("scores.json")
    Path("lost.json").symlink_to("gone.json")
    return tmp_path


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("folder", "out: got folder, a folder; expected a file"),
        ("text.json/scores.json", "out: got text.json/scores.json, but text.json is a file"),
        *((f"{name}.json", f"out: {name}.json would be written over") for name in ("text", "config", "list", "lost")),
        ("link.json", "out: link.json would be written over, expected nothing there, or an earlier result"),
        ("/dev/null", "out: /dev/null would be written over"),
    ],
)
def test_what_is_no_earlier_result_stays(path: str, said: str, here: Path) -> None:
    with pytest.raises(ValueError, match=f"^{said}"):
        check_json("out", Path(path), ("protocol", "hIoU"))


@pytest.mark.parametrize("path", [None, "scores.json", "new.json", "new/folder/scores.json"])
def test_what_may_be_written(path: str | None, here: Path) -> None:
    before = sorted(here.rglob("*"))
    check_json("out", None if path is None else Path(path), ("protocol", "hIoU"))
    assert sorted(here.rglob("*")) == before


@pytest.mark.parametrize(
    ("name", "content", "own"),
    [
        ("a.csv", "photo,sky,none of these\na.jpg,1,0\n", True),
        ("a.csv", "photo,sky\na.jpg,1\n", False),
        ("a.csv", "", True),
        ("a.csv", "\xff", False),
        ("a.json", '{"a.jpg": {"areas": {"sky": 1}, "none": 0}}', True),
        ("a.json", "{}", True),
        ("a.json", '{"format": 2}', False),
        ("a.json", "[]", False),
        ("a.json", "", False),
    ],
)
def test_tables_are_known_by_their_form(name: str, content: str, own: bool, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content.encode("latin-1"))
    assert is_area_table(tmp_path / name) is own


@pytest.mark.parametrize(
    "command",
    [
        ["segment", "photo.png", "--model", "model", "--out", "out", "--areas", "config.json"],
        ["evaluate", "--model", "model", "--data", "data", "--out", "config.json"],
        ["calibrate", "run", "--data", "data", "--unseen", "", "--out", "config.json"],
        ["threshold", "--model", "model", "--data", "data", "--classes", "sky", "--out", "config.json"],
        ["teacher-check", "--data", "data", "--out", "config.json"],
        ["teacher-check", "--data", "data", "--compare", "dense=tokens", "--out", "config.json"],
    ],
)
def test_no_command_writes_over_the_file_of_a_model(
    command: list[str], here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("photo.png").write_bytes(b"")
    before = Path("config.json").read_bytes()
    with pytest.raises(SystemExit) as stop:
        main(command)
    assert stop.value.code == 2
    assert "config.json would be written over" in capsys.readouterr().err
    assert Path("config.json").read_bytes() == before
    assert not Path("out").exists()
