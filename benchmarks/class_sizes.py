"""How well classes without masks are found, by their size: from the lines of finished runs and the masks of a data set.

    python benchmarks/class_sizes.py ../shared/msrc21 benchmarks/results/msrc21_steady.jsonl --setting "GLM + PLM"

Size is the median share of a photo that a class takes, over the test photos that have it. The IoU of a class is given
over all runs of a setting that had no masks of it, and beside it over those that had.
"""

from __future__ import annotations

import argparse
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from clipteacher.data.class_list import read_class_names
from clipteacher.data.files import read_values
from clipteacher.data.folder import list_folder
from recorded import read_lines
from tables import shown_mean, table


def median_shares(data: Path, split: str = "val") -> dict[str, tuple[float, int]]:
    """Return for each class the median of its shares, 0..1, in the photos that have it, and their number."""
    names, shares = read_class_names(data), defaultdict[str, list[float]](list)
    for record in list_folder(data, split):
        ids, counts = np.unique(read_values(record.mask), return_counts=True)
        for number, count in zip(ids.tolist(), counts.tolist(), strict=True):
            if number < len(names):
                shares[names[number]].append(count / counts.sum())
    return {name: (statistics.median(found), len(found)) for name, found in shares.items()}


def scores(lines: Iterable[Mapping[str, Any]]) -> dict[str, tuple[list[float], list[float]]]:
    """Return for each class its IoUs, in per cent, where it had no masks, and where it had."""
    found: dict[str, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    for line in lines:
        for name, iou in line["IoU"].items():
            if iou is not None:
                found[name][name not in line["unseen"]].append(100 * iou)
    return found


def main() -> None:
    """Print the table, the smallest class first."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("results", type=Path, nargs="+", help="files of lines")
    parser.add_argument("--setting", required=True)
    given = parser.parse_args()
    sizes = median_shares(given.data)
    lines = [line for path in given.results for line in read_lines(path) if line["setting"] == given.setting]
    if not lines:
        parser.error(f"expected lines of {given.setting!r}, got none")
    rows = []
    for name, (without, having) in scores(lines).items():
        if without:
            share, photos = sizes[name]
            found = [shown_mean(some) if some else "-" for some in (without, having)]
            rows.append([name, f"{100 * share:.1f} %", photos, len(without), *found])
    rows.sort(key=lambda row: sizes[str(row[0])][0])
    print(table(["class", "median share", "photos", "runs", "IoU without masks", "with masks"], rows))


if __name__ == "__main__":
    main()
