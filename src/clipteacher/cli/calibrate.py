"""`clipteacher calibrate`: chooses a calibration on seen classes that were held out."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from jsonargparse import ArgumentParser
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from clipteacher.analysis.calibrate import (
    CALIBRATIONS,
    best_calibration,
    calibration_scores,
    held_out_split,
    without_classes,
)
from clipteacher.cli.errors import device, user_errors
from clipteacher.data.dataset import SegmentationDataset
from clipteacher.data.opened import open_data
from clipteacher.evaluation.metrics import Scores
from clipteacher.protocols.splits import ClassSplit, listed_names
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.utils.atomic_files import write_json

_COLUMNS = {"U": "mIoU_unseen", "hIoU": "hIoU", "S": "mIoU_seen"}


def calibrate(arguments: Sequence[str]) -> None:
    """Choose a calibration on seen classes that were held out: the value with the best hIoU, over one or more models.

    Train each model without the unseen classes of your task and without a few others, in turn: `clipteacher fit ...
    --data.unseen "[cat, car, sheep, water]"`, then `... "[cat, car, dog, road]"`, where cat and car are the unseen
    classes. Their pixels are ignored here.
    """
    parser = ArgumentParser(prog="clipteacher calibrate", description=calibrate.__doc__)
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL", help="runs, or their model/")
    parser.add_argument("--data", type=Path, required=True, help="folder with classes.txt, images/ and masks/")
    parser.add_argument("--split", type=str, default="val", help="which of its photos")
    parser.add_argument(
        "--unseen", type=list[str] | str, required=True, help='"cat, car": the unseen classes of the task; "" for none'
    )
    parser.add_argument(
        "--calibrations", type=list[float], default=list(CALIBRATIONS), help="values to try, in units of a logit"
    )
    parser.add_argument("--out", type=Path | None, default=None, help="JSON file for the scores")
    parser.add_argument("--device", type=str, default="cuda" if torch.cuda.is_available() else "cpu")
    given = parser.parse_args(list(arguments))
    with user_errors(), Progress() as progress:
        curves, splits = [], []
        for folder in given.models:
            curve, split = _curve(folder, given, progress)
            curves.append(curve)
            splits.append(split)
        best = best_calibration(given.calibrations, curves)
        if given.out is not None:
            write_json(given.out, _report(given, curves, splits, best))
    Console().print(_table(given.calibrations, curves))
    print(f"Best mean hIoU: calibration {best:g}. Set it in training with --model.test.calibration {best:g}")
    if best in (min(given.calibrations), max(given.calibrations)) and best:
        print("It is the smallest or largest value tried: try further ones with --calibrations.")


def _curve(folder: Path, given: Any, progress: Progress) -> tuple[tuple[Scores, ...], ClassSplit]:  # noqa: ANN401
    """Score one model with every calibration; also the classes on which it was scored."""
    model = folder / "model" if (folder / "model").is_dir() else folder
    segmenter = Segmenter.from_pretrained(model).to(device(given.device))
    source = open_data(given.data, given.split, None, ()).source
    split = held_out_split(source.names, segmenter.seen, listed_names(given.unseen))
    dataset = SegmentationDataset(source, ClassSplit(source.names, ()), training=False)
    tracked = (dataset[i] for i in progress.track(range(len(dataset)), description=folder.name))
    samples = without_classes(tracked, source.names, split)
    return calibration_scores(segmenter.with_names(split.names), samples, split, given.calibrations), split


def _report(
    given: Any,  # noqa: ANN401 (parsed arguments)
    curves: Sequence[Sequence[Scores]],
    splits: Sequence[ClassSplit],
    best: float,
) -> dict[str, Any]:
    """Return what is written."""
    models = [
        {
            "model": folder.name,
            "held_out": list(split.unseen),
            "curve": [
                {"calibration": calibration, **scores.to_dict()}
                for calibration, scores in zip(given.calibrations, curve, strict=True)
            ],
        }
        for folder, curve, split in zip(given.models, curves, splits, strict=True)
    ]
    return {"calibration": best, "split": given.split, "models": models}


def _table(calibrations: Sequence[float], curves: Sequence[Sequence[Scores]]) -> Table:
    """Return means over the models, in percent, with standard deviations where there are several."""
    table = Table(title=f"on held-out classes, {len(curves)} model{'s' if len(curves) > 1 else ''}")
    for title in ("calibration", *_COLUMNS):
        table.add_column(title, justify="right")
    for number, calibration in enumerate(calibrations):
        cells = []
        for score in _COLUMNS.values():
            values = [100 * getattr(curve[number], score) for curve in curves]
            deviation = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
            cells.append(f"{statistics.mean(values):.1f}{deviation}")
        table.add_row(f"{calibration:g}", *cells)
    return table
