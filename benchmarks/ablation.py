"""A grid of settings × lists of unseen classes × seeds: one JSON line for each finished run, resumable.

    python benchmarks/ablation.py benchmarks/grids/msrc21.yaml
    python benchmarks/ablation_table.py benchmarks/results/msrc21.jsonl

A grid names the configuration, the data, the arguments that all its runs share (`common`), and its settings, each some
options of `clipteacher fit`. With `held_out`, settings are chosen: the classes of `unseen` are removed from a copy of
the data, names and masks, and each held-out list of the others is unseen in turn. Without it those of `unseen` are
reported. A run that has a line is not repeated; a run that was interrupted goes on. Settings under `rescored` train
nothing: they are trained students `of` another setting, scored by `clipteacher evaluate` with options of their own.

`curves` are settings that differ in one value: `λ: {switch: --model.method.plm.fusion_threshold, values: [0.2, 0.6]}`
makes "λ 0.2" and "λ 0.6" (`with`: further options of all its points; `at`: the value that the setting `of`, or "base",
has already, for ablation_plot.py). `world: {seed: 0, ...}` instead of `data` draws scenes with the arguments of
`clipteacher world`. `zero_shot_teacher: true` also scores the configuration's teacher.

In all options "{unseen}" stands for the run's unseen names, so that `--data.unseen "[]" --data.wanted {unseen}`
says them before training, and "{unseen and absent}" for these and the names of the grid's `absent`. A run that holds
nothing back, such as the supervised reference with `--data.unseen "[]"`, is scored with the run's names as the unseen
ones.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import torch
import yaml

from clipteacher.analysis.student.run_options import read_run_options
from clipteacher.cli.evaluate import evaluate
from clipteacher.demo.drawn_world import write_world
from clipteacher.training.configured import configured_session
from held_out import without
from recorded import read_lines
from zero_shot_teacher import score_teacher

ROOT = Path(__file__).resolve().parents[1]
TEACHER = "zero-shot teacher"


class Run(NamedTuple):
    """One run of a grid.

    Attributes:
        setting: Its name in the grid.
        switches: What the setting adds to the options.
        unseen: Classes that training never sees.
        seed: Of weights, order and augmentation.
        of: The setting whose trained student is scored again, or `TEACHER`, which scores the teacher; None trains.
    """

    setting: str
    switches: list[str]
    unseen: list[str]
    seed: int
    of: str | None = None

    @property
    def key(self) -> dict[str, Any]:
        """What distinguishes it: a line with the same values is this run's."""
        return {name: value for name, value in self._asdict().items() if name != "of" or value is not None}

    @property
    def folder(self) -> str:
        """Name of the folder of the run, or of the run whose student it scores."""
        name = f"{self.of or self.setting}-{'-'.join(self.unseen)}-seed{self.seed}"
        return name.replace(" ", "_").replace("/", "_")


def grid_runs(grid: Mapping[str, Any], seeds: Sequence[int] | None = None) -> Iterator[Run]:
    """List a grid's runs, seed by seed, so that an interrupted grid compares whole sets of settings.

    Args:
        grid: The grid.
        seeds: Seeds in place of its own. The teacher, which depends on none, is scored for the grid's first seed alone.
    """
    settings = dict(grid["settings"])
    for name, curve in (grid.get("curves") or {}).items():
        for value in curve["values"]:
            settings[f"{name} {value}"] = [*curve.get("with", []), curve["switch"], value]
    for seed in seeds or grid["seeds"]:
        for unseen in grid.get("held_out") or [grid["unseen"]]:
            if grid.get("zero_shot_teacher") and seed == grid["seeds"][0]:
                yield Run(TEACHER, [], list(unseen), seed, TEACHER)
            for setting, switches in settings.items():
                yield Run(setting, [str(word) for word in switches or []], list(unseen), seed)
            for setting, again in (grid.get("rescored") or {}).items():
                yield Run(setting, [str(word) for word in again["switches"]], list(unseen), seed, again["of"])


def fit_options(run: Run, grid: Mapping[str, Any]) -> list[str]:
    """Return the options of `clipteacher fit` for a run, without data and folder.

    Raises:
        ValueError: A word stands for a list that there is not.
    """
    unseen = ["--data.unseen", json.dumps(run.unseen), "--seed_everything", str(run.seed)]
    lists = {"{unseen}": run.unseen, "{unseen and absent}": [*run.unseen, *(grid.get("absent") or [])]}
    words = [*map(str, grid.get("common") or []), *run.switches]
    if strange := [word for word in words if re.fullmatch(r"\{[\w ]+\}", word) and word not in lists]:
        raise ValueError(f"grid: got {strange}, expected {' or '.join(lists)}, or values")
    options = [json.dumps(lists[word]) if word in lists else word for word in words]
    return ["--config", str(ROOT / grid["config"]), *unseen, *options]


