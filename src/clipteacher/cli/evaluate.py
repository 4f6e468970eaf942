"""`clipteacher evaluate`: scores a trained student on a test set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from jsonargparse import ArgumentParser
from rich.progress import Progress

from clipteacher.cli.errors import user_errors
from clipteacher.cli.table import print_scores
from clipteacher.cli.test_data import add_test_data, open_test_data
from clipteacher.data.dataset import SegmentationDataset
from clipteacher.evaluation.evaluate import pooled_confusion
from clipteacher.evaluation.metrics import compute_metrics
from clipteacher.inference.calibration import calibration_entry
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.utils.atomic_files import write_json


def evaluate(arguments: Sequence[str]) -> None:
    """Score a trained student on a protocol's data set as released, or on a folder of photos with masks."""
    parser = ArgumentParser(prog="clipteacher evaluate", description=evaluate.__doc__)
    parser.add_argument("--model", type=Path, required=True, help="model/ of a run")
    add_test_data(parser)
    parser.add_argument(
        "--calibration",
        type=float | None,
        default=None,
        help="taken from the scores of names that the model was trained on; default: what the model was saved with",
    )
    parser.add_argument("--out", type=Path | None, default=None, help="JSON file for the scores")
    parser.add_argument("--device", type=str, default="cuda" if torch.cuda.is_available() else "cpu")
    given = parser.parse_args(list(arguments))
    with user_errors():
        segmenter = Segmenter.from_pretrained(given.model)
        if given.calibration is not None:
            segmenter = segmenter.with_settings(calibration=given.calibration)
        data, segmenter = open_test_data(given, segmenter)
        split, samples = data.class_split, SegmentationDataset(data.source, data.class_split, training=False)
        with Progress() as progress:  # closed here, also when a file turns out to be bad
            tracked = (samples[i] for i in progress.track(range(len(samples)), description="Segmenting"))
            confusion = pooled_confusion(segmenter, tracked)
        result = compute_metrics(confusion, split)
        if given.out is not None:
            write_json(
                given.out,
                {"protocol": data.protocol, **calibration_entry(segmenter.settings.calibration), **result.to_dict()},
            )
    print_scores(result, split, data.protocol, segmenter.settings.calibration)
