"""`clipteacher train`: from a folder of photos to a model, with everything decided from data and machine."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from jsonargparse import ArgumentParser
from rich.console import Console
from rich.table import Table
from rich.text import Text

from clipteacher.cli.arguments import NAMES, names
from clipteacher.cli.errors import user_errors
from clipteacher.cli.faults import training_faults
from clipteacher.cli.table import print_scores
from clipteacher.cli.wanted_table import advice_lines, print_wanted
from clipteacher.demo.quickstart.stages import Stages
from clipteacher.demo.quickstart.training import quiet_trainer
from clipteacher.demo.quickstart.training import train as train_stage
from clipteacher.planning.plan import Decision
from clipteacher.planning.run import RunPlan, ask_teacher, plan_run, train_plan
from clipteacher.training.run_folder import RunFolder
from clipteacher.training.session import TrainingResult
from clipteacher.training.train import default_out


def train(arguments: Sequence[str]) -> None:
    """Train a network on your photos and masks, and on words that have no masks there.

    Example: clipteacher train photos --want "cat, old chair" --minutes 20
    """
    parser = ArgumentParser(prog="clipteacher train", description=train.__doc__)
    parser.add_argument("data", type=Path, metavar="DATA", help="folder of photos and masks")
    parser.add_argument("--want", type=NAMES, default=None, help='"cat, old chair": words to learn without masks')
    parser.add_argument("--hold-out", type=NAMES, default=None, help='"dog": classes to hold back whole, to measure')
    parser.add_argument("--out", type=Path, default=default_out(), help="run folder to write")
    parser.add_argument("--minutes", type=float, default=20.0, help="time for all of it")
    parser.add_argument("--teacher", type=str | None, default=None, help="MODEL/WEIGHTS of open_clip, or imagenet")
    parser.add_argument("--device", type=str | None, default=None, help="cpu, cuda; default: a GPU where there is one")
    parser.add_argument("--seed", type=int, default=0, help="same seed and steps, same model")
    given = parser.parse_args(list(arguments))
    console, run = Console(), RunFolder(given.out)
    with user_errors():
        if run.begun():
            raise ValueError(f"out: {run.path} already holds a run, expected a new folder. Name another.")
        with quiet_trainer():
            plan = plan_run(
                given.data,
                given.out,
                wanted=names(given.want) or (),
                hold_out=names(given.hold_out) or (),
                minutes=given.minutes,
                teacher=given.teacher,
                device=given.device,
                seed=given.seed,
            )
        console.print(_table(plan.decisions), highlight=False)
        _ask(plan, console)
    with training_faults(run), Stages(console, 2 if plan.calibration_steps else 1) as stages:
        result = train_plan(plan, lambda options: _stage(options, stages))
    calibration = result.segmenter.settings.calibration
    print_scores(result.scores, result.data.class_split, result.protocol, calibration)
    _say_what_next(result, given.data, console)


def _table(decisions: Sequence[Decision]) -> Table:
    """Return the plan as a table."""
    table = Table("", "decided", "why", show_lines=False)
    for what, value, reason in decisions:
        table.add_row(what, Text(value), Text(reason))
    return table


def _ask(plan: RunPlan, console: Console) -> None:
    """Show what the teacher makes of the wanted words, with advice."""
    asked = ask_teacher(plan)
    if asked is None:
        return
    print_wanted(asked, console)
    for line in advice_lines(asked):
        print(line)
    print(f"What it takes for each word: {plan.out / 'wanted.png'}")


def _stage(options: Sequence[str], stages: Stages) -> TrainingResult:
    """Train as a stage."""
    calibrating = options[-1].endswith("calibration")
    title = "Choosing a calibration on classes held back" if calibrating else "Training"
    with stages.stage(options[-1], title):
        return train_stage(options, stages)


def _say_what_next(result: TrainingResult, data: Path, console: Console) -> None:
    """Say what is written, and what to type next."""
    run, words = RunFolder(result.folder), ", ".join(result.segmenter.class_names)
    console.print(f"Written: {run.model}, {run.metrics}, {run.report}", highlight=False, soft_wrap=True)
    photos = data / "images" / "val"
    for command in (
        ("clipteacher", "segment", str(photos), "--model", str(run.model), "--classes", words, "--out", "pictures"),
        ("clipteacher", "app", "--model", str(run.model)),
        ("clipteacher", "export", "--model", str(run.model), "--classes", words, "--onnx", "model.onnx"),
    ):
        console.print(f"  {shlex.join(command)}", highlight=False, soft_wrap=True)
