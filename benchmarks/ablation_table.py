"""The tables of a grid's JSON lines, one for each list of unseen classes: mean and standard deviation over seeds.

python benchmarks/ablation_table.py benchmarks/results/msrc21.jsonl
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import tables
from ablation import TEACHER
from recorded import read_lines


def table(lines: list[dict[str, Any]]) -> str:
    """Write the table in Markdown, the best hIoU first; settings with fewer runs than others say how many."""
    runs = tables.by_setting(lines)
    most = max(map(len, runs.values()), default=0)
    rows = []
    for setting, of_setting in runs.items():
        count = f" ({len(of_setting)} of {most} runs)" if len(of_setting) < most and setting != TEACHER else ""
        score = sum(run["hIoU"] for run in of_setting) / len(of_setting)
        rows.append((score, [setting + count, *tables.score_cells(of_setting)]))
    return tables.table(["setting", *tables.COLUMNS], [cells for _, cells in sorted(rows, reverse=True)])


def main() -> None:
    """Print the tables of each file."""
    for path in sys.argv[1:]:
        lines = read_lines(Path(path))
        for unseen in dict.fromkeys(", ".join(line["unseen"]) for line in lines):
            here = [line for line in lines if ", ".join(line["unseen"]) == unseen]
            seeds = sorted({line["seed"] for line in here})
            print(f"{path}: {len(here)} runs; seeds {seeds}; unseen: {unseen}\n\n{table(here)}\n")


if __name__ == "__main__":
    main()
