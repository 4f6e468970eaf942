"""Time of labels with many names: by cells, against all names at full size, on photographs, by a trained student.

    .venv/bin/python benchmarks/labels.py MODEL PHOTOS

Names are the model's own, COCO-Stuff's 171 and ADE20K's 847, encoded by the text tower that the model was trained
with. "Enlarged" brings all names to full size, `max_logits` at a time, and takes the best, as `DensePrediction.labels`
does with few names. Both start from the same output of the network: logits at its stride, as a closed-set network gives
them, or features, so that the product with the names is part of both. In every round each way labels every photo once,
in turn; ratios are taken within a round. Processor time is that of all threads.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from clipteacher.data.files import IMAGE_SUFFIXES
from clipteacher.data.photo import read_photo
from clipteacher.inference.dense_prediction import DensePrediction
from clipteacher.inference.image import image_tensor
from clipteacher.inference.settings import TestSettings
from clipteacher.inference.text_classifier import TextClassifier
from clipteacher.protocols.ade20k import ADE20K_847_NAMES
from clipteacher.protocols.coco_stuff import COCO_STUFF_NAMES
from clipteacher.protocols.protocol import TestPipeline
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.utils.atomic_files import write_json
from machine import provenance
from tables import Spread, row, spread, spread_of_ratios, table

LISTS: Mapping[str, Sequence[str]] = {"COCO-Stuff": COCO_STUFF_NAMES, "ADE20K": ADE20K_847_NAMES}
PIPELINES = {
    "own size": TestPipeline(None, "whole"),
    "short side 160": TestPipeline(160, "whole"),
    "short side 320": TestPipeline(320, "whole"),
    "windows of 192": TestPipeline(None, "slide", crop=192, stride=160),
}
TITLES = (
    *("photos", "names", "labels from", "by cells / enlarged: wall", "processor", "enlarged, ms a photo"),
    "pixels that differ",
)
WHOLE = ("model", "names", "/ own names: wall", "processor", "ms a photo")


def chosen(folder: Path, count: int) -> list[Tensor]:
    """Read some photos of a folder, evenly over its names: (1, 3, H, W), uint8."""
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
    step = max(len(found) // count, 1)
    return [image_tensor(read_photo(path))[None] for path in found[::step][:count]]


def clocks(run: Callable[[], object]) -> dict[str, float]:
    """Return the seconds that a call takes, by the wall clock and of the processor."""
    wall, processor = time.perf_counter(), time.process_time()
    run()
    return {"wall": time.perf_counter() - wall, "processor": time.process_time() - processor}


def alternating(ways: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[dict[str, float]]]:
    """Time every way once a round, in turn, the first way first and last by turns; a round before warms up."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name in list(ways)[:: 1 if number % 2 else -1]:
            seconds = clocks(ways[name])
            if number:
                found[name].append(seconds)
    return found


def ratios(runs: Mapping[str, list[dict[str, float]]], way: str, base: str) -> dict[str, Spread]:
    """Return the spread of a way's time over another's, by either clock."""
    return {
        clock: spread_of_ratios([one[clock] for one in runs[way]], [one[clock] for one in runs[base]])
        for clock in ("wall", "processor")
    }


def milliseconds(runs: Sequence[dict[str, float]], photos: int) -> float:
    """Return the median of the processor's time a photo."""
    return 1000 * spread([one["processor"] for one in runs]).median / photos


def label_steps(
    network: nn.Module, images: Sequence[Tensor], settings: TestSettings, text: Tensor | None, rounds: int
) -> dict[str, Any]:
    """Compare the two ways of labelling the same output of a network: logits, or features where there are names."""
    classifier = None if text is None else TextClassifier(text)
    predictions = [DensePrediction(network, image, settings) for image in images]

    def by_cells() -> list[Tensor]:
        return [each.labels(classifier) for each in predictions]

    def enlarged() -> list[Tensor]:
        return [each._enlarged_labels(each._stride_logits(classifier)) for each in predictions]

    differ = sum(int((one != other).sum()) for one, other in zip(by_cells(), enlarged(), strict=True))
    runs = alternating({"cells": by_cells, "enlarged": enlarged}, rounds)
    return {
        "from": "logits" if classifier is None else "features",
        "ratios": ratios(runs, "cells", "enlarged"),
        "enlarged_ms": milliseconds(runs["enlarged"], len(images)),
        "pixels": sum(image.shape[2] * image.shape[3] for image in images),
        "pixels_that_differ": differ,
        "runs": runs,
    }


def whole(models: Mapping[int, nn.Module], images: Sequence[Tensor], rounds: int) -> list[dict[str, Any]]:
    """Time models from pixels to labels, by their numbers of names, and compare them with the first."""

    def segment(model: nn.Module) -> Callable[[], object]:
        return lambda: [model(image) for image in images]

    runs = alternating({str(count): segment(model) for count, model in models.items()}, rounds)
    first = next(iter(runs))
    return [
        {"names": int(count), "ratios": ratios(runs, count, first), "ms": milliseconds(some, len(images)), "runs": some}
        for count, some in runs.items()
    ]


def main() -> None:
    """Compare all and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="folder of a trained model")
    parser.add_argument("photos", type=Path, help="folder of photographs")
    parser.add_argument("--count", type=int, default=6, help="photographs, evenly over the folder")
    parser.add_argument("--rounds", type=int, default=5, help="at least 5")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pipelines", nargs="+", choices=list(PIPELINES), default=list(PIPELINES))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/labels.json"))
    given = parser.parse_args()
    if given.rounds < 5:
        parser.error("expected 5 rounds or more")
    torch.set_num_threads(given.threads)
    images, own = chosen(given.photos, given.count), Segmenter.from_pretrained(given.model).eval()
    models = [own, *(own.with_names([name.replace(",", " or") for name in names]).eval() for names in LISTS.values())]
    steps: list[dict[str, Any]] = []
    with torch.inference_mode():
        for title in given.pipelines:
            settings = replace(own.settings, pipeline=PIPELINES[title])
            for model in models:
                fused = model.to_closed_set().network
                for network, text in ((fused, None), (model.student, model.text_features)):
                    found = label_steps(network, images, settings, text, given.rounds)
                    steps.append({"photos": title, "names": len(model.class_names), **found})
                    print(row(step_cells(steps[-1])), flush=True)
        wholes = {
            "Segmenter": whole({len(model.class_names): model for model in models}, images, given.rounds),
            "ClosedSetSegmenter": whole(
                {len(model.class_names): model.to_closed_set() for model in models}, images, given.rounds
            ),
        }
    write_json(given.out, {**provenance(), "steps": steps, "whole": wholes})
    print("\n" + table(TITLES, map(step_cells, steps)) + "\n")
    rows = [
        [name, one["names"], *one["ratios"].values(), f"{one['ms']:.0f}"]
        for name, some in wholes.items()
        for one in some
    ]
    print(table(WHOLE, rows))


def step_cells(step: Mapping[str, Any]) -> list[object]:
    """Return the cells of a row under `TITLES`."""
    differ = f"{step['pixels_that_differ']} of {step['pixels']}"
    return [
        *(step["photos"], step["names"], step["from"], *step["ratios"].values(), f"{step['enlarged_ms']:.0f}", differ)
    ]


if __name__ == "__main__":
    main()
