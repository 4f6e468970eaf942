"""`clipteacher diagnose`: why the scores of a trained student are what they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from jsonargparse import ArgumentParser
from jsonargparse.typing import ClosedUnitInterval, NonNegativeInt, PositiveInt
from rich.console import Console
from rich.progress import Progress

from clipteacher.analysis.plots.attention import AttentionRow
from clipteacher.analysis.student.attention import PhotoAttention
from clipteacher.analysis.student.calibration_sweep import CALIBRATIONS, calibration_sweep, check_calibrations
from clipteacher.analysis.student.confusions import class_confusions
from clipteacher.analysis.student.predict import student_predictions
from clipteacher.analysis.student.pseudo_labels import MIN_AREA
from clipteacher.analysis.student.report import Diagnosis, write_diagnosis
from clipteacher.analysis.student.run_options import RunOptions, find_model, read_run_options
from clipteacher.analysis.student.with_teacher import check_space, diagnose_with_teacher
from clipteacher.cli.diagnosis_tables import print_diagnosis
from clipteacher.cli.errors import user_errors
from clipteacher.cli.test_data import add_test_data, open_test_data
from clipteacher.data.dataset import Sample, SegmentationDataset
from clipteacher.evaluation.metrics import compute_metrics
from clipteacher.pictures import report_rows
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.utils.lists import subsample


def diagnose(arguments: Sequence[str]) -> None:
    """Show where unseen pixels go and why, from labels of unseen classes: after training, and not to choose settings.

    Confusions, cosines and the calibration sweep need the student alone. Pseudo labels and GLM's attention need the
    run's config.yaml, which names a class to import: only for runs that you trust.
    """
    given = _parser().parse_args(list(arguments))
    console = Console()
    with user_errors():
        check_calibrations(given.calibrations)
        subject = _open(given)
        with Progress(console=console, transient=True) as progress:  # closed here, also when a file turns out bad
            diagnosis = _diagnose_student(given, subject, progress)
            rows: list[AttentionRow] = []
            if subject.options is not None:
                diagnosis, attention = _add_teacher(given, subject, subject.options, diagnosis, progress)
                if given.out is not None and attention:
                    rows = _attention_rows(subject, attention, given.report_rows)
        written = write_diagnosis(diagnosis, rows, given.out) if given.out is not None else []
    print_diagnosis(diagnosis, console)
    print(f"Written: {', '.join(map(str, written))}" if written else "No pictures: give a folder for them with --out.")


def _parser() -> ArgumentParser:
    parser = ArgumentParser(prog="clipteacher diagnose", description=diagnose.__doc__)
    parser.add_argument("--model", type=Path, required=True, help="folder of a run, or its model/")
    add_test_data(parser)
    parser.add_argument(
        "--photos", type=NonNegativeInt, default=0, help="use at most this many photos, evenly spread; 0: all"
    )
    parser.add_argument(
        "--teacher", type=bool, default=True, help="false: the student alone, and config.yaml is not opened"
    )
    parser.add_argument(
        "--calibrations",
        type=list[float],
        default=list(CALIBRATIONS),
        help="calibrations to sweep, in units of a logit; 0 and the model's own are added",
    )
    parser.add_argument("--top", type=PositiveInt, default=3, help="wrong names to list per class")
    parser.add_argument(
        "--min_area",
        type=ClosedUnitInterval,
        default=MIN_AREA,
        help="share of a photo that an unseen class must cover for its pseudo label to be judged",
    )
    parser.add_argument("--report_rows", type=PositiveInt, default=6, help="photos in attention.png")
    parser.add_argument("--out", type=Path | None, default=None, help="folder for diagnosis.json and the pictures")
    parser.add_argument("--device", type=str, default="cuda" if torch.cuda.is_available() else "cpu")
    return parser


@dataclass(frozen=True, eq=False)
class _Subject:
    """What is diagnosed; `options` is None where both of its parts are skipped."""

    segmenter: Segmenter
    samples: SegmentationDataset
    protocol: str
    chosen: tuple[int, ...]
    options: RunOptions | None
    skipped: dict[str, str]

    def track(self, progress: Progress, description: str) -> Iterator[Sample]:
        """Read the chosen photos, with a progress bar."""
        return (self.samples[index] for index in progress.track(self.chosen, description=description))


def _open(given: Any) -> _Subject:  # noqa: ANN401
    """Load the model, open the data, and build the teacher if there is one."""
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
    options, skipped = None, {}
    if given.teacher and config is not None:
        options = read_run_options(config)
        options.teacher.to(segmenter.text_features.device)  # type: ignore[attr-defined]  # it is a module
        check_space(segmenter, options)
        if options.method.plm is None:
            skipped["pseudo_labels"] = "the run had no PLM."
        if options.method.glm is None:
            skipped["attention"] = "the run had no GLM."
    else:
        why = f"there is no config.yaml of a run beside {model}. Give the run's folder as --model."
        skipped = dict.fromkeys(("pseudo_labels", "attention"), why if given.teacher else "--teacher is false.")
    samples = SegmentationDataset(data.source, split, training=False)
    chosen = subsample(len(samples), given.photos)
    return _Subject(segmenter, samples, data.protocol, chosen, options if len(skipped) < 2 else None, skipped)


def _diagnose_student(given: Any, subject: _Subject, progress: Progress) -> Diagnosis:  # noqa: ANN401
    """Run the student over the photos."""
    split, segmenter = subject.samples.class_split, subject.segmenter
    predictions = student_predictions(segmenter, subject.track(progress, "Student"), split, given.calibrations)
    options = ("split", "photos", "teacher", "calibrations", "top", "min_area", "report_rows")
    return Diagnosis(
        protocol=subject.protocol,
        split=split,
        photos=predictions.photos,
        of=len(subject.samples),
        settings={key: given[key] for key in options}
        | {"calibration": predictions.calibration, "test_pipeline": asdict(segmenter.settings.pipeline)},
        scores=compute_metrics(predictions.confusion, split),
        confusion=predictions.confusion,
        confusions=class_confusions(predictions.confusion, split, given.top),
        cosines=predictions.cosines,
        calibration_sweep=calibration_sweep(predictions.confusions, split, predictions.calibration),
        skipped=subject.skipped,
    )


def _add_teacher(
    given: Any,  # noqa: ANN401
    subject: _Subject,
    options: RunOptions,
    diagnosis: Diagnosis,
    progress: Progress,
) -> tuple[Diagnosis, tuple[PhotoAttention, ...]]:
    """Run teacher and student over the photos; also return the attention on each."""
    samples = subject.track(progress, "Teacher and student")
    found = diagnose_with_teacher(subject.segmenter, options, samples, diagnosis.split, given.min_area)
    method = {name: config for name, config in asdict(options.method).items() if name in ("glm", "plm") and config}
    settings = {**diagnosis.settings, **method}
    diagnosis = replace(diagnosis, settings=settings, pseudo_labels=found.pseudo_labels, attention=found.attention)
    return diagnosis, found.photos


def _attention_rows(subject: _Subject, attention: Sequence[PhotoAttention], count: int) -> list[AttentionRow]:
    """Choose photos by their truth, never by what was predicted."""
    truths = (subject.samples.source.labels(index) for index in subject.chosen)
    rows = []
    for place in report_rows(truths, subject.samples.class_split, count):
        sample = subject.samples[subject.chosen[place]]
        rows.append(AttentionRow(sample.image.permute(1, 2, 0).numpy(), sample.mask.numpy(), attention[place]))
    return rows
