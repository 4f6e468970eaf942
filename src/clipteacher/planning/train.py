"""`clipteacher.train`: photos in, a model out; what is not given is decided."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any, overload

from rich.console import Console
from rich.table import Table
from rich.text import Text
from torch import nn

from clipteacher.convert.layouts import LayoutOptions
from clipteacher.data.class_list import listed_words, words_of_file
from clipteacher.planning.data import prepare_data
from clipteacher.planning.plan import Decision
from clipteacher.planning.run import PLAN, RunPlan, ask_teacher, plan_run, write_plan
from clipteacher.teachers.teacher import Teacher
from clipteacher.training.datamodule import FolderDataModule
from clipteacher.training.keywords import check_keywords
from clipteacher.training.run_folder import RunFolder
from clipteacher.training.session import TrainingResult
from clipteacher.training.staged import quiet_trainer, train_in_stage
from clipteacher.training.train import default_out
from clipteacher.training.train import train as train_given
from clipteacher.utils.printable import printable
from clipteacher.utils.stages import Stages


def train_photos(
    data: str | Path,
    *,
    wanted: Sequence[str] | str = (),
    unseen: Sequence[str] | str = (),
    out: str | Path | None = None,
    minutes: float = 20.0,
    teacher: str | None = None,
    device: str | None = None,
    seed: int = 0,
    layout: LayoutOptions | None = None,
    resume: bool = False,
    console: Console | None = None,
) -> TrainingResult:
    """Train on a folder of photos, with everything else decided from the photos and the machine.

    What is decided is shown with its reasons, and written to `plan.yaml`, a configuration of `clipteacher fit`.

    Args:
        data: Folder of photos and masks, or annotations, as tools export them, see `clipteacher.convert.layouts`.
        wanted: Names that you want without having labelled them: any words, in a list, in one text with commas, or in
            a .txt file, see `clipteacher.data.class_list.listed_words`. Those that have masks are held back and scored.
        unseen: Classes that are held back and scored, and whose names training does not know either.
        out: Run folder to write; None names one below `runs/` after the time.
        minutes: Time for all of it, about.
        teacher: "MODEL:PRETRAINED" of open_clip, "hf-hub:ORG/NAME", "package:NAME", "transformers:ORG/NAME" or
            "imagenet"; None takes OpenAI's CLIP ViT-B/16 where its weights can be had.
        device: Such as "cpu"; None takes a GPU where there is one.
        seed: Decides what is drawn; the number of steps hangs on the machine's speed, so `plan.yaml` repeats a run.
        layout: What cannot be told from the folder; the message of an error says what to give.
        resume: Go on with the folder's run, as it was planned.
        console: Where to show what happens; None is the standard output.

    Returns:
        The segmenter, its scores and the folder.

    Raises:
        ConnectionError, ImportError: The teacher or the student cannot be had.
        DataError: The folder, a photo or a mask cannot be used.
        KeyboardInterrupt: It was stopped; `resume=True` goes on.
        NonFiniteLossError: The loss is no number any more.
        ValueError: A name is given twice or is no class, the folder holds a run, or a value is out of its range.
    """
    run = RunFolder(Path(out) if out is not None else default_out())
    console = console or Console()
    if resume and planned(run):
        return resume_photos(run, console)
    plan = plan_photos(
        Path(data),
        run,
        console,
        layout or LayoutOptions(),
        wanted=_told(wanted, "wanted", console),
        hold_out=_told(unseen, "unseen", console),
        minutes=minutes,
        teacher=teacher,
        device=device,
        seed=seed,
    )
    return carry_out(plan, console)


def _told(given: Sequence[str] | str, field: str, console: Console) -> tuple[str, ...]:
    """Read words, and say how many of them come from a file."""
    words = listed_words(given, field)
    if said := words_of_file(given, words, field):
        console.print(Text(said), soft_wrap=True)
    return words


def planned(run: RunFolder) -> bool:
    """Whether the folder holds a run that was planned, to its end."""
    return (run.path / PLAN).exists()


def plan_photos(
    data: Path,
    run: RunFolder,
    console: Console,
    layout: LayoutOptions,
    **options: Any,  # noqa: ANN401 (those of `plan_run`)
) -> RunPlan:
    """Plan a run, show the plan, and say what the teacher makes of the wanted words before the time is spent.

    Args:
        data: The photos.
        run: Where to.
        console: Where to show it.
        layout: What cannot be told from the folder.
        **options: Those of `plan_run`.

    Raises:
        ConnectionError, DataError, ImportError, OSError, ValueError: As `train_photos`.
    """
    if run.begun() or planned(run):
        raise ValueError(
            f"out: {run.path} already holds a run. Resume it (--resume; resume=True), or name another folder."
        )
    if run.path.resolve() == data.resolve():
        raise ValueError(f"out: got {printable(run.path)}, the folder of the photos. Name another.")
    photos = prepare_data(data, run.path, layout, console)
    with quiet_trainer():
        plan = plan_run(photos.root, run.path, layout=photos.layout, **options)
    console.print(decision_table(plan.decisions), highlight=False)
    report = ask_teacher(plan)
    if report is not None:
        sheet = f"What the teacher takes for each word: {plan.out / 'wanted.png'}"
        console.print(sheet, highlight=False, soft_wrap=True)
        for piece in report.advice:
            console.print(Text(f"advice: {piece}"), soft_wrap=True)
    return plan


def carry_out(plan: RunPlan, console: Console) -> TrainingResult:
    """Train by a plan, with a bar.

    Args:
        plan: The plan.
        console: Where to show the bar.

    Raises:
        DataError, KeyboardInterrupt, NonFiniteLossError, OSError: As `train_photos`.
    """
    write_plan(plan)
    return _trained(plan.out, console)


def resume_photos(run: RunFolder, console: Console) -> TrainingResult:
    """Go on with a run as it was planned.

    Args:
        run: Its folder.
        console: Where to show the bar.

    Raises:
        DataError, KeyboardInterrupt, NonFiniteLossError, OSError, ValueError: As `train_photos`.
    """
    return _trained(run.path, console, "--resume")


def _trained(folder: Path, console: Console, *more: str) -> TrainingResult:
    """Train by the plan in a folder, with a bar."""
    with Stages(console, 1) as stages, stages.stage("run", "Training"):
        return train_in_stage(["--config", str(folder / PLAN), "--out", str(folder), *more], stages)


def decision_table(decisions: Sequence[Decision]) -> Table:
    """Return a plan as a table: what, which value, and why."""
    table = Table("", "decided", "why")
    for what, value, reason in decisions:
        table.add_row(what, Text(value), Text(reason))
    return table


@overload
def train(
    data: str | Path | FolderDataModule,
    student: nn.Module,
    teacher: Teacher,
    **options: Any,  # noqa: ANN401
) -> TrainingResult: ...


@overload
def train(
    data: str | Path,
    student: None = None,
    teacher: str | None = None,
    **options: Any,  # noqa: ANN401
) -> TrainingResult: ...


def train(*given: Any, **options: Any) -> TrainingResult:
    """Train, score and leave a run folder.

    With photos alone, everything else is decided from them and the machine: `train("photos", wanted=["cat"])`, see
    `train_photos`. With a student and a teacher of your own, `train(data, student, teacher, steps=1000)`, you decide:
    see `clipteacher.training.train.train`.

    Args:
        *given: The folder of the photos, or with a student and a teacher a `FolderDataModule`, too; the student; the
            teacher.
        **options: Those of `train_photos`, or with a student and a teacher those of `clipteacher.training.train.train`.

    Returns:
        The segmenter, its scores and the folder.

    Raises:
        TypeError: An option is none of that function's, or of student and teacher one alone is given.
        ConnectionError, DataError, ImportError, KeyboardInterrupt, NonFiniteLossError, ValueError: As there.
    """
    arguments = options | dict(zip(("data", "student", "teacher"), given, strict=False))
    student, teacher = arguments.get("student"), arguments.get("teacher")
    named = teacher is None or isinstance(teacher, str)
    if student is not None and named:
        raise TypeError("train: got a student alone, expected a teacher, too, or neither: then both are chosen.")
    if student is not None or not named:
        return train_given(*given, **options)
    own = [*inspect.signature(train_photos).parameters]
    decided = [name for name in inspect.signature(train_given).parameters if name not in own]
    for name in arguments:
        if name in decided and name != "student":
            raise TypeError(
                f"train: got the argument {name!r} for photos alone, where it is decided. Leave it out, or give a "
                "student and a teacher, too."
            )
    check_keywords("train", (name for name in arguments if name != "student"), own)
    return train_photos(**{name: value for name, value in arguments.items() if name != "student"})
