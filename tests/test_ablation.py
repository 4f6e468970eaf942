"""`benchmarks/ablation.py`: which runs a grid has, which are done, and the command of each."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
GRIDS = sorted((ROOT / "benchmarks" / "grids").glob("*.yaml"))
GRID: dict[str, Any] = {
    "config": "configs/msrc21.yaml",
    "data": "data",
    "unseen": ["cat", "old car"],
    "seeds": [0, 1],
    "common": ["--trainer.max_steps", 2],
    "settings": {"both": [], "+ GLM": ["--model.plm", None]},
    "rescored": {"both, offset": {"of": "both", "switches": ["--seen_offset", 0.3]}},
}


@pytest.fixture
def ablation(monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import ablation

    return ablation


def test_runs_seed_by_seed_and_folders(ablation: Any) -> None:  # noqa: ANN401
    runs = list(ablation.grid_runs(GRID))
    assert [(run.seed, run.setting) for run in runs] == [
        (seed, setting) for seed in (0, 1) for setting in ("both", "+ GLM", "both, offset")
    ]
    assert [run.folder for run in runs[:3]] == [
        "both-cat-old_car-seed0",
        "+_GLM-cat-old_car-seed0",
        "both-cat-old_car-seed0",
    ], "what is scored again is the other's student"
    held_out = list(ablation.grid_runs(GRID | {"held_out": [["dog"], ["sheep"]]}))
    assert [run.unseen for run in held_out[:6]] == [["dog"]] * 3 + [["sheep"]] * 3


def test_a_whole_grid_of_commands_and_no_run_twice(
    ablation: Any,  # noqa: ANN401
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    commands: list[list[str]] = []

    def run(command: list[str], **_: Any) -> None:  # noqa: ANN401
        commands.append(command)
        out = Path(command[command.index("--out") + 1])
        file = out / "metrics.json" if command[1] == "fit" else out
        file.write_text(json.dumps({"mIoU_unseen": 0.5, "hIoU": 0.5, "mIoU_seen": 0.5, "pAcc": 0.5}))

    monkeypatch.setattr(subprocess, "run", run)
    (tmp_path / "grid.yaml").write_text(yaml.safe_dump(GRID, sort_keys=False))
    lines = tmp_path / "lines.jsonl"
    words = ["ablation", str(tmp_path / "grid.yaml"), "--lines", str(lines), "--runs", str(tmp_path / "runs")]

    monkeypatch.setattr(sys, "argv", [*words, "--settings", "both, offset"])
    ablation.main()
    assert not commands
    assert "'both' has not been trained" in capsys.readouterr().out

    monkeypatch.setattr(sys, "argv", words)
    ablation.main()
    assert [command[1] for command in commands] == ["fit", "fit", "evaluate"] * 2
    assert commands[0][-2:] == ["--trainer.max_steps", "2"]
    assert commands[2][-2:] == ["--seen_offset", "0.3"]
    assert commands[3][commands[3].index("--seed_everything") + 1] == "1"
    found = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [line.get("of") for line in found] == [None, None, "both"] * 2

    with lines.open("a") as file:
        file.write('{"setting": "cut o')
    ablation.main()
    assert len(commands) == 6, "all lines are there"


@pytest.mark.parametrize("path", GRIDS, ids=lambda path: path.stem)
def test_the_grids_in_the_project(path: Path, ablation: Any) -> None:  # noqa: ANN401
    grid = yaml.safe_load(path.read_text())
    assert set(grid) <= {"config", "data", "unseen", "held_out", "seeds", "common", "settings", "rescored"}
    assert (ROOT / grid["config"]).is_file()
    assert not any(set(names) & set(grid["unseen"]) for names in grid.get("held_out", []))
    assert all(again["of"] in grid["settings"] for again in grid.get("rescored", {}).values())
    lines = ablation.finished(ROOT / "benchmarks" / "results" / f"{path.stem}.jsonl")
    keys = [run.key for run in ablation.grid_runs(grid)]
    assert all(any({name: line.get(name) for name in key} == key for key in keys) for line in lines), (
        "lines of this grid"
    )
    assert all(line["common"] == (grid.get("common") or []) for line in lines)
