"""Where the spread between seeds comes from: the student's first weights, or the order of photos and their crops?

    python benchmarks/seed_spread.py benchmarks/grids/msrc21_steady_choose.yaml --setting 1e-3 --list 1

One setting of a grid, for one of its lists of unseen classes. Runs with the weights of seed 0 have the order of each
seed in turn, runs with the order of seed 0 the weights of each. A line for each run is appended to a file, and what has
a line is not run again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import yaml

from ablation import ROOT, Run, data_of, fit_options, grid_runs
from clipteacher.training.configured import configured_session
from machine import provenance
from recorded import read_lines
from tables import score_cells, shown_mean, table

VARIED = ("weights", "order")


def pairs(seeds: Sequence[int]) -> Iterator[tuple[int, int]]:
    """List the seeds of weights and order of each run: one of them is the first seed.

    Example:
        >>> list(pairs([0, 1]))
        [(0, 0), (1, 0), (0, 1)]
    """
    first, *others = seeds
    yield first, first
    for seed in others:
        yield from ((seed, first), (first, seed))


def perform(run: Run, grid: Mapping[str, Any], data: Path, out: Path, weights: int) -> dict[str, Any]:
    """Train one run from the first weights that another seed draws, and return its scores."""
    options = ["--data.root", str(data), "--resume"]
    other = configured_session([*fit_options(run._replace(seed=weights), grid), *options, "--out", f"{out}-weights"])
    session = configured_session([*fit_options(run, grid), *options, "--out", str(out)])
    session.module.framework.student.load_state_dict(other.module.framework.student.state_dict())
    session.start()
    metrics: dict[str, Any] = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    return metrics


def varied(lines: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    """Group the runs that differ in one thing alone: what it is, and the runs, the one that both share included."""
    for name, fixed in zip(VARIED, VARIED[::-1], strict=True):
        first = min(line[fixed] for line in lines)
        yield name, [line for line in lines if line[fixed] == first]


def main() -> None:
    """Run what has no line yet, and print both spreads, in all and by class."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("grid", type=Path)
    parser.add_argument("--setting", required=True)
    parser.add_argument("--list", type=int, default=0, help="number of the list of unseen classes, from 0")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--data", type=Path, help="instead of the grid's")
    parser.add_argument("--runs", type=Path, default=Path("runs/seed_spread"))
    parser.add_argument("--lines", type=Path, default=ROOT / "benchmarks" / "results" / "seed_spread.jsonl")
    given = parser.parse_args()
    grid = yaml.safe_load(given.grid.read_text(encoding="utf-8"))
    runs = [run for run in grid_runs(grid, [0]) if run.setting == given.setting and run.of is None]
    if not given.list < len(runs):
        parser.error(f"expected one of {list(grid['settings'])}, and a list below {len(runs)}")
    run, data = runs[given.list], data_of(grid, given.data, given.runs)
    key = {"grid": given.grid.stem, "setting": run.setting, "unseen": run.unseen}
    for weights, order in pairs(given.seeds):
        one = {**key, "weights": weights, "order": order}
        if any(one.items() <= line.items() for line in read_lines(given.lines)):
            continue
        out = given.runs / given.grid.stem / f"{run.folder}-weights{weights}-order{order}"
        out.mkdir(parents=True, exist_ok=True)
        with (out.parent / f"{out.name}.log").open("a") as log, redirect_stdout(log), redirect_stderr(log):
            metrics = perform(run._replace(seed=order), grid, data, out, weights)
        given.lines.parent.mkdir(parents=True, exist_ok=True)
        with given.lines.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**one, **metrics, **provenance()}) + "\n")
        print(one, f"U {100 * metrics['mIoU_unseen']:.1f}", flush=True)
    found = [line for line in read_lines(given.lines) if key.items() <= line.items()]
    rows = [
        [
            name,
            len(some),
            *score_cells(some),
            *(shown_mean([100 * one["IoU"][each] for one in some]) for each in run.unseen),
        ]
        for name, some in varied(found)
    ]
    print(table(["what varies", "runs", "U", "hIoU", "S", "pAcc", *run.unseen], rows))


if __name__ == "__main__":
    main()