def perform(run: Run, grid: Mapping[str, Any], data: Path, out: Path) -> dict[str, Any]:
    """Train and score one run, or score again what is trained, or the teacher; return its line."""
    start = time.perf_counter()
    if run.of == TEACHER:
        teacher = read_run_options(ROOT / grid["config"]).teacher
        protocol, scores = score_teacher(teacher, data, "val", run.unseen)
        metrics = {"protocol": protocol, **scores.to_dict()}
    else:
        metrics = score_student(run, grid, data, out)
    return {
        **run.key,
        "common": grid.get("common") or [],
        **metrics,
        "minutes": round((time.perf_counter() - start) / 60, 2),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__.split('+')[0]}",
        "date": time.strftime("%Y-%m-%d"),
    }


def score_student(run: Run, grid: Mapping[str, Any], data: Path, out: Path) -> dict[str, Any]:
    """Train a run, or go on with it, or evaluate a trained student again; return what its file of scores holds.

    One process trains all: several trainings in one have the bits of trainings in fresh processes.
    """
    metrics_file = out / ("metrics.json" if run.of is None else "rescored.json")
    with (out.parent / f"{out.name}.log").open("a") as log, redirect_stdout(log), redirect_stderr(log):
        if run.of is None:
            arguments = [*fit_options(run, grid), "--data.root", str(data), "--out", str(out), "--resume"]
            configured_session(arguments).start()
        else:
            arguments = ["--model", str(out / "model"), "--data", str(data), "--unseen", json.dumps(run.unseen)]
            evaluate([*arguments, "--out", str(metrics_file), *run.switches])
        metrics: dict[str, Any] = json.loads(metrics_file.read_text(encoding="utf-8"))
        if metrics["mIoU_unseen"] is None:  # it was trained with all masks
            metrics_file = out / "rescored.json"
            arguments = ["--model", str(out / "model"), "--data", str(data), "--unseen", json.dumps(run.unseen)]
            evaluate([*arguments, "--out", str(metrics_file)])
            metrics = json.loads(metrics_file.read_text(encoding="utf-8"))
    return metrics


def data_of(grid: Mapping[str, Any], given: Path | None, runs: Path) -> Path:
    """Find the data, or draw them; with held-out lists, copy them without the unseen classes."""
    if given is None and (world := grid.get("world")):
        given = runs / "-".join(["world", *(f"{key}{value}" for key, value in world.items())])
        if not (given / "classes.txt").exists():
            write_world(given, **world)
    data: Path = given or ROOT / grid["data"]
    return without(data, runs / f"{data.name}-seen", grid["unseen"]) if grid.get("held_out") else data


def main() -> None:
    """Run what has no line yet, and append the lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("grid", type=Path)
    parser.add_argument("--lines", type=Path, help="JSON lines; default: benchmarks/results/<grid>.jsonl")
    parser.add_argument("--runs", type=Path, default=Path("runs/ablation"))
    parser.add_argument("--data", type=Path, help="instead of the grid's")
    parser.add_argument("--settings", nargs="+", help="only these")
    parser.add_argument("--seeds", type=int, nargs="+", help="instead of the grid's")
    given = parser.parse_args()
    grid: dict[str, Any] = yaml.safe_load(given.grid.read_text(encoding="utf-8"))
    lines = given.lines or ROOT / "benchmarks" / "results" / f"{given.grid.stem}.jsonl"
    data = data_of(grid, given.data, given.runs)
    done = read_lines(lines)
    for run in grid_runs(grid, given.seeds):
        if given.settings and run.setting not in given.settings:
            continue
        if any({key: line.get(key) for key in run.key} == run.key for line in done):
            continue
        out = given.runs / given.grid.stem / run.folder
        if run.of not in (None, TEACHER) and not (out / "metrics.json").exists():
            print(f"{run.setting}, seed {run.seed}: left out, because {run.of!r} has not been trained", flush=True)
            continue
        out.mkdir(parents=True, exist_ok=True)
        line = perform(run, grid, data, out)
        lines.parent.mkdir(parents=True, exist_ok=True)
        with lines.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        scores = {key: line[key] and round(100 * line[key], 1) for key in ("mIoU_unseen", "hIoU", "mIoU_seen")}
        print(f"{run.setting}, unseen {run.unseen}, seed {run.seed}: {scores}, {line['minutes']} min", flush=True)


if __name__ == "__main__":
    main()
