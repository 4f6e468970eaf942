"""`clipteacher train` as it is typed: scores, steps and minutes, of whole commands from start to end.

    python benchmarks/train_command.py ../shared/msrc21 --want "cat, car, flower, sign, cow" --minutes 20 --seeds 0 1 2

Each run is a process of its own, so that the minutes are those that a user waits. A line for each is appended to a
file, and what has a line is not run again. The table is of all its lines. Options of `train` are passed on.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from machine import provenance
from recorded import read_lines
from tables import by_setting, score_cells, shown_mean, table

COMMAND = "from clipteacher.cli.main import main; main()"


def train(data: Path, options: Sequence[str], out: Path) -> dict[str, Any]:
    """Run the command, and return what it decided, how long it took and its scores.

    Raises:
        CalledProcessError: It failed.
    """
    begun = time.perf_counter()
    typed = ["train", str(data), *options, "--out", str(out)]
    subprocess.run([sys.executable, "-c", COMMAND, *typed], check=True)  # noqa: S603 (our own command)
    minutes = (time.perf_counter() - begun) / 60
    plan = yaml.safe_load((out / "plan.yaml").read_text(encoding="utf-8"))
    metrics: dict[str, Any] = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    decided = {
        "steps": plan["trainer"]["max_steps"],
        "batch_size": plan["data"]["batch_size"],
        "crop": plan["data"]["augment"]["crop_size"],
        "calibration": plan["model"].get("test", {}).get("calibration", 0),
        "student": plan["model"]["student"]["init_args"]["architecture"],
        "teacher": plan["model"]["teacher"]["class_path"].rpartition(".")[2],
    }
    return {**decided, "minutes": round(minutes, 1), **metrics}


def shown(lines: Sequence[Mapping[str, Any]]) -> str:
    """Write the table of lines."""
    rows = []
    for setting, runs in by_setting(lines).items():
        protocols = ", ".join(sorted({run["protocol"] for run in runs}))
        steps, minutes = ([run[key] for run in runs] for key in ("steps", "minutes"))
        seeds = ", ".join(str(run["seed"]) for run in runs)
        rows.append([f"`{setting}`", protocols, seeds, *score_cells(runs), shown_mean(steps, 0), shown_mean(minutes)])
    return table(["command", "protocol", "seeds", "U", "hIoU", "S", "pAcc", "steps", "minutes"], rows)


def main() -> None:
    """Train for each seed, and append the lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--runs", type=Path, default=Path("runs/train_command"))
    parser.add_argument("--lines", type=Path, default=Path("benchmarks/results/train_command.jsonl"))
    given, options = parser.parse_known_args()  # others are train's own
    setting = " ".join([given.data.name, *(f'"{each}"' if " " in each else each for each in options)])
    for seed in given.seeds:
        key = {"setting": setting, "seed": seed}
        if any(key.items() <= line.items() for line in read_lines(given.lines)):
            continue
        out = given.runs / f"{len(list(given.runs.glob('*')))}-seed{seed}"
        line = {**key, **train(given.data, [*options, "--seed", str(seed)], out), **provenance()}
        given.lines.parent.mkdir(parents=True, exist_ok=True)
        with given.lines.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
    print(shown(read_lines(given.lines)))


if __name__ == "__main__":
    main()
