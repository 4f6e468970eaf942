"""`clipteacher calibrate`: chooses a calibration on seen classes that were held out."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jsonargparse import Namespace
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from clipteacher.cli.arguments import NAMES, add_device, device, names, tracked
from clipteacher.cli.errors import user_errors
from clipteacher.cli.out_files import check_json
from clipteacher.cli.parser import CommandParser
from clipteacher.cli.table import numbers
from clipteacher.data.opened import open_data
from clipteacher.protocols.splits import ClassSplit
from clipteacher.utils.atomic_files import write_json

if TYPE_CHECKING:
    from clipteacher.evaluation.metrics import Scores

_COLUMNS = {"U": "mIoU_unseen", "hIoU": "hIoU", "S": "mIoU_seen"}


def calibrate(arguments: Sequence[str]) -> None:
    """Choose a calibration on seen classes that were held out: the value with the best hIoU, over one or more models.

    Train each model without the unseen classes of your task and without a few others, in turn: `clipteacher fit ...
    --data.unseen "[cat, car, sheep, water]"`, then `... "[cat, car, dog, road]"`, where cat and car are the unseen
    classes. Their pixels are ignored here.
    """
    parser = CommandParser(
        "calibrate", description=calibrate.__doc__, example='calibrate RUN_1 RUN_2 --data DATA --unseen "cat, car"'
    )
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL", help="runs, or their model/")
    parser.add_argument("--data", type=Path, required=True, help="folder with classes.txt, images/ and masks/")
    parser.add_argument("--split", type=str, default="val", help="which of its photos")
    parser.add_argument("--unseen", type=NAMES, required=True, help='"cat, car": unseen classes of the task; "": none')
    parser.add_argument(
        "--calibrations", type=list[float] | None, help="to try, in units of a logit; default: 0, 0.05, ... 1"
    )
    parser.add_argument("--out", type=Path | None, help="JSON file for the scores")
    add_device(parser)
    given = parser.parse_args(list(arguments))
    from clipteacher.analysis.calibrate import CALIBRATIONS, best_calibration

    if given.calibrations is None:
        given.calibrations = list(CALIBRATIONS)
    calibrations, models = given.calibrations, []
    with user_errors():
        check_json("out", given.out, ("calibration", "models"))
        if not calibrations:
            raise ValueError("calibrations: got none, expected one number or more. Leave the option out for 0 to 1.")
        given.unseen = names(given.unseen, "unseen") or ()
        with Progress() as progress:
            scored = [_scored(folder, given, progress) for folder in given.models]
        curves = [curve for _, curve in scored]
        best = best_calibration(calibrations, curves)
        for folder, (split, scores) in zip(given.models, scored, strict=True):
            curve = [{"calibration": each, **at.to_dict()} for each, at in zip(calibrations, scores, strict=True)]
            models.append({"model": folder.name, "held_out": list(split.unseen), "curve": curve})
        if given.out is not None:
            write_json(given.out, {"calibration": best, "split": given.split, "models": models})
    for folder, (split, _) in zip(given.models, scored, strict=True):
        print(f"{folder}: held out {', '.join(split.unseen)}")
    Console().print(_table(calibrations, curves))
    print(f"Best mean hIoU: calibration {best:g}. Set it in training with --model.test.calibration {best:g}")
    if best in (min(calibrations), max(calibrations)) and best:
        print("It is the smallest or largest value tried: try further ones with --calibrations.")


def _scored(folder: Path, given: Namespace, progress: Progress) -> tuple[ClassSplit, tuple[Scores, ...]]:
    """Score one model with every calibration, and return the classes on which it was scored too."""
    from clipteacher.analysis.calibrate import held_out_split, without_classes
    from clipteacher.analysis.student.predict import student_predictions
    from clipteacher.data.dataset import SegmentationDataset
    from clipteacher.evaluation.metrics import compute_metrics
    from clipteacher.segmenter.segmenter import Segmenter

    segmenter = Segmenter.from_pretrained(folder).to(device(given.device))
    source = open_data(given.data, given.split, None, ()).source
    split = held_out_split(source.names, segmenter.seen, given.unseen)
    dataset = SegmentationDataset(source, ClassSplit(source.names, ()), training=False)
    samples = without_classes(tracked(dataset, progress, folder.name), source.names, split)
    confusions, _ = student_predictions(segmenter.with_names(split.names), samples, split, given.calibrations)
    return split, tuple(compute_metrics(confusions[each], split) for each in given.calibrations)


def _table(calibrations: Sequence[float], curves: Sequence[Sequence[Scores]]) -> Table:
    """Return means over the models, in percent, with standard deviations where there are several."""
    title = f"on held-out classes, {len(curves)} model{'s' if len(curves) > 1 else ''}"
    table = Table(*numbers("calibration", *_COLUMNS), title=title)
    for number, calibration in enumerate(calibrations):
        cells = []
        for score in _COLUMNS.values():
            values = [100 * getattr(curve[number], score) for curve in curves]
            deviation = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
            cells.append(f"{statistics.mean(values):.1f}{deviation}")
        table.add_row(f"{calibration:g}", *cells)
    return table
