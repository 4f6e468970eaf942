"""The quickstart over seeds: its table with mean and standard deviation, and how long it took.

Each run is the command `clipteacher quickstart`; a finished run is read, not repeated. From the project's root:

    .venv/bin/python benchmarks/quickstart.py --seeds 0 1 2
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clipteacher.demo.quickstart.results import TITLES
from clipteacher.utils.atomic_files import write_json
from machine import provenance
from tables import COLUMNS, score_cells, shown_mean, table


def quickstart(out: Path, seed: int) -> dict[str, Any]:
    """Run `clipteacher quickstart`, unless the run is finished, and read what it found."""
    if not (out / "metrics.json").exists():
        command = [str(Path(sys.executable).with_name("clipteacher")), "quickstart", "--out", str(out)]
        subprocess.run([*command, "--seed", str(seed)], check=True)  # noqa: S603 (our own command)
    metrics: dict[str, Any] = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    if list(metrics["rows"]) != list(TITLES):
        raise ValueError(f"runs: {out} has the rows {list(metrics['rows'])}, expected {list(TITLES)}. Name another.")
    return metrics


def report(runs: Sequence[Mapping[str, Any]]) -> str:
    """Write the runs' table in Markdown: mean and standard deviation over the seeds, in percent.

    The last column is U as a share of the reference's, seed by seed.
    """
    rows = []
    for key, title in TITLES.items():
        speed = shown_mean([run["timings"]["images_per_second"][key] for run in runs], 0)
        scores = [run["rows"][key] for run in runs]
        shares = [row["of_reference"] for row in scores if row["of_reference"] is not None]
        reached = shown_mean([100 * share for share in shares]) if len(shares) == len(runs) else "-"
        rows.append([title, *score_cells(scores), speed, reached])
    return table(["", *COLUMNS, "images/s", "of the reference"], rows)


def main() -> None:
    """Run or read all seeds and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=Path("runs/quickstart-seeds"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/quickstart.json"))
    given = parser.parse_args()
    runs = [quickstart(given.runs / f"seed{seed}", seed) for seed in given.seeds]
    write_json(given.out, {**provenance(), "runs": runs})
    machine = runs[0]["machine"]
    print(f"{runs[0]['protocol']}; seeds {given.seeds}; {machine['cpu']}, {machine['cores']} cores\n\n{report(runs)}")
    minutes = [sum(run["timings"]["seconds"].values()) / 60 for run in runs]
    print(f"{shown_mean(minutes)} minutes a run")


if __name__ == "__main__":
    main()
