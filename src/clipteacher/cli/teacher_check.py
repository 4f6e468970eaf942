"""`clipteacher teacher-check`: how well a teacher knows names on one's own photographs, before an hour is spent."""

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

from clipteacher.analysis.teacher.advice import hints, near_pairs
from clipteacher.analysis.teacher.metrics import HIGH, NameFigures, name_figures
from clipteacher.analysis.teacher.photos import photos_to_ask
from clipteacher.analysis.teacher.predict import ask_teacher
from clipteacher.cli.errors import device, user_errors
from clipteacher.evaluation.metrics import percent
from clipteacher.protocols.splits import listed_names
from clipteacher.teachers.teacher import check_teacher
from clipteacher.utils.atomic_files import write_json


def teacher_check(arguments: Sequence[str]) -> None:
    """Show how well a teacher knows each name on photographs, with their masks where there are any, and give hints.

    Where there are masks of unseen classes this looks at them, unless they are named with --unseen (or a --config names
    them): it is for choosing words on one's own data. Nothing of it reaches training. Not for a zero-shot benchmark.
    """
    with user_errors():
        configured = _configured(arguments)
    parser = ArgumentParser(prog="clipteacher teacher-check", description=teacher_check.__doc__)
    parser.add_argument(
        "--config", type=Path | None, default=None, help="a configuration of `fit`: its teacher, data and unseen names"
    )
    parser.add_subclass_arguments(
        nn.Module,
        "teacher",
        required=False,
        help="as model.teacher in `fit`: a class, and --teacher.NAME its arguments",
    )
    parser.add_argument("--data", type=Path | None, default=None, help="the data set's folder, or a folder of photos")
    parser.add_argument("--split", type=str, default="train", help="which photos of it")
    parser.add_argument("--protocol", type=str | None, default=None, help="such as voc12-15-5, read as released")
    parser.add_argument(
        "--classes",
        type=list[str] | str | None,
        default=None,
        help='"cat, old chair": the names to ask for, with masks or without; default: those of classes.txt',
    )
    parser.add_argument(
        "--unseen",
        type=list[str] | str | None,
        default=None,
        help='names that training will not see; their masks are not looked at. "" with --config: look at all masks',
    )
    parser.add_argument("--photos", type=int, default=300, help="photos to ask about, evenly spread; 0: all")
    parser.add_argument(
        "--short_side",
        type=int | None,
        default=None,
        help="shrink or enlarge photos for the teacher; default: own size",
    )
    parser.add_argument("--out", type=Path | None, default=None, help="JSON file for all figures")
    parser.add_argument("--device", type=str, default="cuda" if torch.cuda.is_available() else "cpu")
    parser.set_defaults(configured)
    given = parser.parse_args(list(arguments))
    console = Console()
    with user_errors():
        for name, value in (("teacher", given.teacher), ("data", given.data)):
            if value is None:
                raise ValueError(f"{name}: got none, expected --{name}, or --config with a configuration of `fit`")
        closed = tuple(filter(None, listed_names(given.unseen))) if given.unseen is not None else ()
        classes = listed_names(given.classes) if given.classes is not None else None
        photos = photos_to_ask(
            given.data, given.split, protocol=given.protocol, classes=classes, closed=closed, limit=given.photos
        )
        teacher: Any = parser.instantiate(given).teacher
        check_teacher(teacher)
        teacher.to(device(given.device))
        with Progress(console=console, transient=True) as progress:
            asked = progress.track(photos, total=len(photos), description="Asking")
            answers = ask_teacher(teacher, photos.names, asked, given.short_side)
        figures = name_figures(photos.names, answers)
        advice = hints(figures, answers.vectors, closed, photos=len(photos))
        if given.out is not None:
            found = {
                "data": photos.title,
                "photos": len(photos),
                "of": photos.total,
                "teacher": f"{type(teacher).__module__}.{type(teacher).__qualname__}",
                "unseen": list(closed),
                "names": [each.to_dict() for each in figures],
                "near": [pair._asdict() for pair in near_pairs(photos.names, answers.vectors)],
                "hints": list(advice),
            }
            write_json(given.out, found)
    for table in tables(figures, f"{photos.title}: {len(photos)} of {photos.total} photos"):
        console.print(table)
    masked = [name for name in photos.names if name in closed]
    if masked and photos.source is not None:
        print(f"Masks not looked at, for training will not see them: {', '.join(masked)}. --unseen '' looks at all.")
    for hint in advice:
        print(f"hint: {hint}")
    if not advice:
        print("No hint: the teacher knows these names on these photographs.")


def tables(figures: Sequence[NameFigures], title: str) -> list[Table]:
    """Make the tables: names with masks, the weakest first; then what can be said of every name without masks.

    Args:
        figures: Figures of the names.
        title: Stands over them.

    Returns:
        One table or two.
    """
    made = []
    masked = sorted((each for each in figures if each.photos), key=lambda each: each.IoU)
    if masked:
        table = _table(f"{title}. Dense tokens against masks, %", "photos", "IoU", "recall", "precision")
        table.add_column("called instead")
        for each in masked:
            instead = ", ".join(f"{taken.name} {100 * taken.share:.0f}" for taken in each.taken_for)
            cells = map(percent, (each.IoU, each.recall, each.precision))
            table.add_row(each.name, str(each.photos), *cells, instead)
        made.append(table)
    heads = ("high where shown", "high elsewhere") if masked else ("high",)
    table = _table(f"{title}. CLS ranks it among the first {HIGH:.0%} of names, % of photos", *heads, "pixels, %")
    table.add_column("nearest name (cosine)")
    for each in figures:
        shares = [each.high_shown, each.high_other] if masked else [each.high_other]
        nearest = f"{each.nearest} ({each.cosine:.2f})" if each.nearest is not None else ""
        written = ("" if share != share else percent(share) for share in (*shares, each.pixels))
        table.add_row(each.name, *written, nearest)
    return [*made, table]


def _table(title: str, *numbers: str) -> Table:
    table = Table(title=title)
    table.add_column("name")
    for head in numbers:
        table.add_column(head, justify="right")
    return table


def _configured(arguments: Sequence[str]) -> dict[str, Any]:
    """Take teacher, data and unseen names of a configuration of `fit`, to be defaults.

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
    if not model.get("teacher"):
        raise ValueError(f"config: {path} has no model.teacher, expected a configuration of `clipteacher fit`")
    found = {"teacher": model["teacher"], "data": data.get("root"), "protocol": data.get("protocol")}
    return {**found, "unseen": data.get("unseen"), "split": data.get("train_split", "train")}
