"""What a quickstart found: its rows, as JSON and as a table, and the speed at test."""

from __future__ import annotations

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

from clipteacher.evaluation.metrics import Scores, percent
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.version import __version__

TITLES = {
    "baseline": "supervised baseline",
    "teacher": "zero-shot teacher (MaskCLIP-style)",
    "student": "student, GLM + PLM",
}
"""The rows in their order: keys in metrics.json, titles in the table and in the panel."""


@dataclass(frozen=True)
class Results:
    """What a quickstart found.

    Attributes:
        protocol: Name of the protocol.
        seed: Seed of the world and of training.
        scores: Scores by row, see `TITLES`.
        images_per_second: Speed at test by row, one image at a time.
        seconds: Time taken by each stage.
    """

    protocol: str
    seed: int
    scores: Mapping[str, Scores]
    images_per_second: Mapping[str, float]
    seconds: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values; all that differs from run to run of a seed stands under "timings"."""
        return {
            "protocol": self.protocol,
            "seed": self.seed,
            "versions": {"clipteacher": __version__, "torch": torch.__version__},
            "machine": machine(),
            "rows": {key: self.scores[key].to_dict() for key in TITLES},
            "timings": {"images_per_second": dict(self.images_per_second), "seconds": dict(self.seconds)},
        }

    def table(self) -> Table:
        """Return the table of the rows, scores in per cent."""
        total = round(sum(self.seconds.values()))
        table = Table(
            title=f"{self.protocol}, seed {self.seed}",
            caption=f"{total // 60} min {total % 60} s in all on {machine()['cores']} cores ({machine()['cpu']}). "
            "U, S: mean IoU of unseen and of seen classes; hIoU: their harmonic mean.",
        )
        table.add_column("")
        for title in ("U", "hIoU", "S", "pAcc", "images/s"):
            table.add_column(title, justify="right")
        for key, title in TITLES.items():
            row = self.scores[key]
            shares = (percent(share) for share in (row.mIoU_unseen, row.hIoU, row.mIoU_seen, row.pAcc))
            table.add_row(title, *shares, f"{self.images_per_second[key]:.0f}")
        return table


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
