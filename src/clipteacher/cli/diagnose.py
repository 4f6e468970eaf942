"""`clipteacher diagnose`: why the scores of a trained student are what they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from jsonargparse import ArgumentParser, Namespace
from jsonargparse.typing import ClosedUnitInterval, NonNegativeInt, PositiveInt
from rich.console import Console
from rich.progress import Progress
from torch.utils.data import Subset

from clipteacher.analysis.plots.attention import AttentionRow
from clipteacher.analysis.student.attention import PhotoAttention, attention_metrics
from clipteacher.analysis.student.calibration_sweep import CALIBRATIONS, calibration_sweep, check_calibrations
from clipteacher.analysis.student.confusions import class_confusions
from clipteacher.analysis.student.predict import student_predictions
from clipteacher.analysis.student.pseudo_labels import MIN_AREA, PseudoLabelMetrics
from clipteacher.analysis.student.report import Diagnosis, write_diagnosis
from clipteacher.analysis.student.run_options import RunOptions, find_model, read_run_options
from clipteacher.analysis.student.with_teacher import check_space, diagnose_with_teacher
from clipteacher.cli.arguments import add_test_data, open_test_data, tracked
from clipteacher.cli.diagnosis_tables import print_diagnosis
from clipteacher.cli.errors import user_errors
from clipteacher.data.dataset import SegmentationDataset
from clipteacher.evaluation.metrics import compute_metrics
from clipteacher.pictures import report_rows
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.utils.lists import subsample


def diagnose(arguments: Sequence[str]) -> None:
    """Show where unseen pixels go and why, from labels of unseen classes: after training, and not to choose settings.

    Confusions, cosines and the calibration sweep need only the student. Pseudo labels and GLM's attention need the
    run's config.yaml, which names a class to import: only for runs that you trust.
    """
    given = _parser().parse_args(list(arguments))
    console = Console()
    with user_errors():
        check_calibrations(given.calibrations)
        diagnosis, rows = _diagnosed(given, console)
        written = write_diagnosis(diagnosis, rows, given.out) if given.out is not None else []
    print_diagnosis(diagnosis, console)
    print(f"Written: {', '.join(map(str, written))}" if written else "No pictures: give a folder for them with --out.")


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="clipteacher diagnose", description=diagnose.__doc__)
    parser.add_argument("--model", type=Path, required=True, help="folder of a run, or its model/")
    add_test_data(parser)
    parser.add_argument("--photos", type=NonNegativeInt, default=0, help="at most so many, evenly spread; 0: all")
    parser.add_argument("--teacher", type=bool, default=True, help="false: only the student; config.yaml stays closed")
    sweep = "calibrations to try, in units of a logit; 0 and the model's own are added"
    parser.add_argument("--calibrations", type=list[float], default=list(CALIBRATIONS), help=sweep)
    parser.add_argument("--top", type=PositiveInt, default=3, help="wrong names to list per class")
    judged = "share of a photo that an unseen class must cover for its pseudo label to be judged"
    parser.add_argument("--min_area", type=ClosedUnitInterval, default=MIN_AREA, help=judged)
    parser.add_argument("--report_rows", type=PositiveInt, default=6, help="photos in attention.png")
    parser.add_argument("--out", type=Path | None, help="folder for diagnosis.json and the pictures")
    return parser


def _diagnosed(given: Namespace, console: Console) -> tuple[Diagnosis, list[AttentionRow]]:
    """Run student and teacher over the photos; also return the photos of attention.png."""
    if given.out is not None and given.out.exists() and not given.out.is_dir():
        raise ValueError(f"out: {given.out} is a file, expected a folder. Name another --out.")
    model, config = find_model(given.model)
    data, segmenter = open_test_data(given, Segmenter.from_pretrained(model))
    split = data.class_split
    if not split.unseen:
        raise ValueError(
            f"unseen: got none of the {len(split.names)} classes, expected at least one, because a diagnosis is about "
            "unseen classes. Name those that training held back: --unseen 'cat, car'."
        )
    run, skipped = _run_options(given, segmenter, model, config)
    dataset = SegmentationDataset(data.source, split, training=False)
    photos = Subset(dataset, subsample(len(dataset), given.photos))
    options = ("split", "photos", "teacher", "calibrations", "top", "min_area", "report_rows")
    settings, calibration = {key: given[key] for key in options}, float(segmenter.settings.calibration)
    settings |= {"calibration": calibration, "test_pipeline": asdict(segmenter.settings.pipeline)}
    pseudo_labels: PseudoLabelMetrics | None = None
    attention: tuple[PhotoAttention, ...] = ()
    rows: list[AttentionRow] = []
    with Progress(console=console, transient=True) as progress:  # closed here, also when a file turns out bad
        samples = tracked(photos, progress, "Student")
        confusions, cosines = student_predictions(segmenter, samples, split, given.calibrations)
        if run is not None:
            samples = tracked(photos, progress, "Teacher and student")
            pseudo_labels, attention = diagnose_with_teacher(segmenter, run, samples, split, given.min_area)
            settings |= {key: each for key, each in asdict(run.method).items() if key in ("glm", "plm") and each}
        if attention and given.out is not None:
            truths = (data.source.labels(index) for index in photos.indices)
            rows = [(photos[i], attention[i]) for i in report_rows(truths, split, given.report_rows)]
    confusion = confusions[calibration]
    diagnosis = Diagnosis(
        protocol=data.protocol,
        split=split,
        photos=len(photos),
        of=len(dataset),
        settings=settings,
        scores=compute_metrics(confusion, split),
        confusion=confusion,
        confusions=class_confusions(confusion, split, given.top),
        cosines=cosines,
        calibration_sweep=calibration_sweep(confusions, split, calibration),
        pseudo_labels=pseudo_labels,
        attention=attention_metrics(attention, split.unseen) if attention else None,
        skipped=skipped,
    )
    return diagnosis, rows


def _run_options(
    given: Namespace, segmenter: Segmenter, model: Path, config: Path | None
) -> tuple[RunOptions | None, dict[str, str]]:
    """Build the teacher of the run, unless both parts that need it are skipped; also say why a part is."""
    if not given.teacher or config is None:
        why = f"there is no config.yaml of a run beside {model}. Give the run's folder as --model."
        return None, dict.fromkeys(("pseudo_labels", "attention"), why if given.teacher else "--teacher is false.")
    options = read_run_options(config)
    options.teacher.to(segmenter.text_features.device)  # type: ignore[attr-defined]  # it is a module
    check_space(segmenter, options)
    parts = {"pseudo_labels": ("PLM", options.method.plm), "attention": ("GLM", options.method.glm)}
    skipped = {part: f"the run had no {name}." for part, (name, found) in parts.items() if found is None}
    return options if len(skipped) < len(parts) else None, skipped
