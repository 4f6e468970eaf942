"""Paths as they are typed: ~, bytes that are no text, words of YAML, names that look like options."""

import os
from pathlib import Path

import pytest

from clipteacher.cli.parser import CommandParser


def parser() -> CommandParser:
    made = CommandParser("tool")
    made.add_argument("photos", type=Path, nargs="+")
    made.add_argument("--out", type=Path, required=True)
    made.add_argument("--table", type=Path | None)
    made.add_argument("--cache", type=Path, default=Path("cache"))
    return made


@pytest.mark.parametrize("name", ["null", "1.0", "[1].jpg", "{a}", "a: b", "\x1b[31m", "a\nb", "\udcff.jpg", "*", "@x"])
def test_a_name_stays_what_it_is(name: str) -> None:
    given = parser().parse_args([name, "--out", name, f"--table={name}"])
    assert (given.photos, given.out, given.table, given.cache) == ([Path(name)], Path(name), Path(name), Path("cache"))
    assert parser().parse_args([name, "--out", "o"]).table is None


def test_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    given = parser().parse_args(["~/a.jpg", "b~.jpg", "~no such user/x", "--out=~", "--table=~/t.csv"])
    assert given.photos == [Path("/home/me/a.jpg"), Path("b~.jpg"), Path("~no such user/x")]
    assert (given.out, given.table) == (Path("/home/me"), Path("/home/me/t.csv"))


@pytest.mark.parametrize("arguments", [["", "--out", "o"], ["a", "--out", ""], ["a", "--out", "o", "--table="]])
def test_an_empty_path_is_not_the_working_directory(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        parser().parse_args(arguments)
    assert stop.value.code == 2
    assert "got an empty text, expected a path. Write . for" in capsys.readouterr().err


def test_a_file_that_is_called_like_an_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    given = parser().parse_args(["--out", "o", "--", "--help.jpg", "-x"])
    assert given.photos == [Path("--help.jpg"), Path("-x")]
    for name in ("--help.jpg", "-x.jpg"):
        for there in (False, True):
            with pytest.raises(SystemExit):
                parser().parse_args(["--out", "o", "a", name])
            said = capsys.readouterr().err
            assert f"got {name}, which is no option." in said
            assert (f"For the file of this name write {os.path.join('.', name)}." in said) == there
            Path(name).write_text("")
    with pytest.raises(SystemExit):
        parser().parse_args(["--out", "o", "a", "--bad\x1b"])
    assert "\x1b" not in capsys.readouterr().err
