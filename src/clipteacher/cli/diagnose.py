"""`clipteacher diagnose`: why a trained student's scores are what they are."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jsonargparse import ArgumentParser
from rich.console import Console
from rich.progress import Progress

from clipteacher.analysis.student.attention_picture import AttentionRow
from clipteacher.analysis.student.calibration_sweep import OFFSETS, check_offsets, seen_bias
from clipteacher.analysis.student.confusions import class_confusions
from clipteacher.analysis.student.predict import ask_student
from clipteacher.analysis.student.pseudo_labels import LEAST_SHARE
from clipteacher.analysis.student.report import Diagnosis, write_diagnosis
from clipteacher.analysis.student.run_config import RunOptions, find_model, read_run_options
from clipteacher.analysis.student.with_teacher import ask_both, check_space, look
from clipteacher.cli.diagnosis_tables import tables
from clipteacher.cli.errors import user_errors
from clipteacher.cli.table import print_scores
from clipteacher.cli.test_data import add_test_data, open_test_data
from clipteacher.data.dataset import Sample, SegmentationDataset
from clipteacher.data.opened import OpenedData
from clipteacher.data.subsample import subsample
from clipteacher.evaluation.metrics import compute_metrics
from clipteacher.pictures import report_rows
from clipteacher.segmenter.segmenter import Segmenter


def diagnose(arguments: Sequence[str]) -> None:
    """Say where unseen pixels go and why, from labels of unseen classes: for after training, and for no choice in it.

    Confusions, cosines and seen bias ask the student alone. Pseudo labels and GLM's attention need the run's
    config.yaml, which names the teacher's class: only for runs that you trust.
    """
    parser = ArgumentParser(prog="clipteacher diagnose", description=diagnose.__doc__)
    parser.add_argument("--model", type=Path, required=True, help="a run's folder, or its model/")
    add_test_data(parser)
    parser.add_argument("--photos", type=int, default=0, help="photos to look at, evenly spread; 0: all")
    parser.add_argument(
        "--teacher", type=bool, default=True, help="false: the student alone, and config.yaml is not opened"
    )
    parser.add_argument(
        "--offsets",
        type=list[float],
        default=list(OFFSETS),
        help="seen offsets for the curve of the seen bias, in units of a score; 0 and the model's own are added",
    )
    parser.add_argument("--takers", type=int, default=3, help="names to tell that take a class's pixels")
    parser.add_argument(
        "--least_share",
        type=float,
        default=LEAST_SHARE,
        help="share of a photo that an unseen class must have for its pseudo label to be judged",
    )
    parser.add_argument("--report_rows", type=int, default=6, help="photos in attention.png")
    parser.add_argument("--out", type=Path | None, default=None, help="folder for diagnosis.json and the pictures")
    parser.add_argument("--device", type=str, default="cuda" if torch.cuda.is_available() else "cpu")
    given = parser.parse_args(list(arguments))
    console = Console()
    with user_errors():
        _check(given)
        subject = _opened(given)
        with Progress(console=console, transient=True) as progress:  # closed here, also when a file turns out bad
            found, rows = _diagnosed(given, subject, progress)
        written = write_diagnosis(found, rows, given.out) if given.out is not None else []
    print_scores(found.scores, found.split, found.protocol)
    for table in tables(found):
        console.print(table, highlight=False)
    absent = [each.name for each in found.confusions if not each.pixels]
    if absent:
        print(f"Never labelled in these photos: {', '.join(absent)}.")
    for part, why in found.skipped.items():
        print(f"Skipped: {part.replace('_', ' ')}, for {why}")
    print(f"Written: {', '.join(map(str, written))}" if written else "No pictures: --out names a folder for them.")


class _Subject(NamedTuple):
    """What is diagnosed."""

    segmenter: Segmenter
    data: OpenedData
    samples: SegmentationDataset
    chosen: tuple[int, ...]
    options: RunOptions | None
    skipped: dict[str, str]

    def track(self, progress: Progress, doing: str) -> Iterator[Sample]:
        """Read the chosen photos, with a bar."""
        return (self.samples[index] for index in progress.track(self.chosen, description=doing))


def _check(given: Any) -> None:  # noqa: ANN401 (jsonargparse's namespace)
    check_offsets(given.offsets)
    for name, least in (("photos", 0), ("takers", 1), ("report_rows", 1)):
        if getattr(given, name) < least:
            raise ValueError(f"{name}: got {getattr(given, name)}, expected {least} or more")
    if not 0 <= given.least_share < 1:
        raise ValueError(f"least_share: got {given.least_share}, expected a share of a photo, 0 ≤ share < 1")
    if given.out is not None and given.out.exists() and not given.out.is_dir():
        raise ValueError(f"out: {given.out} is a file, expected a folder. Name another --out.")


def _opened(given: Any) -> _Subject:  # noqa: ANN401
    """Load the model, open the data, and build the teacher where there is one."""
    where = find_model(given.model)
    segmenter = Segmenter.from_pretrained(where.model)
    data, segmenter = open_test_data(given, segmenter)
    split = data.class_split
    if not split.unseen:
        raise ValueError(
            f"unseen: got none of the {len(split.names)} classes, expected at least one, for this is about unseen "
            "classes. Name those that training held back: --unseen 'cat, car'."
        )
    options, why = None, ""
    if not given.teacher:
        why = "--teacher is false."
    elif where.config is None:
        why = f"there is no config.yaml of a run beside {where.model}. Give the run's folder as --model."
    else:
        options = read_run_options(where.config)
        options.teacher.to(segmenter.text_features.device)  # type: ignore[attr-defined]  # it is a module
        check_space(segmenter, options)
    skipped = {}
    for part, module, on in (
        ("pseudo_labels", "PLM", options is not None and options.plm is not None),
        ("attention", "GLM", options is not None and options.glm is not None),
    ):
        if not on:
            skipped[part] = why or f"the run was without {module}."
    samples = SegmentationDataset(data.source, split, training=False)
    chosen = subsample(len(samples), given.photos)
    return _Subject(segmenter, data, samples, chosen, options if len(skipped) < 2 else None, skipped)


def _diagnosed(given: Any, subject: _Subject, progress: Progress) -> tuple[Diagnosis, list[AttentionRow]]:  # noqa: ANN401
    """Ask the student, then both."""
    split, segmenter, options = subject.data.class_split, subject.segmenter, subject.options
    said = ask_student(segmenter, subject.track(progress, "Asking the student"), split, given.offsets)
    settings = {
        key: given[key] for key in ("split", "photos", "teacher", "offsets", "takers", "least_share", "report_rows")
    }
    found = Diagnosis(
        protocol=subject.data.protocol,
        split=split,
        photos=said.photos,
        of=len(subject.samples),
        settings=settings | {"calibration": said.own, "test_pipeline": dataclasses.asdict(segmenter.settings.pipeline)},
        scores=compute_metrics(said.confusion, split),
        confusion=said.confusion,
        confusions=class_confusions(said.confusion, split, given.takers),
        cosines=said.cosines,
        seen_bias=seen_bias(said.confusions, split, said.own),
        skipped=subject.skipped,
    )
    if options is None:
        return found, []
    both = ask_both(segmenter, options, subject.track(progress, "Asking both"), split, given.least_share)
    run = {
        name: dataclasses.asdict(each)
        for name, each in (("glm", options.glm), ("plm", options.plm))
        if each is not None
    }
    found = replace(
        found,
        settings={**found.settings, **run},
        pseudo_labels=both.pseudo_labels,
        attention=both.attention,
    )
    if options.glm is None or given.out is None:
        return found, []
    rows = []
    truths = (subject.samples.source.labels(index) for index in subject.chosen)
    for place in report_rows(truths, split, given.report_rows):
        sample = subject.samples[subject.chosen[place]]
        attention = look(segmenter, options, sample, split).attention
        if attention is not None:
            photo = sample.image.permute(1, 2, 0).numpy()
            rows.append(AttentionRow(np.ascontiguousarray(photo), sample.mask.numpy(), attention))
    return found, rows
