"""What `clipteacher diagnose` does: student and teacher look at the photos, and at what wanted names got."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Final

from jsonargparse import Namespace
from rich.console import Console
from rich.progress import Progress
from torch.utils.data import Subset

from clipteacher.analysis.plots.attention import AttentionRow
from clipteacher.analysis.student.attention import PhotoAttention, attention_metrics
from clipteacher.analysis.student.calibration_sweep import calibration_sweep
from clipteacher.analysis.student.confusions import class_confusions
from clipteacher.analysis.student.predict import student_predictions
from clipteacher.analysis.student.pseudo_labels import PseudoLabelMetrics
from clipteacher.analysis.student.report import Diagnosis, UnseenDiagnosis
from clipteacher.analysis.student.run_options import RunOptions, find_model, read_run_options
from clipteacher.analysis.student.with_teacher import check_space, diagnose_with_teacher
from clipteacher.analysis.wanted.photos import TrainingPhotos, training_photos
from clipteacher.analysis.wanted.report import WantedReport, report_wanted
from clipteacher.cli.arguments import open_split, open_test_data, tracked
from clipteacher.data.dataset import SegmentationDataset
from clipteacher.data.files import DataError
from clipteacher.data.opened import OpenedData
from clipteacher.evaluation.metrics import compute_metrics
from clipteacher.pictures import report_rows
from clipteacher.protocols.splits import ClassSplit
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.utils.lists import subsample

_UNSEEN_PARTS: Final = ("scores", "confusions", "cosines", "calibration_sweep", "pseudo_labels", "attention")


def diagnosed(
    given: Namespace, console: Console, wanted_photos: int
) -> tuple[Diagnosis, list[AttentionRow], TrainingPhotos | None]:
    """Run student and teacher over the photos.

    Args:
        given: Parsed arguments of `clipteacher diagnose`.
        console: Where progress is shown.
        wanted_photos: Most training photos that wanted names are looked up on.

    Returns:
        The diagnosis, the photos of attention.png, and those of wanted.png.

    Raises:
        DataError: A file or folder is missing or wrong.
        ValueError: Names, protocol or device are wrong, or nothing is unseen or wanted.
    """
    if given.out is not None and given.out.exists() and not given.out.is_dir():
        raise ValueError(f"out: {given.out} is a file, expected a folder. Name another --out.")
    model, config = find_model(given.model)
    data, segmenter = open_test_data(given, Segmenter.from_pretrained(model))
    split = data.class_split
    if not split.unseen and not segmenter.wanted:
        raise ValueError(_no_unseen(split))
    run, skipped = _run_options(given, segmenter, model, config)
    if not split.unseen:
        if "wanted" in skipped:
            raise ValueError(f"{_no_unseen(split)} Nor can wanted names be looked up: {skipped['wanted']}")
        skipped = dict.fromkeys(_UNSEEN_PARTS, "no class of these masks is unseen, and these parts are about those.")
    photos = None
    if run is not None and segmenter.wanted and "wanted" not in skipped:
        try:
            photos = training_photos(open_split(given, run.train_split, segmenter), run.train_split, wanted_photos)
        except DataError as error:
            if not split.unseen:
                raise
            skipped["wanted"] = str(error)
    options = ("split", "photos", "teacher", "calibrations", "top", "min_area", "report_rows")
    settings, calibration = {key: given[key] for key in options}, float(segmenter.settings.calibration)
    settings |= {"calibration": calibration, "test_pipeline": asdict(segmenter.settings.pipeline)}
    if run is not None:
        parts = ("glm", "plm", "naming") if segmenter.wanted else ("glm", "plm")
        settings |= {key: each for key, each in asdict(run.method).items() if key in parts and each}
    unseen: UnseenDiagnosis | None = None
    rows: list[AttentionRow] = []
    wanted: WantedReport | None = None
    with Progress(console=console, transient=True) as progress:  # closed here, also when a file turns out bad
        if split.unseen:
            unseen, rows = _unseen(given, data, segmenter, run, progress)
        if photos is not None and run is not None:
            wanted = _wanted(segmenter, run, photos, progress)
    return Diagnosis(data.protocol, split, settings, unseen, wanted, skipped), rows, photos


def _unseen(
    given: Namespace, data: OpenedData, segmenter: Segmenter, run: RunOptions | None, progress: Progress
) -> tuple[UnseenDiagnosis, list[AttentionRow]]:
    """Diagnose unseen classes on the test photos; also return the photos of attention.png."""
    split, calibration = data.class_split, float(segmenter.settings.calibration)
    dataset = SegmentationDataset(data.source, split, training=False)
    photos = Subset(dataset, subsample(len(dataset), given.photos))
    pseudo_labels: PseudoLabelMetrics | None = None
    attention: tuple[PhotoAttention, ...] = ()
    rows: list[AttentionRow] = []
    samples = tracked(photos, progress, "Student")
    confusions, cosines = student_predictions(segmenter, samples, split, given.calibrations)
    if run is not None and (run.method.plm is not None or run.method.glm is not None):
        samples = tracked(photos, progress, "Teacher and student")
        pseudo_labels, attention = diagnose_with_teacher(segmenter, run, samples, split, given.min_area)
    if attention and given.out is not None:
        truths = (data.source.labels(index) for index in photos.indices)
        rows = [(photos[i], attention[i]) for i in report_rows(truths, split, given.report_rows)]
    confusion = confusions[calibration]
    diagnosis = UnseenDiagnosis(
        photos=len(photos),
        of=len(dataset),
        scores=compute_metrics(confusion, split),
        confusion=confusion,
        confusions=class_confusions(confusion, split, given.top),
        cosines=cosines,
        calibration_sweep=calibration_sweep(confusions, split, calibration),
        pseudo_labels=pseudo_labels,
        attention=attention_metrics(attention, split.unseen) if attention else None,
    )
    return diagnosis, rows


def _wanted(segmenter: Segmenter, run: RunOptions, photos: TrainingPhotos, progress: Progress) -> WantedReport:
    """Look up what wanted names got on the training photos."""
    return report_wanted(
        run.teacher,
        run.method,
        progress.track(photos, total=len(photos), description="Wanted names"),
        segmenter.seen,
        segmenter.wanted,
        title=photos.title,
        of=photos.total,
        short_side=run.base_size,
    )


def _no_unseen(split: ClassSplit) -> str:
    return (
        f"unseen: got none of the {len(split.names)} classes, expected at least one, because a diagnosis is about "
        "unseen classes. Name those that training held back: --unseen 'cat, car'."
    )


def _run_options(
    given: Namespace, segmenter: Segmenter, model: Path, config: Path | None
) -> tuple[RunOptions | None, dict[str, str]]:
    """Build the teacher of the run, unless all parts that need it are skipped; also say why a part is."""
    parts = ["pseudo_labels", "attention", *(["wanted"] if segmenter.wanted else [])]
    if not given.teacher or config is None:
        why = f"there is no config.yaml of a run beside {model}. Give the run's folder as --model."
        return None, dict.fromkeys(parts, why if given.teacher else "--teacher is false.")
    options = read_run_options(config)
    options.teacher.to(segmenter.text_features.device)  # type: ignore[attr-defined]  # it is a module
    check_space(segmenter, options)
    off = {
        "pseudo_labels": "PLM" if options.method.plm is None else "",
        "attention": "GLM" if options.method.glm is None else "",
        "wanted": (options.method.missing_for_wanted or "").replace("plm", "PLM"),
    }
    skipped = {part: f"the run had no {off[part]}." for part in parts if off[part]}
    return options if len(skipped) < len(parts) else None, skipped
