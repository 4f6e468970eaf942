"""What a quickstart found: its rows, as JSON and as a table, and the speed at test."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import torch
from rich.table import Table
from torch import Tensor

from clipteacher.evaluation.metrics import Scores
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.utils.atomic_files import nan_to_none
from clipteacher.utils.percent import percent
from clipteacher.version import __version__

TITLES = {
    "baseline": "labels only",
    "teacher": "zero-shot teacher",
    "after": "words said after",
    "before": "words said before",
    "reference": "all masks (reference)",
}
"""The rows in their order: keys in metrics.json, titles in the table and in the panel."""


@dataclass(frozen=True)
class Results:
    """What a quickstart found.

    Attributes:
        protocols: Name of the protocol that each row was trained under; see `TITLES`.
        seed: Seed of the world and of training.
        scores: Scores by row; U is over the same classes in each.
        images_per_second: Speed at test by row, one image at a time.
        seconds: Time taken by each stage.
    """

    protocols: Mapping[str, str]
    seed: int
    scores: Mapping[str, Scores]
    images_per_second: Mapping[str, float]
    seconds: Mapping[str, float]

    @property
    def protocol(self) -> str:
        """Name of the protocol that all rows are scored by: that of the baseline."""
        return self.protocols["baseline"]

    def of_reference(self, key: str) -> float:
        """Return a row's U as a share of the reference's, which has all masks; NaN where that is 0."""
        reference = self.scores["reference"].mIoU_unseen
        return self.scores[key].mIoU_unseen / reference if reference else math.nan

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values; all that differs from run to run of a seed stands under "timings"."""
        return {
            "protocol": self.protocol,
            "seed": self.seed,
            "versions": {"clipteacher": __version__, "torch": torch.__version__},
            "machine": machine(),
            "rows": {key: self._row(key) for key in TITLES},
            "timings": {"images_per_second": dict(self.images_per_second), "seconds": dict(self.seconds)},
        }

    def table(self) -> Table:
        """Return the table of the rows, scores in per cent."""
        table = Table(title=f"{self.protocol}, seed {self.seed}", caption=self._caption())
        table.add_column("")
        for title in ("U", "hIoU", "S", "pAcc", "images/s", "of the\nreference"):
            table.add_column(title, justify="right")
        for key, title in TITLES.items():
            row, share = self.scores[key], self.of_reference(key)
            shares = (percent(share) for share in (row.mIoU_unseen, row.hIoU, row.mIoU_seen, row.pAcc))
            speed, reached = f"{self.images_per_second[key]:.0f}", "-" if math.isnan(share) else percent(share)
            table.add_row(title, *shares, speed, reached)
        return table

    def _row(self, key: str) -> dict[str, Any]:
        """Return a row for JSON: its protocol, its scores, and how much of the reference's U it reaches."""
        reached: dict[str, Any] = nan_to_none({"of_reference": self.of_reference(key)})
        return {"protocol": self.protocols[key], **self.scores[key].to_dict(), **reached}

    def _caption(self) -> str:
        """Say what the columns mean, which rows were trained under another protocol, and how long it took."""
        others = {TITLES[key]: name for key, name in self.protocols.items() if name != self.protocol}
        total, where = round(sum(self.seconds.values())), machine()
        return (
            f"Protocol {self.protocol}; {', '.join(f'{title}: {name}' for title, name in others.items())}. "
            "U, S: mean IoU of the classes without and with masks in training; hIoU: their harmonic mean; of the "
            f"reference: U as a share of its U. {total // 60} min {total % 60} s in all on {where['cores']} cores "
            f"({where['cpu']})."
        )


def machine() -> dict[str, Any]:
    """Name the CPU and count the cores that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {"cpu": names[0] if names else platform.processor() or platform.machine(), "cores": cores}


def images_per_second(segmenters: Mapping[str, Segmenter], images: Sequence[Tensor]) -> dict[str, float]:
    """Measure segmenters side by side: each image goes through all of them in turn, so that all meet the same machine.

    Args:
        segmenters: What is measured, by name.
        images: Images (3, H, W), float in [0, 1]; at least one. The first is segmented once more beforehand.

    Returns:
        One over the median of the seconds an image, by name.

    Raises:
        ValueError: There is no image.
    """
    if not images:
        raise ValueError("images: got none, expected at least one to measure on")
    seconds: dict[str, list[float]] = {name: [] for name in segmenters}
    for number, image in enumerate([images[0], *images]):
        for name, segmenter in segmenters.items():
            start = perf_counter()
            segmenter.segment(image)
            if number:
                seconds[name].append(perf_counter() - start)
    return {name: 1 / median(values) for name, values in seconds.items()}
