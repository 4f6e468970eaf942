"""`clipteacher teacher-check`: how well a teacher knows class names on your own photos, before an hour of training."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import yaml
from jsonargparse import ArgumentParser
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from torch import nn

from clipteacher.analysis.teacher.advice import advise, near_pairs
from clipteacher.analysis.teacher.metrics import HIGH, NameMetrics, name_metrics
from clipteacher.analysis.teacher.photos import CheckPhotos, open_photos
from clipteacher.analysis.teacher.predict import teacher_predictions
from clipteacher.cli.errors import device, user_errors
from clipteacher.evaluation.metrics import percent
from clipteacher.protocols.splits import listed_names
from clipteacher.teachers.teacher import check_teacher
from clipteacher.utils.atomic_files import write_json


def teacher_check(arguments: Sequence[str]) -> None:
    """Show how well a teacher knows each class name on photos, with their masks where there are any, and give advice.

    It uses the masks of unseen classes too, unless these are named with --unseen or in the --config: it is for choosing
    words on your own data, not for a zero-shot benchmark. Nothing of it reaches training.
    """
    with user_errors():
        defaults = _defaults(arguments)
    parser = _parser(defaults)
    given = parser.parse_args(list(arguments))
    console = Console()
    with user_errors():
        photos = _open_photos(given)
        teacher = _teacher(parser, given)
        with Progress(console=console, transient=True) as progress:
            tracked = progress.track(photos, total=len(photos), description="Teacher")
            predictions = teacher_predictions(teacher, photos.class_names, tracked, given.short_side)
        metrics, text_features = name_metrics(photos.class_names, predictions), predictions.text_features
        advice = advise(metrics, text_features, _unseen(given), photos=len(photos))
        if given.out is not None:
            result = {
                "data": photos.title,
                "photos": len(photos),
                "of": photos.total,
                "teacher": f"{type(teacher).__module__}.{type(teacher).__qualname__}",
                "unseen": list(_unseen(given)),
                "names": [each.to_dict() for each in metrics],
                "near": [pair._asdict() for pair in near_pairs(photos.class_names, text_features)],
                "advice": list(advice),
            }
            write_json(given.out, result)
    for table in _tables(metrics, f"{photos.title}: {len(photos)} of {photos.total} photos"):
        console.print(table)
    unused = [name for name in photos.class_names if name in _unseen(given)]
    if unused and photos.has_masks:
        print(f"Masks not used, because training will not see them: {', '.join(unused)}. --unseen '' uses all.")
    for piece in advice or ("none: the teacher knows these names on these photos.",):
        print(f"advice: {piece}")


def _parser(defaults: dict[str, Any]) -> ArgumentParser:
    """Build the parser."""
    parser = ArgumentParser(prog="clipteacher teacher-check", description=teacher_check.__doc__)
    parser.add_argument(
        "--config",
        type=Path | None,
        default=None,
        help="a configuration of `clipteacher fit`, for teacher, data and unseen classes",
    )
    parser.add_subclass_arguments(
        nn.Module,
        "teacher",
        required=False,
        help="as model.teacher of `fit`: a class, and --teacher.NAME for its arguments",
    )
    parser.add_argument("--data", type=Path | None, default=None, help="folder of the data set, or of photos alone")
    parser.add_argument("--split", type=str, default="train", help="which of its photos")
    parser.add_argument("--protocol", type=str | None, default=None, help="a benchmark such as voc12-15-5")
    parser.add_argument(
        "--classes",
        type=list[str] | str | None,
        default=None,
        help='class names, such as "cat, old chair", with masks or without; default: those of classes.txt',
    )
    parser.add_argument(
        "--unseen",
        type=list[str] | str | None,
        default=None,
        help='classes that training will not see; their masks are not used. "" with --config: use all masks',
    )
    parser.add_argument("--photos", type=int, default=300, help="use at most this many photos, evenly spread; 0: all")
    parser.add_argument(
        "--short_side",
        type=int | None,
        default=None,
        help="resize photos to this shorter side for the teacher; default: their own size",
    )
    parser.add_argument("--out", type=Path | None, default=None, help="JSON file for all metrics")
    parser.add_argument("--device", type=str, default="cuda" if torch.cuda.is_available() else "cpu")
    parser.set_defaults(defaults)
    return parser


def _unseen(given: Any) -> tuple[str, ...]:  # noqa: ANN401 (jsonargparse's namespace)
    """Names whose masks are not used."""
    return tuple(filter(None, listed_names(given.unseen))) if given.unseen is not None else ()


def _open_photos(given: Any) -> CheckPhotos:  # noqa: ANN401
    """Open the photos."""
    for name in ("teacher", "data"):
        if given[name] is None:
            raise ValueError(f"{name}: got none, expected --{name}, or --config with a configuration of `fit`")
    return open_photos(
        given.data,
        given.split,
        protocol=given.protocol,
        class_names=listed_names(given.classes) if given.classes is not None else None,
        unseen=_unseen(given),
        limit=given.photos,
    )


def _teacher(parser: ArgumentParser, given: Any) -> Any:  # noqa: ANN401 (a teacher that is a module)
    """Build the teacher on its device."""
    teacher = parser.instantiate(given).teacher
    check_teacher(teacher)
    return teacher.to(device(given.device))


def _tables(metrics: Sequence[NameMetrics], title: str) -> list[Table]:
    """Make the tables: names with masks, the weakest first; then what is known of every name without masks."""
    tables = []
    masked = sorted((each for each in metrics if each.photos), key=lambda each: each.IoU)
    if masked:
        table = _table(f"{title}. Dense tokens against masks, %", "photos", "IoU", "recall", "precision")
        table.add_column("predicted as")
        for each in masked:
            wrong = ", ".join(f"{name} {100 * share:.0f}" for name, share in each.predicted_as)
            cells = map(percent, (each.IoU, each.recall, each.precision))
            table.add_row(each.name, str(each.photos), *cells, wrong)
        tables.append(table)
    heads = ("high where shown", "high elsewhere") if masked else ("high",)
    table = _table(f"{title}. CLS ranks it among the first {HIGH:.0%} of names, % of photos", *heads, "pixels, %")
    table.add_column("nearest name (cosine)")
    for each in metrics:
        shares = [each.high_shown, each.high_other] if masked else [each.high_other]
        nearest = f"{each.nearest} ({each.cosine:.2f})" if each.nearest is not None else ""
        written = ("" if share != share else percent(share) for share in (*shares, each.pixels))
        table.add_row(each.name, *written, nearest)
    return [*tables, table]


def _table(title: str, *numbers: str) -> Table:
    table = Table(title=title)
    table.add_column("name")
    for head in numbers:
        table.add_column(head, justify="right")
    return table


def _defaults(arguments: Sequence[str]) -> dict[str, Any]:
    """Read teacher, data and unseen classes from a configuration of `fit`, as defaults of the other arguments.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no YAML, or has no model.teacher.
    """
    before = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    before.add_argument("--config", type=Path)
    path = before.parse_known_args(list(arguments))[0].config
    if path is None:
        return {}
    if not path.is_file():
        raise FileNotFoundError(f"config: no file {path}, expected a configuration of `clipteacher fit`")
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"config: {path} is no YAML ({error})") from error
    model, data = (config.get(key) or {} if isinstance(config, dict) else {} for key in ("model", "data"))
    teacher = model.get("teacher")
    if not teacher or (isinstance(teacher, dict) and "class_path" not in teacher):
        raise ValueError(
            f"config: {path} has no class for model.teacher, expected a configuration of `clipteacher fit`"
        )
    found = {"teacher": teacher, "data": data.get("root"), "protocol": data.get("protocol")}
    return {**found, "unseen": data.get("unseen"), "split": data.get("train_split", "train")}
