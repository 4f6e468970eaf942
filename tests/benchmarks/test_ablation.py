"""`benchmarks/ablation.py`: which runs a grid has, which are done, and the command of each."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import yaml

ROOT = Path(__file__).parents[2]
GRID: dict[str, Any] = {
    "config": "configs/msrc21.yaml",
    "data": "data",
    "unseen": ["cat", "old car"],
    "seeds": [0, 1],
    "common": ["--trainer.max_steps", 2],
    "settings": {"both": [], "+ GLM": ["--model.method.plm", None]},
    "rescored": {"both, calibrated": {"of": "both", "switches": ["--calibration", 0.3]}},
}


@pytest.fixture
def ablation(monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import ablation

    return ablation


def test_runs_seed_by_seed_and_folders(ablation: Any) -> None:  # noqa: ANN401
    runs = list(ablation.grid_runs(GRID))
    assert [(run.seed, run.setting) for run in runs] == [
        (seed, setting) for seed in (0, 1) for setting in ("both", "+ GLM", "both, calibrated")
    ]
    assert [run.folder for run in runs[:3]] == [
        "both-cat-old_car-seed0",
        "+_GLM-cat-old_car-seed0",
        "both-cat-old_car-seed0",
    ], "what is scored again is the other's student"
    held_out = list(ablation.grid_runs(GRID | {"held_out": [["dog"], ["sheep"]]}))
    assert [run.unseen for run in held_out[:6]] == [["dog"]] * 3 + [["sheep"]] * 3


def test_a_whole_grid_of_runs_and_none_twice(
    ablation: Any,  # noqa: ANN401
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    commands: list[tuple[str, list[str]]] = []

    def write(name: str, arguments: list[str]) -> None:
        commands.append((name, arguments))
        out = Path(arguments[arguments.index("--out") + 1])
        file = out / "metrics.json" if name == "fit" else out
        file.write_text(json.dumps({"mIoU_unseen": 0.5, "hIoU": 0.5, "mIoU_seen": 0.5, "pAcc": 0.5}))
        print("the run's own output")

    def session(arguments: list[str]) -> Any:  # noqa: ANN401
        return SimpleNamespace(start=lambda: write("fit", arguments))

    monkeypatch.setattr(ablation, "configured_session", session)
    monkeypatch.setattr(ablation, "evaluate", lambda arguments: write("evaluate", arguments))
    (tmp_path / "grid.yaml").write_text(yaml.safe_dump(GRID, sort_keys=False))
    lines = tmp_path / "lines.jsonl"
    words = ["ablation", str(tmp_path / "grid.yaml"), "--lines", str(lines), "--runs", str(tmp_path / "runs")]

    monkeypatch.setattr(sys, "argv", [*words, "--settings", "both, calibrated"])
    ablation.main()
    assert not commands
    assert "'both' has not been trained" in capsys.readouterr().out

    monkeypatch.setattr(sys, "argv", words)
    ablation.main()
    assert [name for name, _ in commands] == ["fit", "fit", "evaluate"] * 2
    first, other, again, later, *_ = (arguments for _, arguments in commands)
    assert first[:2] == ["--config", str(ROOT / "configs" / "msrc21.yaml")]
    assert first[first.index("--trainer.max_steps") + 1] == "2"
    assert other[other.index("--model.method.plm") - 1] == "2", "the setting's own options come after the common ones"
    assert again[-2:] == ["--calibration", "0.3"]
    assert later[later.index("--seed_everything") + 1] == "1"
    found = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [line.get("of") for line in found] == [None, None, "both"] * 2
    assert "own output" not in capsys.readouterr().out
    logs = sorted(path.read_text() for path in (tmp_path / "runs" / "grid").glob("*.log"))
    assert [log.count("own output") for log in logs] == [1, 1, 2, 2], "in the log of the run"

    with lines.open("a") as file:
        file.write('{"setting": "cut o')
    ablation.main()
    assert len(commands) == 6, "all lines are there"


def test_trainings_in_one_process(ablation: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ANN401
    """For real, and small: two settings, one scored again, the teacher; each with its own scores."""
    grid = {
        "config": "src/clipteacher/demo/quickstart/quickstart.yaml",
        "world": {"seed": 0, "train": 4, "val": 2, "size": 64},
        "unseen": ["sand", "boat"],
        "seeds": [0],
        "zero_shot_teacher": True,
        "common": [
            "--trainer.max_steps",
            1,
            "--data.batch_size",
            2,
            "--report_rows",
            1,
            "--trainer.accelerator",
            "cpu",
        ],
        "absent": ["zebra"],
        "settings": {
            "base": [],
            "supervised baseline": ["--model.method.glm", "null", "--model.method.plm", "null"],
            "words before": ["--data.unseen", "[]", "--data.wanted", "{unseen and absent}"],
            "all masks": ["--data.unseen", "[]", "--model.method.glm", "null", "--model.method.plm", "null"],
        },
        "rescored": {"base, calibration 9": {"of": "base", "switches": ["--calibration", 9]}},
    }
    (tmp_path / "grid.yaml").write_text(yaml.safe_dump(grid, sort_keys=False))
    lines = tmp_path / "lines.jsonl"
    words = ["ablation", str(tmp_path / "grid.yaml"), "--lines", str(lines), "--runs", str(tmp_path / "runs")]
    monkeypatch.setattr(sys, "argv", words)
    ablation.main()
    teacher, base, baseline, before, reference, calibrated = ablation.read_lines(lines)
    assert teacher["of"] == "zero-shot teacher"
    assert base["protocol"] == baseline["protocol"] == calibrated["protocol"] == teacher["protocol"]
    assert base["IoU"] != baseline["IoU"]
    assert (calibrated["calibration"], calibrated["mIoU_seen"]) == (9, 0)
    assert before["protocol"].endswith("-18-2-transductive")
    config = yaml.safe_load((tmp_path / "runs" / "grid" / "words_before-sand-boat-seed0" / "config.yaml").read_text())
    assert config["data"]["wanted"] == ["sand", "boat", "zebra"]
    assert reference["protocol"] == base["protocol"], "it is scored with the run's names as the unseen ones"
    assert reference["mIoU_unseen"] is not None
    run = tmp_path / "runs" / "grid" / "base-sand-boat-seed0"
    assert json.loads((run / "metrics.json").read_text())["hIoU"] == base["hIoU"]


def test_the_runs_unseen_names_stand_in_common_options_too(ablation: Any) -> None:  # noqa: ANN401
    grid = {
        "config": "configs/msrc21.yaml",
        "seeds": [0],
        "held_out": [["sheep", "water"]],
        "common": ["--data.unseen", "[]", "--data.wanted", "{unseen}"],
        "settings": {"base": ["--model.method.plm", "{windows: [2, 4]}"]},
    }
    (run,) = ablation.grid_runs(grid)
    options = ablation.fit_options(run, grid)
    assert options[options.index("--data.wanted") + 1] == '["sheep", "water"]'
    assert options[-1] == "{windows: [2, 4]}"
    with pytest.raises(ValueError, match=r"grid: got \['\{unsen\}'\], expected \{unseen\} or \{unseen and absent\}"):
        ablation.fit_options(run, grid | {"common": ["--data.wanted", "{unsen}"]})


def test_lines_of_before_are_read_in_todays_words(ablation: Any, tmp_path: Path) -> None:  # noqa: ANN401
    before = {
        "setting": "student alone, seen offset 0.3",
        "switches": ["--model.glm", "null", "--model.plm.prototypes", "regions", "--seen_offset", "0.3"],
        "of": "student alone",
        "common": ["--model.losses.foreign_latents", True, "--model.glm.cells", 2, "--model.teacher_cache.folder", "x"],
    }
    (tmp_path / "lines.jsonl").write_text(json.dumps(before))
    now = {
        "setting": "supervised baseline, calibration 0.3",
        "switches": [
            *("--model.method.glm", "null", "--model.method.plm.prototypes", "region_pooling"),
            *("--calibration", "0.3"),
        ],
        "of": "supervised baseline",
        "common": [
            *("--model.method.losses.cross_image_negatives", True, "--model.method.glm.grid", 2),
            *("--model.teacher_cache.folder", "x"),
        ],
    }
    assert ablation.read_lines(tmp_path / "lines.jsonl") == [now]
    (tmp_path / "lines.jsonl").write_text(json.dumps(now))
    assert ablation.read_lines(tmp_path / "lines.jsonl") == [now], "today's words stay"


def test_curves_and_the_teacher(ablation: Any) -> None:  # noqa: ANN401
    curve = {
        "switch": "--model.method.glm.temperature",
        "values": [0.02, 0.2],
        "with": ["--model.method.losses.glm", 1],
    }
    grid = GRID | {"settings": {"base": []}, "rescored": {}, "zero_shot_teacher": True, "curves": {"τ": curve}}
    runs = list(ablation.grid_runs(grid))
    assert [(run.seed, run.setting) for run in runs] == [
        (0, "zero-shot teacher"),
        *((seed, setting) for seed in (0, 1) for setting in ("base", "τ 0.02", "τ 0.2")),
    ]
    later = list(ablation.grid_runs(grid, [1, 2]))
    assert [run.seed for run in later] == [1] * 3 + [2] * 3, "other seeds, and no teacher once more"
    assert runs[3].switches == ["--model.method.losses.glm", "1", "--model.method.glm.temperature", "0.2"]
    assert runs[0].of == ablation.TEACHER


def test_a_world_is_drawn_once_and_a_copy_lacks_the_unseen(ablation: Any, tmp_path: Path) -> None:  # noqa: ANN401
    grid = {"world": {"seed": 3, "train": 1, "val": 1, "size": 32}, "unseen": ["sand"]}
    data = ablation.data_of(grid, None, tmp_path)
    assert data == tmp_path / "world-seed3-train1-val1-size32"
    before = (data / "classes.txt").stat().st_mtime_ns
    assert ablation.data_of(grid, None, tmp_path) == data
    assert (data / "classes.txt").stat().st_mtime_ns == before
    copy = ablation.data_of(grid | {"held_out": [["road"]]}, None, tmp_path)
    assert copy != data
    assert "sand" in (data / "classes.txt").read_text().split("\n")
    assert "sand" not in (copy / "classes.txt").read_text().split("\n")


def test_the_zero_shot_teacher_is_scored_as_a_student_is(tmp_path: Path, ablation: Any) -> None:  # noqa: ANN401
    config = ROOT / "src" / "clipteacher" / "demo" / "quickstart" / "quickstart.yaml"
    unseen = ["sand", "brick wall", "boat", "balloon", "flower"]
    world = {"seed": 0, "train": 1, "val": 12, "size": 96}
    data = ablation.data_of({"world": world, "unseen": unseen}, None, tmp_path)
    teacher = ablation.read_run_options(config).teacher
    protocol, found = ablation.score_teacher(teacher, data, "val", unseen)
    assert protocol.endswith("-15-5")
    assert found.mIoU_unseen > 0.3, "the tiny CLIP knows the drawn world"
    _, others = ablation.score_teacher(teacher, data, "val", ["tree", "house", "fish", "bird", "sun"])
    assert others.pAcc == found.pAcc, "which classes are unseen changes no label of the teacher"
    assert others.mIoU_unseen != found.mIoU_unseen


def lines_of(scores: dict[str, list[float]]) -> list[dict[str, Any]]:
    return [
        {"setting": setting, "seed": seed, "protocol": "world-15-5", "unseen": [f"list {seed}"]}
        | dict.fromkeys(("mIoU_unseen", "hIoU", "mIoU_seen", "pAcc"), score)
        for setting, values in scores.items()
        for seed, score in enumerate(values)
    ]


def test_the_pictures_show_the_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import matplotlib as mpl

    mpl.use("agg")
    import ablation_plot
    from tables import by_setting

    curve = {"switch": "--x", "values": [0.8, 0.1], "at": 0.4}
    lines = lines_of({"base": [0.3, 0.5], "λ 0.8": [0.2], "λ 0.1": [0.6], "way b": [0.1]})
    found = ablation_plot.points(curve, "λ", by_setting(lines))
    assert [(value, len(runs)) for value, runs in found] == [("0.1", 1), ("0.4", 2), ("0.8", 1)], "by size"
    words = {"switch": "--x", "values": ["b", "c"], "at": "a"}
    found = ablation_plot.points(words, "way", by_setting(lines))
    assert [value for value, _ in found] == ["b", "a"], "c has not been run"
    assert ablation_plot.percent(lines[:2], "hIoU") == pytest.approx((40, 200**0.5))

    curves = ablation_plot.draw({"curves": {"τ": curve, "λ": curve}}, lines)  # nothing of τ has been run
    assert curves.axes[0].get_title() == "λ"
    assert [text.get_text() for text in curves.axes[0].get_xticklabels()] == ["0.1", "0.4 *", "0.8"]
    heights = [list(cast(Any, line).get_ydata()) for line in curves.axes[0].lines]
    mean, of_a, of_b = heights[3:6]  # hIoU's, after three lines of U
    assert mean == pytest.approx([60, 40, 20])
    assert of_a == pytest.approx([60, 30, 20])
    assert of_b == pytest.approx([50]), "a list without some of the values"
    bars = ablation_plot.draw({}, lines)
    assert [text.get_text() for text in bars.axes[0].get_yticklabels()] == [
        "λ 0.1 (1)",
        "base (2)",
        "λ 0.8 (1)",
        "way b (1)",
    ]
    assert [bar.get_width() for bar in cast(Any, bars.axes[0].containers[1])] == pytest.approx([60, 40, 20, 10])
    with pytest.raises(ValueError, match="got none"):
        ablation_plot.draw({}, [])


def test_the_table_says_which_settings_lack_runs(ablation: Any) -> None:  # noqa: ANN401
    import ablation_table

    table = ablation_table.table(lines_of({"both": [0.4, 0.6], "+ GLM": [0.2], ablation.TEACHER: [0.3]})).splitlines()
    assert table[2] == "| both | 50.0 ± 14.1 | 50.0 ± 14.1 | 50.0 ± 14.1 | 50.0 ± 14.1 |"
    assert table[3] == "| zero-shot teacher | 30.0 | 30.0 | 30.0 | 30.0 |", "the teacher has no seeds"
    assert table[4] == "| + GLM (1 of 2 runs) | 20.0 | 20.0 | 20.0 | 20.0 |"


def test_each_list_of_unseen_classes_has_its_own_table(
    ablation: Any,  # noqa: ANN401
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A deviation over lists would say how hard they are, not how much seeds differ."""
    import ablation_table

    easy, hard = lines_of({"both": [0.6, 0.6]}), lines_of({"both": [0.2, 0.2]})
    for line in (*easy, *hard):
        line["unseen"] = ["boat"] if line in hard else ["sand"]
    path = tmp_path / "lines.jsonl"
    path.write_text("\n".join(map(json.dumps, [*easy, *hard])))
    monkeypatch.setattr(sys, "argv", ["ablation_table.py", str(path)])
    ablation_table.main()
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| both")]
    assert [row.split("|")[2].strip() for row in rows] == ["60.0 ± 0.0", "20.0 ± 0.0"]
