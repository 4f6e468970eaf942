"""Memory and time of many names: labels from a few names at a time, against all logits at full size at once.

    .venv/bin/python benchmarks/vocabulary_memory.py

Each measurement is its own process: the peak of its resident memory while one photo is labelled, less what it held
before (libraries, weights). SegNeXt-T with random weights, one photo, two threads.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F

from clipteacher.inference.dense_prediction import DensePrediction
from clipteacher.inference.text_classifier import TextClassifier
from clipteacher.students.segnext import SegNeXtStudent
from clipteacher.utils.atomic_files import write_json
from machine import provenance
from runtime_worker import mebibytes
from tables import spread, spread_of_ratios, table

WAYS = ("tiles", "plain")


def measure(way: str, names: int, side: int, threads: int) -> dict[str, Any]:
    """Label one photo: memory above what was held before, seconds, and a checksum of the labels."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    student, text_features = SegNeXtStudent("tiny", 512).eval(), F.normalize(torch.randn(names, 512), dim=1)
    classifier = TextClassifier(text_features)
    small, image = torch.rand(1, 3, 64, 64), F.interpolate(torch.rand(1, 3, 24, 24), size=(side, side), mode="bilinear")
    with torch.inference_mode():
        DensePrediction(student, small).labels(classifier)
        before, start = mebibytes("VmHWM"), time.perf_counter()
        if way == "tiles":
            labels = DensePrediction(student, image).labels(classifier)
        else:
            labels = DensePrediction(student, image).logits(classifier).argmax(dim=1)
        seconds = time.perf_counter() - start
    weights = torch.arange(labels.numel()) % 9973
    return {
        "way": way,
        "names": names,
        "above_mib": mebibytes("VmHWM") - before,
        "process_mib": mebibytes("VmHWM"),
        "seconds": seconds,
        "checksum": int((labels.flatten() * weights).sum()),
    }


def main() -> None:
    """Measure each in its own process, in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", type=int, nargs="+", default=[21, 171, 847])
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/vocabulary_memory.json"))
    parser.add_argument("--one", nargs=2, metavar=("WAY", "NAMES"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(given.one[0], int(given.one[1]), given.side, given.threads)))
        return
    found: list[dict[str, Any]] = []
    for _ in range(given.rounds):
        for names in given.names:
            for way in WAYS:
                command = [sys.executable, __file__, "--one", way, str(names), "--side", str(given.side)]
                command += ["--threads", str(given.threads)]
                done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 (ourselves)
                found.append(json.loads(done.stdout.splitlines()[-1]))
    rows = []
    for names in given.names:
        tiles, plain = ([run for run in found if run["names"] == names and run["way"] == way] for way in WAYS)
        ratio = spread_of_ratios([run["seconds"] for run in tiles], [run["seconds"] for run in plain])
        memory = [
            f"{spread([run[key] for run in runs]).median:.0f}"
            for runs, key in ((tiles, "above_mib"), (tiles, "process_mib"), (plain, "above_mib"))
        ]
        same = len({run["checksum"] for run in tiles + plain}) == 1
        rows.append([names, *memory, ratio, "yes" if same else "NO"])
    titles = ("names", "tiles: MiB above", "process, MiB", "plain: MiB above", "time, tiles / plain", "same labels")
    print(table(titles, rows))
    write_json(given.out, {**provenance(), "runs": found})


if __name__ == "__main__":
    main()
