"""The quickstart: draw a world, train a student with and without a teacher, compare, show."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console

from clipteacher.data.dataset import Sample, SegmentationDataset
from clipteacher.drawn_world import write_world
from clipteacher.evaluation import pooled_confusion
from clipteacher.files import write_json
from clipteacher.metrics import scores
from clipteacher.pictures import report_rows
from clipteacher.protocols.splits import IGNORE
from clipteacher.quickstart.advice import Command, next_commands
from clipteacher.quickstart.config import QuickstartConfig
from clipteacher.quickstart.folder import check_empty
from clipteacher.quickstart.results import TITLES, Results
from clipteacher.quickstart.speed import images_per_second
from clipteacher.quickstart.stages import Stage, Stages
from clipteacher.quickstart.training import train
from clipteacher.segmenter import Segmenter
from clipteacher.teachers.dense import TeacherAlone
from clipteacher.training.module import TrainingModule
from clipteacher.training.run import draw_report


class Finished(NamedTuple):
    """A quickstart that came to its end.

    Attributes:
        results: What was found, as in `metrics.json`.
        commands: What to type next.
    """

    results: Results
    commands: list[Command]


def quickstart(out: Path, *, seed: int, config: QuickstartConfig, console: Console) -> Finished:
    """Show the method at work.

    Args:
        out: Folder for all that is made: `world/`, `student_alone/`, `student/`, `fit.yaml`, `panel.png`,
            `metrics.json`. New or empty.
        seed: Seed of the world and of training; the same seed gives the same figures.
        config: The knobs.
        console: Where to show progress.

    Returns:
        What was found, and what to type next.

    Raises:
        FileExistsError: There is something in `out`.
        KeyboardInterrupt: The user stopped it.
        SystemExit: Status 2 for wrong input of `clipteacher fit`, after the message.
    """
    check_empty(out)
    world, fit_config = out / "world", out / "fit.yaml"
    out.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(config.fit, fit_config)
    common = [
        *("--config", str(fit_config), "--data.root", str(world), "--seed_everything", str(seed)),
        # The same for every machine, and no score on the way.
        *("--trainer.accelerator", "cpu", "--trainer.devices", "1", "--trainer.limit_val_batches", "0"),
    ]
    with Stages(console, count=6) as stages:
        with stages.stage("world", "Drawing the world") as stage:
            show = partial(stage.show, total=config.train + config.val)
            write_world(world, seed=seed, train=config.train, val=config.val, size=config.size, progress=show)
        with stages.stage("student_alone", "Training the student alone") as stage:
            switches = ["--model.glm", "null", "--model.plm", "null"]
            alone = train([*common, *switches, "--out", str(out / "student_alone")], stage)
        with stages.stage("student", "Training the student under the teacher") as stage:
            both = train([*common, "--out", str(out / "student"), "--baseline", str(alone.run.model)], stage)
        val_set, split = both.data.val_set, both.data.class_split
        with stages.stage("teacher_alone", "Scoring the teacher alone") as stage:
            segmenters = {
                "student_alone": alone.module.segmenter(),
                "teacher_alone": teacher_alone(both.module),
                "student": both.module.segmenter(),
            }
            samples = _counted(val_set, stage)
            teacher_scores = scores(pooled_confusion(segmenters["teacher_alone"], samples), split)
        with stages.stage("speed", "Measuring the speed at test"):
            images = [val_set[index].image for index in range(min(config.timed, len(val_set)))]
            speed = images_per_second(segmenters, images)
        with stages.stage("panel", "Drawing the panel"):
            columns = {TITLES[key]: segmenter for key, segmenter in segmenters.items()}
            draw_report(out / "panel.png", val_set, columns, config.rows, panel_width=config.panel_width)
    (example,) = report_rows((val_set[index].mask.numpy() for index in range(len(val_set))), split, 1)
    found = {"student_alone": alone.scores, "teacher_alone": teacher_scores, "student": both.scores}
    results = Results(both.data.protocol, seed, found, speed, stages.seconds)
    write_json(out / "metrics.json", results.to_dict())
    words = [split.names[label] for label in np.unique(val_set[example].mask) if label != IGNORE]
    commands = next_commands(out, fit_config, val_set.source.paths(example).image, words)
    return Finished(results, commands)


def _counted(samples: SegmentationDataset, stage: Stage) -> Iterator[Sample]:
    """Go through samples and show how far it has come."""
    for index in range(len(samples)):
        yield samples[index]
        stage.show(index + 1, len(samples))


def teacher_alone(module: TrainingModule) -> Segmenter:
    """Return a segmenter of a module's teacher without its student; it answers to all names of the module."""
    framework, student = module.framework, module.segmenter()
    # The framework has checked that it is a teacher.
    return Segmenter(
        TeacherAlone(framework.teacher),
        student.names,
        student.vectors,
        pad_multiple=student.pad_multiple,
        pipeline=student.pipeline,
    )
