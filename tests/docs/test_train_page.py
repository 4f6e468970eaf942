"""docs/get_started/train.md: its commands and its Python run on drawn photographs, and its figures are the code's."""

import shlex
from pathlib import Path

import pytest
from tests.conftest import write_folder
from tests.docs.pages import blocks, page

from clipteacher.cli.main import main
from clipteacher.planning import balance, budget, frame, parts, run
from clipteacher.planning.budget import Seconds

PAGE = page("docs/get_started/train.md")


def test_it_runs_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    photos = write_folder(tmp_path / "photos", {"train": 5, "val": 3}, ("sky", "grass", "cat", "house"))
    for kind, suffix in (("images", ".png"), ("masks", ".png")):  # without a split, as tools export it
        for split in ("train", "val"):
            for number, path in enumerate(sorted((photos / kind / split).iterdir())):
                path.rename(photos / kind / f"{number + (5 if split == 'val' else 0)}{suffix}")
            (photos / kind / split).rmdir()
    monkeypatch.setattr(budget, "FEWEST", 2)
    monkeypatch.setattr(budget, "EPOCHS", 1)
    monkeypatch.setattr(run, "_measured", lambda *_: Seconds(1.0, 0.1, 0.1))
    teacher = "package:clipteacher.demo.tiny_clip"
    monkeypatch.setattr(run, "choose_teacher", lambda given, size: parts.choose_teacher(teacher, size))
    commands = [line for block in blocks(PAGE, "sh") for line in block.splitlines()]
    assert [shlex.split(line)[1] for line in commands] == ["train", "fit"]
    for line in commands:
        main(shlex.split(line)[1:])
    (code,) = blocks(PAGE, "python")
    exec(compile(code.replace(".jpg", ".png"), "train.md", "exec"), {})  # noqa: S102 (the page's own lines)
    assert Path("found.png").is_file()
    for name in ("mine", "changed", "python"):
        assert Path("runs", name, "metrics.json").is_file()
    assert Path("runs/mine/data/photos/classes.txt").read_text().split() == ["sky", "grass", "cat", "house"]


def test_its_figures_are_those_of_the_code() -> None:
    assert f"on {run._ASKED} photos" in PAGE
    assert f"above {frame.CPU_SIDE} pixels on a CPU, or {frame.GPU_SIDE} on a GPU" in PAGE
    assert f"show each photo {budget.EPOCHS} times, and at least {budget.FEWEST}" in PAGE
    assert f"up to {balance.LARGEST:g}" in PAGE
