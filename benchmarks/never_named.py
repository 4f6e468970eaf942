"""Wanted names where a third of the ignored area is of things that nobody ever names: how precise do they stay?

    python benchmarks/never_named.py --seeds 0 1 2

The drawn world, words said before training. Once the five wanted classes are all that is ignored; once snow, car and
umbrella are ignored as well, and are neither labelled nor named, a third of the ignored pixels. Both are scored on the
same test pixels, without those of the three classes, and with the same names.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from ablation import ROOT, data_of
from clipteacher.data.dataset import SegmentationDataset
from clipteacher.data.folder import FolderSource
from clipteacher.evaluation.evaluate import pooled_confusion
from clipteacher.evaluation.metrics import compute_metrics
from clipteacher.protocols.wanted import held_back
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.training.configured import configured_session
from clipteacher.utils.atomic_files import write_json
from held_out import without
from machine import provenance
from tables import shown_mean, table

WANTED = ("sand", "brick wall", "boat", "balloon", "flower")
NEVER_NAMED = ("snow", "car", "umbrella")
WORLD = {"world": {"seed": 0, "train": 600, "val": 150, "size": 128}}


def ignored_share(data: Path) -> float:
    """Return the share of `NEVER_NAMED` in the pixels that are ignored where they are not labelled."""
    source = FolderSource(data, "train")
    counts = sum(np.bincount(source.labels(index).ravel(), minlength=256) for index in range(len(source)))
    of = {name: float(counts[number]) for number, name in enumerate(source.names)}  # type: ignore[index]
    never = sum(of[name] for name in NEVER_NAMED)
    return never / (never + sum(of[name] for name in WANTED))


def trained(data: Path, out: Path, seed: int) -> Segmenter:
    """Train with the quickstart's settings, or go on, and return the student."""
    config = ROOT / "src/clipteacher/demo/quickstart/quickstart.yaml"
    words = ["--data.unseen", "[]", "--data.wanted", json.dumps(WANTED), "--trainer.limit_val_batches", "0"]
    arguments = ["--config", str(config), *words, "--data.root", str(data), "--seed_everything", str(seed)]
    if not (out / "metrics.json").exists():
        configured_session([*arguments, "--out", str(out), "--resume"]).start()
    return Segmenter.from_pretrained(out)


def scores(segmenter: Segmenter, data: Path) -> dict[str, Any]:
    """Score a student on the test photos without the classes that are never named."""
    source = FolderSource(data, "val")
    split = held_back(source.names, (), WANTED)
    samples = SegmentationDataset(source, split, training=False)
    confusion = pooled_confusion(
        segmenter.with_names(source.names), (samples[index] for index in range(len(samples))), split.ignore
    )
    precision = (confusion.diagonal() / confusion.sum(dim=0)).tolist()
    of = {name: precision[source.names.index(name)] for name in WANTED}
    return {**compute_metrics(confusion, split).to_dict(), "precision": of}


def main() -> None:
    """Train and score both, for each seed, and write both down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--runs", type=Path, default=Path("runs/never_named"))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/never_named.json"))
    given = parser.parse_args()
    world = data_of(WORLD, None, given.runs)
    part = without(world, given.runs / "part", NEVER_NAMED)
    share, found = ignored_share(world), []
    for seed in given.seeds:
        for setting, data in (("wanted names alone are ignored", world), ("a third is never named", part)):
            folder = given.runs / f"{data.name}-seed{seed}"
            found.append({"setting": setting, "seed": seed, **scores(trained(data, folder, seed), part)})
    write_json(given.out, {**provenance(), "share never named": share, "runs": found})
    rows = []
    for setting in dict.fromkeys(run["setting"] for run in found):
        runs = [run for run in found if run["setting"] == setting]
        means = [100 * sum(run["precision"].values()) / len(WANTED) for run in runs]
        rows.append([setting, shown_mean(means), shown_mean([100 * run["mIoU_unseen"] for run in runs])])
    print(f"never named: {100 * share:.0f} % of the ignored pixels; seeds {given.seeds}\n")
    print(table(["", "precision of the wanted names", "U"], rows))


if __name__ == "__main__":
    main()
