"""`clipteacher world`: the folder it writes is the one that Python writes, and bad input is an error of one line."""

from pathlib import Path

import pytest

from clipteacher.cli.main import main
from clipteacher.demo.drawn_world import UNSEEN, write_world


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_it_draws_what_it_was_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    numbers = ["--seed", "4", "--train", "3", "--val", "2", "--size", "40"]
    main(["world", "--out", str(tmp_path / "command"), *numbers])
    assert f"'[{', '.join(UNSEEN)}]'" in capsys.readouterr().out
    write_world(tmp_path / "python", seed=4, train=3, val=2, size=40)
    assert files(tmp_path / "command") == files(tmp_path / "python")
    assert len(list((tmp_path / "command" / "images" / "train").iterdir())) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--train", "0"], "train: got 0"), (["--size", "8"], "size: got 8"), ([], "is not empty")],
)
def test_bad_input(tmp_path: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    if not arguments:
        (tmp_path / "world").mkdir()
        (tmp_path / "world" / "mine.txt").write_text("mine")
    with pytest.raises(SystemExit) as stop:
        main(["world", "--out", str(tmp_path / "world"), *arguments])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
