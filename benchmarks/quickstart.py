"""The quickstart over seeds: its table with mean and standard deviation, and how long it took.

Each run is the command `clipteacher quickstart`; a run that is finished already is read, not repeated. From the
project's root:

    .venv/bin/python benchmarks/quickstart.py --seeds 0 1 2
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clipteacher.demo.quickstart.results import TITLES
from clipteacher.utils.atomic_files import write_json
from tables import mean_and_spread, row

HEAD = "| | U | hIoU | S | pAcc | images/s |\n|---|---|---|---|---|---|"


def quickstart(out: Path, seed: int) -> dict[str, Any]:
    """Run `clipteacher quickstart`, unless the run is finished, and read what it found."""
    if not (out / "metrics.json").exists():
        command = [str(Path(sys.executable).with_name("clipteacher")), "quickstart", "--out", str(out)]
        subprocess.run([*command, "--seed", str(seed)], check=True)  # noqa: S603 (our own command)
    metrics: dict[str, Any] = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    return metrics


def table(runs: Sequence[Mapping[str, Any]]) -> str:
    """Write the runs' table in Markdown: mean and standard deviation over the seeds, in per cent."""
    lines = [HEAD]
    for key, title in TITLES.items():
        speed = mean_and_spread([run["timings"]["images_per_second"][key] for run in runs], 0)
        lines.append(f"{row(title, [run['rows'][key] for run in runs])} {speed} |")
    return "\n".join(lines)


def main() -> None:
    """Run or read all seeds and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path("runs/quickstart-seeds"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/quickstart.json"))
    given = parser.parse_args()
    runs = [quickstart(given.runs / f"seed{seed}", seed) for seed in given.seeds]
    command = shlex.join(["python", "benchmarks/quickstart.py", "--seeds", *map(str, given.seeds)])
    write_json(given.out, {"command": command, "date": time.strftime("%Y-%m-%d"), "runs": runs})
    machine = runs[0]["machine"]
    print(f"{runs[0]['protocol']}; seeds {given.seeds}; {machine['cpu']}, {machine['cores']} cores\n\n{table(runs)}")
    minutes = [sum(run["timings"]["seconds"].values()) / 60 for run in runs]
    print(f"{mean_and_spread(minutes)} minutes a run")


if __name__ == "__main__":
    main()
