"""What `clipteacher teacher-check` does: a teacher looks at the photos, and its answers are scored and printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jsonargparse import Namespace
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from clipteacher.analysis.student.run_options import read_method
from clipteacher.analysis.teacher.advice import advise, near_pairs
from clipteacher.analysis.teacher.metrics import HIGH, NameMetrics, name_metrics
from clipteacher.analysis.teacher.photos import CheckPhotos, open_photos
from clipteacher.analysis.teacher.predict import teacher_predictions
from clipteacher.analysis.teacher.timing import TimedTeacher
from clipteacher.analysis.wanted.photos import TrainingPhotos, open_training_photos
from clipteacher.analysis.wanted.report import WantedReport, report_wanted
from clipteacher.cli.arguments import device, names
from clipteacher.cli.errors import user_errors
from clipteacher.cli.out_files import check_json
from clipteacher.cli.parser import CommandParser
from clipteacher.cli.table import numbers
from clipteacher.cli.wanted_table import advice_lines, print_wanted
from clipteacher.method.config import MethodConfig
from clipteacher.protocols.named import known_protocol
from clipteacher.teachers.teacher import Teacher, check_teacher
from clipteacher.teachers.windows import WindowedTeacher
from clipteacher.utils.atomic_files import write_json
from clipteacher.utils.percent import percent


def check_names(parser: CommandParser, given: Namespace) -> None:
    """Check a teacher on photos, print what it knows, and write it where asked to.

    Args:
        parser: The parser of `clipteacher teacher-check`, which builds the teacher.
        given: What it parsed.

    Raises:
        SystemExit: With status 2, after a message about a bad input.
    """
    console = Console()
    with user_errors():
        check_json("out", given.out, ("teacher", "names"))
        unseen, given.classes = names(given.unseen, "unseen") or (), names(given.classes)
        for name in ("teacher", "data"):
            if given[name] is None:
                raise ValueError(f"{name}: got none, expected --{name}, or --config with a configuration of `fit`")
        training = _training_photos(given, unseen)
        options = {"protocol": given.protocol, "class_names": given.classes, "limit": given.photos}
        wanted = () if training is None else training.wanted
        photos = open_photos(given.data, given.split, unseen=unseen, wanted=wanted, **options)
        teacher = parser.instantiate(given).teacher
        check_teacher(teacher)
        teacher.to(device(given.device))
        with Progress(console=console, transient=True) as progress:
            tracked = progress.track(photos, total=len(photos), description="Teacher")
            timed = TimedTeacher(teacher)
            predictions = teacher_predictions(timed, photos.class_names, tracked, given.short_side)
            report = None if training is None else _wanted_report(given, teacher, training, progress)
        metrics, text_features = name_metrics(photos.class_names, predictions), predictions.text_features
        advice = advise(metrics, text_features, unseen, photos=len(photos))
        if given.out is not None:
            result = {
                "data": photos.title,
                "photos": len(photos),
                "of": photos.total,
                "teacher": f"{type(teacher).__module__}.{type(teacher).__qualname__}",
                "unseen": list(unseen),
                "names": [asdict(each) | {"predicted_as": dict(each.predicted_as)} for each in metrics],
                "near": [pair._asdict() for pair in near_pairs(photos.class_names, text_features)],
                "advice": list(advice),
                "wanted": None if report is None else report.to_dict(),
            }
            _write(given.out, result, report, training)
    for table in _tables(metrics, f"{photos.title}: {len(photos)} of {photos.total} photos"):
        console.print(table)
    if isinstance(teacher, WindowedTeacher):
        print(_cost(teacher, timed))
    _print_rest(photos, unseen, wanted, report, advice, console)


def _cost(teacher: WindowedTeacher, timed: TimedTeacher) -> str:
    """Say what windows cost."""
    sides, strides = ("x".join(map(str, each)) for each in (teacher.window, teacher.stride))
    return (
        f"Windows of {sides} pixels, stride {strides}: {timed.mean_passes:.3g} passes of the teacher a photo, the "
        f"whole and each window, {timed.median_seconds:.2g} s."
    )


def _print_rest(
    photos: CheckPhotos,
    unseen: Sequence[str],
    wanted: Sequence[str],
    report: WantedReport | None,
    advice: Sequence[str],
    console: Console,
) -> None:
    """Print whose masks are not used, the table of wanted names, and all advice."""
    unused = [name for name in photos.class_names if name in unseen]
    if unused and photos.has_masks:
        print(f"Masks not used, because training will not see them: {', '.join(unused)}. --unseen '' uses all.")
    if report is not None:
        print_wanted(report, console)
    lines = [f"advice: {piece}" for piece in advice]
    lines += advice_lines(report) if report is not None else []
    for line in lines or ("advice: none: the teacher knows these names on these photos.",):
        print(line)


def _training_photos(given: Namespace, unseen: Sequence[str]) -> TrainingPhotos | None:
    """Open the photos on which wanted names are looked up; None where no name is wanted."""
    protocol = known_protocol(given.protocol)
    wanted = names(given.wanted, "wanted")
    if not wanted and (wanted is not None or protocol is None or not protocol.transductive):
        return None
    options = {"protocol": given.protocol, "class_names": given.classes, "limit": given.photos}
    return open_training_photos(given.data, given.split, unseen=unseen, wanted=wanted or (), **options)


def _wanted_report(given: Namespace, teacher: Teacher, training: TrainingPhotos, progress: Progress) -> WantedReport:
    """Look up which regions wanted names would get."""
    return report_wanted(
        teacher,
        MethodConfig() if given.config is None else read_method(given.config),
        progress.track(training, total=len(training), description="Wanted names"),
        training.seen,
        training.wanted,
        title=training.title,
        of=training.total,
        short_side=given.short_side,
    )


def _write(out: Path, result: dict[str, Any], report: WantedReport | None, training: TrainingPhotos | None) -> None:
    """Write the JSON file, and beside it the sheet of wanted names; one of an earlier check goes."""
    sheet = out.with_name(f"{out.stem}.wanted.png")
    sheet.unlink(missing_ok=True)
    if report is not None and training is not None:
        report.write_sheet(sheet, training.read)
        print(f"Regions of wanted names: {sheet}")
    write_json(out, result)


def _tables(metrics: Sequence[NameMetrics], title: str) -> list[Table]:
    """Make the tables: names with masks, the weakest first; then what is known of every name without masks."""
    tables = []
    masked = sorted((each for each in metrics if each.photos), key=lambda each: each.IoU)
    if masked:
        heads = numbers("photos", "IoU", "recall", "precision")
        table = Table("name", *heads, "predicted as", title=f"{title}. Dense tokens against masks, %")
        for each in masked:
            wrong = ", ".join(f"{name} {100 * share:.0f}" for name, share in each.predicted_as)
            cells = map(percent, (each.IoU, each.recall, each.precision))
            table.add_row(each.name, str(each.photos), *cells, wrong)
        tables.append(table)
    heads = numbers(*(("high where shown", "high elsewhere") if masked else ("high",)), "pixels, %")
    title = f"{title}. CLS ranks it among the first {HIGH:.0%} of names, % of photos"
    table = Table("name", *heads, "nearest name (cosine)", title=title)
    for each in metrics:
        shares = [each.high_shown, each.high_other] if masked else [each.high_other]
        nearest = f"{each.nearest} ({each.cosine:.2f})" if each.nearest is not None else ""
        written = ("" if share != share else percent(share) for share in (*shares, each.pixels))
        table.add_row(each.name, *written, nearest)
    return [*tables, table]
