"""What the benchmarks' tables share: spread over rounds, mean and deviation over seeds, Markdown."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

SCORES = ("mIoU_unseen", "hIoU", "mIoU_seen", "pAcc")
COLUMNS = ("U", "hIoU", "S", "pAcc")


class Spread(NamedTuple):
    """Smallest, median and largest of some values."""

    low: float
    median: float
    high: float

    def __str__(self) -> str:
        """Write "0.98, **1.00**, 1.03"."""
        return f"{self.low:.2f}, **{self.median:.2f}**, {self.high:.2f}"


def spread(values: Sequence[float]) -> Spread:
    """Return smallest, median and largest."""
    return Spread(min(values), statistics.median(values), max(values))


def spread_of_ratios(values: Sequence[float], base: Sequence[float]) -> Spread:
    """Return the spread of the ratios within each round: other work on the machine falls on both alike."""
    return spread([one / other for one, other in zip(values, base, strict=True)])


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float]:
    """Return mean and standard deviation; a single value deviates by 0."""
    return statistics.mean(values), statistics.stdev(values) if len(values) > 1 else 0.0


def shown_mean(values: Sequence[float], digits: int = 1) -> str:
    """Write "mean ± standard deviation"; the mean alone where there is one value."""
    mean, deviation = mean_and_deviation(values)
    return f"{mean:.{digits}f}" + (f" ± {deviation:.{digits}f}" if len(values) > 1 else "")


def score_cells(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Write mean and deviation of `SCORES`, which are shares, in percent: the cells under `COLUMNS`."""
    return [shown_mean([100 * run[score] for run in runs]) for score in SCORES]


def by_setting(lines: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Group lines of a grid by their setting, in the order in which settings come."""
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for line in lines:
        found[line["setting"]].append(line)
    return found


def row(cells: Iterable[object]) -> str:
    """Write one row of a Markdown table."""
    return f"| {' | '.join(map(str, cells))} |"


def head(titles: Sequence[str]) -> str:
    """Write the first two lines of a Markdown table."""
    return f"{row(titles)}\n|{'---|' * len(titles)}"


def table(titles: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    """Write a Markdown table."""
    return "\n".join([head(titles), *map(row, rows)])
