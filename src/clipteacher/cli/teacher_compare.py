"""What `clipteacher teacher-check --compare` does: several teachers side by side on the classes that training sees."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import torch
import yaml
from jsonargparse import Namespace
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from clipteacher.analysis.teacher.compare import TeacherResult, best_result, score_teacher
from clipteacher.analysis.teacher.photos import CheckPhotos, open_seen_photos
from clipteacher.cli.arguments import device, names
from clipteacher.cli.errors import user_errors
from clipteacher.cli.out_files import check_json
from clipteacher.cli.table import numbers
from clipteacher.cli.teacher_alternatives import Alternative, read_alternatives
from clipteacher.utils.atomic_files import write_json
from clipteacher.utils.percent import percent


def compare_teachers(given: Namespace) -> None:
    """Score teachers on photos, print a table with their cost, and the best one's lines of YAML.

    Args:
        given: What the parser of `clipteacher teacher-check` parsed.

    Raises:
        SystemExit: With status 2, after a message about a bad input.
    """
    console = Console()
    with user_errors():
        if given.data is None:
            raise ValueError("data: got none, expected --data, or --config with a configuration of `fit`")
        check_json("out", given.out, ("teachers", "best"))
        where = device(given.device)
        teachers = read_alternatives(given.compare, None if given.teacher is None else given.teacher.as_dict())
        photos = open_seen_photos(
            given.data,
            given.split,
            protocol=given.protocol,
            class_names=names(given.classes),
            unseen=names(given.unseen, "unseen"),
            wanted=names(given.wanted, "wanted") or (),
            limit=given.photos,
        )
        for each in teachers:  # what cannot be built is told before minutes go into the others
            each.build(torch.device("cpu")).encode_text(photos.class_names[:1])
        with Progress(console=console, transient=True) as progress:
            results = [_scored(each, photos, where, given.short_side, progress) for each in teachers]
        best = teachers[results.index(best_result(results))]
        if given.out is not None:
            rows = [
                each.to_dict() | {"teacher": teacher.config()} for each, teacher in zip(results, teachers, strict=True)
            ]
            facts = {"data": photos.title, "photos": len(photos), "of": photos.total, "seen": list(photos.class_names)}
            write_json(given.out, {**facts, "teachers": rows, "best": best.name})
    console.print(_table(results, best.name, photos))
    lines = yaml.safe_dump({"model": {"teacher": best.config()}}, sort_keys=False, allow_unicode=True)
    print(f"Best: {best.name}. For the configuration:\n\n{lines}", end="")


def _scored(
    teacher: Alternative, photos: CheckPhotos, where: torch.device, short_side: int | None, progress: Progress
) -> TeacherResult:
    """Score one of the teachers, with a bar of progress."""
    return score_teacher(
        teacher.name,
        partial(teacher.build, where),
        photos,
        where,
        short_side=short_side,
        tracked=partial(progress.track, total=len(photos), description=escape(teacher.name)),
    )


def _table(results: Sequence[TeacherResult], best: str, photos: CheckPhotos) -> Table:
    """Make the table of scores and cost."""
    heads = numbers("mIoU", "pAcc", "s / photo", "passes", "MB")
    title = (
        f"{photos.title}: {len(photos)} of {photos.total} photos. Dense tokens against masks of "
        f"{len(photos.class_names)} seen classes, % (* best)"
    )
    table = Table("teacher", *heads, title=title)
    for each in results:
        name = escape(f"* {each.name}" if each.name == best else each.name)
        memory = "-" if math.isnan(each.megabytes) else f"{each.megabytes:.0f}"
        table.add_row(name, percent(each.mIoU), percent(each.pAcc), f"{each.seconds:.3g}", f"{each.passes:.3g}", memory)
    return table
