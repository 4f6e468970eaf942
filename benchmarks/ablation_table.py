"""The table of a grid's JSON lines: mean and standard deviation of U, hIoU, S and pAcc over seeds and lists.

python benchmarks/ablation_table.py benchmarks/results/msrc21.jsonl
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ablation import TEACHER, finished
from tables import HEAD, by_setting, row


def table(lines: list[dict[str, Any]]) -> str:
    """Write the table in Markdown, the best hIoU first; settings with fewer runs than others say how many."""
    runs = by_setting(lines)
    most = max(map(len, runs.values()), default=0)
    rows = []
    for setting, of_setting in runs.items():
        count = f" ({len(of_setting)} of {most} runs)" if len(of_setting) < most and setting != TEACHER else ""
        rows.append((sum(run["hIoU"] for run in of_setting) / len(of_setting), row(setting + count, of_setting)))
    return "\n".join([HEAD, *(text for _, text in sorted(rows, reverse=True))])


def main() -> None:
    """Print the table of each file."""
    for path in sys.argv[1:]:
        lines = finished(Path(path))
        unseen = sorted({", ".join(line["unseen"]) for line in lines})
        seeds = sorted({line["seed"] for line in lines})
        print(f"{path}: {len(lines)} runs; seeds {seeds}; unseen: {' | '.join(unseen)}\n\n{table(lines)}\n")


if __name__ == "__main__":
    main()
