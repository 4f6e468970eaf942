"""A grid of settings × lists of unseen classes × seeds: one JSON line a finished run, resumable.

    python benchmarks/ablation.py benchmarks/grids/msrc21.yaml
    python benchmarks/ablation_table.py benchmarks/results/msrc21.jsonl

A grid names the configuration, the data, the arguments that all its runs share, and its settings, each some switches of
`clipteacher fit`. With `held_out`, settings are chosen: the classes of `unseen` are taken out of a copy of the data,
names and masks, and each held-out list of the others is unseen in turn. Without it those of `unseen` are reported.
A run whose line is there already is not repeated; a run that was interrupted goes on. Settings under `rescored` train
nothing: they are trained students `of` another setting, scored by `clipteacher evaluate` with switches of their own.

`curves` are settings that differ in one value: `λ: {switch: --model.method.plm.fusion_threshold, values: [0.2, 0.6]}`
makes "λ 0.2" and "λ 0.6" (`with`: further switches of all its points; `at`: the value that the setting `of`, or "base",
has already, for ablation_plot.py). `world: {seed: 0, ...}` in place of `data` draws scenes with the arguments of
`clipteacher world`. `teacher_alone: true` scores the configuration's teacher, too.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import torch
import yaml

from clipteacher.cli.main import main as clipteacher
from clipteacher.demo.drawn_world import write_world
from held_out import without
from teacher_alone import score_teacher

ROOT = Path(__file__).resolve().parents[1]
TEACHER = "teacher alone"
RENAMED = {
    **{f"--model.{name}": f"--model.method.{name}" for name in ("glm", "plm", "losses", "distillation")},
    **{"foreign_latents": "cross_image_negatives", "regions": "region_pooling", "--seen_offset": "--calibration"},
    ".cells": ".grid",
}
"""Words of the switches in lines from before 2026-11-27, and today's."""
_RENAMED = re.compile("|".join(rf"{re.escape(word)}\b" for word in RENAMED))


class Run(NamedTuple):
    """One run of a grid.

    Attributes:
        setting: Its name in the grid.
        switches: What the setting adds to the command.
        unseen: Classes that training never sees.
        seed: Of weights, order and augmentation.
        of: The setting whose trained student is scored once more, or `TEACHER`, which scores the teacher; None trains.
    """

    setting: str
    switches: list[str]
    unseen: list[str]
    seed: int
    of: str | None = None

    @property
    def key(self) -> dict[str, Any]:
        """What tells it from others: a line with the same is this run's."""
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
        seeds: Seeds in place of its own. The teacher is always of its own first, for nothing of it hangs on the seed.
    """
    settings = dict(grid["settings"])
    for name, curve in (grid.get("curves") or {}).items():
        for value in curve["values"]:
            settings[f"{name} {value}"] = [*curve.get("with", []), curve["switch"], value]
    for seed in seeds or grid["seeds"]:
        for unseen in grid.get("held_out") or [grid["unseen"]]:
            if grid.get("teacher_alone") and seed == grid["seeds"][0]:
                yield Run(TEACHER, [], list(unseen), seed, TEACHER)
            for setting, switches in settings.items():
                yield Run(setting, [str(word) for word in switches or []], list(unseen), seed)
            for setting, again in (grid.get("rescored") or {}).items():
                yield Run(setting, [str(word) for word in again["switches"]], list(unseen), seed, again["of"])


def todays_words(line: dict[str, Any]) -> dict[str, Any]:
    """Give a line's settings and switches today's names, so that a run of before is not repeated."""
    found = dict(line)
    for key in ("common", "switches"):
        found[key] = [_today(word) if isinstance(word, str) else word for word in found.get(key) or []]
    for key in ("setting", "of"):
        if isinstance(found.get(key), str):
            found[key] = found[key].replace("seen offset", "calibration")
    return found


def _today(word: str) -> str:
    return _RENAMED.sub(lambda part: RENAMED[part[0]], word)


def finished(lines: Path) -> list[dict[str, Any]]:
    """Read the lines, in today's words; one that was cut off by a kill is left out."""
    if not lines.exists():
        return []
    found = []
    for line in lines.read_text(encoding="utf-8").splitlines():
        try:
            found.append(todays_words(json.loads(line)))
        except ValueError:
            print(f"{lines}: a broken line is left out: {line[:60]!r}", file=sys.stderr)
    return found


def perform(run: Run, grid: Mapping[str, Any], data: Path, out: Path) -> dict[str, Any]:
    """Train and score one run, or score again what is trained, or the teacher; return its line."""
    start = time.perf_counter()
    if run.of == TEACHER:
        metrics = score_teacher(ROOT / grid["config"], data, run.unseen)
    else:
        metrics = student(run, grid, data, out)
    return {
        **run.key,
        "common": grid.get("common") or [],
        **metrics,
        "minutes": round((time.perf_counter() - start) / 60, 2),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__.split('+')[0]}",
        "date": time.strftime("%Y-%m-%d"),
    }


def student(run: Run, grid: Mapping[str, Any], data: Path, out: Path) -> dict[str, Any]:
    """Run `clipteacher fit`, or go on with it, or `evaluate` for a setting that is scored again; return the scores.

    In this process: a training does not depend on what the process did before (tests/training/test_reproducible.py).
    """
    unseen = json.dumps(run.unseen)
    if run.of is None:
        metrics_file = out / "metrics.json"
        command = ["fit", "--config", str(ROOT / grid["config"]), "--data.root", str(data), "--data.unseen", unseen]
        command += ["--seed_everything", str(run.seed), "--out", str(out), "--resume"]
        command += [*map(str, grid.get("common") or []), *run.switches]
    else:
        metrics_file = out / "rescored.json"
        command = ["evaluate", "--model", str(out / "model"), "--data", str(data), "--unseen", unseen]
        command += ["--out", str(metrics_file), *run.switches]
    with (out.parent / f"{out.name}.log").open("a") as log, redirect_stdout(log), redirect_stderr(log):
        clipteacher(command)
    metrics: dict[str, Any] = json.loads(metrics_file.read_text(encoding="utf-8"))
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
    """Run what is not there yet and append its lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("grid", type=Path)
    parser.add_argument("--lines", type=Path, help="JSON lines; default: benchmarks/results/<grid>.jsonl")
    parser.add_argument("--runs", type=Path, default=Path("runs/ablation"))
    parser.add_argument("--data", type=Path, help="in place of the grid's")
    parser.add_argument("--settings", nargs="+", help="only these")
    parser.add_argument("--seeds", type=int, nargs="+", help="in place of the grid's")
    given = parser.parse_args()
    grid: dict[str, Any] = yaml.safe_load(given.grid.read_text(encoding="utf-8"))
    lines = given.lines or ROOT / "benchmarks" / "results" / f"{given.grid.stem}.jsonl"
    data = data_of(grid, given.data, given.runs)
    done = finished(lines)
    for run in grid_runs(grid, given.seeds):
        if given.settings and run.setting not in given.settings:
            continue
        if any({key: line.get(key) for key in run.key} == run.key for line in done):
            continue
        out = given.runs / given.grid.stem / run.folder
        if run.of not in (None, TEACHER) and not (out / "metrics.json").exists():
            print(f"{run.setting}, seed {run.seed}: left out, for {run.of!r} has not been trained", flush=True)
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
