"""A gate for seen names in place of a calibration: what it gives finished runs, by how far it sets pixels apart.

    python benchmarks/seen_gate.py RUN... --data ../shared/msrc21 --separations 2 3.6 6 --out gate.json

Each run's gate is fitted to training photos, labelled pixels against those without a label, as the run saw them: the
classes that it was trained without are not labelled. Beside it are the run as it is without calibration, and with a
calibration of 0.3. `--unseen` names classes that are left out of the scores, where the choice must not see them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clipteacher.analysis.calibrate import without_classes
from clipteacher.data.dataset import Sample, SegmentationDataset
from clipteacher.data.folder import FolderSource
from clipteacher.evaluation.metrics import Scores, compute_metrics, confusion_matrix
from clipteacher.inference.dense_prediction import DensePrediction
from clipteacher.inference.seen_gate import SEPARATION, fit_gate
from clipteacher.inference.text_classifier import TextClassifier
from clipteacher.method.config import MethodConfig
from clipteacher.protocols.splits import ClassSplit
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.training.seen_gate import pixel_moments
from clipteacher.utils.atomic_files import write_json
from machine import provenance
from tables import COLUMNS, score_cells, table

CALIBRATION = 0.3


def scored(
    segmenter: Segmenter, samples: Iterator[Sample], split: ClassSplit, ways: Sequence[TextClassifier]
) -> list[Scores]:
    """Score each classifier on the same predictions."""
    confusions: list[Tensor | int] = [0] * len(ways)
    for sample in samples:
        prediction = DensePrediction(segmenter.student, sample.image[None], segmenter.settings)
        for number, way in enumerate(ways):
            found = prediction.labels(way)[0]
            confusions[number] = confusions[number] + confusion_matrix(sample.mask, found, len(split.names))
    return [compute_metrics(torch.as_tensor(each), split) for each in confusions]


def run_scores(run: Path, data: Path, unseen: Sequence[str], separations: Sequence[float]) -> dict[str, dict[str, Any]]:
    """Score one run with each gate, and without."""
    segmenter = Segmenter.from_pretrained(run)
    train, val = FolderSource(data, "train"), FolderSource(data, "val")
    names = tuple(name for name in val.names if name not in unseen)
    split = ClassSplit(names, tuple(name for name in names if name not in segmenter.seen))
    segmenter = segmenter.with_names(names).eval()
    hidden = tuple(name for name in train.names if name not in segmenter.seen)
    photos = SegmentationDataset(train, ClassSplit(train.names, hidden), training=True)
    labelled, latent = pixel_moments(segmenter, photos)
    alpha = MethodConfig.recommended().losses.alpha
    plain = segmenter.with_gate(None).with_settings(calibration=0.0)
    ways = {
        "no calibration": plain.classifier,
        f"calibration {CALIBRATION:g}": plain.with_settings(calibration=CALIBRATION).classifier,
    }
    for each in separations:
        ways[f"gate, {each:g}"] = plain.with_gate(fit_gate(labelled, latent, each / alpha)).classifier
    tests = SegmentationDataset(val, ClassSplit(val.names, ()), training=False)
    samples = without_classes((tests[number] for number in range(len(tests))), val.names, split)
    found = scored(segmenter, samples, split, list(ways.values()))
    share = latent.count / (labelled.count + latent.count)
    return {name: {**scores.to_dict(), "latent": share} for name, scores in zip(ways, found, strict=True)}


@torch.inference_mode()
def main() -> None:
    """Score every run, print the mean and deviation over them, and write all of it down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--unseen", nargs="*", default=[], help="classes to leave out")
    parser.add_argument("--separations", type=float, nargs="+", default=[SEPARATION])
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    found = {run.name: run_scores(run, given.data, given.unseen, given.separations) for run in given.runs}
    write_json(given.out, {**provenance(), "runs": found})
    rows = [[way, *score_cells([run[way] for run in found.values()])] for way in next(iter(found.values()))]
    print(table(["", *COLUMNS], rows))


if __name__ == "__main__":
    main()
