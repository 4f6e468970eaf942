"""Rows of the benchmarks' tables: mean and standard deviation over seeds, in per cent."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

SCORES = ("mIoU_unseen", "hIoU", "mIoU_seen", "pAcc")
HEAD = "| setting | U | hIoU | S | pAcc |\n|---|---|---|---|---|"


def mean_and_spread(values: Sequence[float], digits: int = 1) -> str:
    """Write "mean ± standard deviation"; the mean alone where there is one value."""
    spread = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.{digits}f}{spread}"


def by_setting(lines: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Group lines of a grid by their setting, in the order in which settings come."""
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for line in lines:
        found[line["setting"]].append(line)
    return found


def row(setting: str, runs: Sequence[Mapping[str, Any]]) -> str:
    """Write a line of a Markdown table under `HEAD` from the scores of several seeds, which are shares."""
    cells = [mean_and_spread([100 * run[score] for run in runs]) for score in SCORES]
    return f"| {setting} | {' | '.join(cells)} |"
