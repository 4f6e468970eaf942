"""The quickstart: draw a world, train a student with and without a teacher, compare, show."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from rich.console import Console

from clipteacher.data.dataset import Sample, SegmentationDataset
from clipteacher.demo.drawn_world import write_world
from clipteacher.demo.quickstart.advice import Commands, next_commands
from clipteacher.demo.quickstart.config import QuickstartConfig, check_empty
from clipteacher.demo.quickstart.results import TITLES, Results, images_per_second
from clipteacher.demo.quickstart.stages import Stages
from clipteacher.demo.quickstart.training import train
from clipteacher.evaluation.evaluate import pooled_confusion
from clipteacher.evaluation.metrics import compute_metrics
from clipteacher.pictures import report_rows
from clipteacher.protocols.splits import IGNORE
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.training.finish import draw_report
from clipteacher.utils.atomic_files import write_json


def quickstart(out: Path, *, seed: int, config: QuickstartConfig, console: Console) -> tuple[Results, Commands]:
    """Show the method at work.

    Args:
        out: Folder for all that is made: `world/`, `baseline/`, `student/`, `fit.yaml`, `panel.png`,
            `metrics.json`. New or empty.
        seed: Seed of the world and of training; the same seed gives the same figures.
        config: The options.
        console: Where to show progress.

    Returns:
        What was found, as in `metrics.json`, and what to type next.

    Raises:
        FileExistsError: There is something in `out`.
        KeyboardInterrupt: The user stopped it.
        DataError, NonFiniteLossError, OSError: As `clipteacher.training.session.Session.start`.
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
        with stages.stage("baseline", "Training the supervised baseline") as stage:
            switches = ["--model.method.glm", "null", "--model.method.plm", "null"]
            baseline = train([*common, *switches, "--out", str(out / "baseline")], stage)
        with stages.stage("student", "Training the student under the teacher") as stage:
            model = str(baseline.folder / "model")
            student = train([*common, "--out", str(out / "student"), "--baseline", model], stage)
        val_set, split = student.data.val_set, student.data.class_split
        with stages.stage("teacher", "Scoring the zero-shot teacher") as stage:
            settings = student.segmenter.settings
            segmenters = {
                "baseline": baseline.segmenter,
                "teacher": Segmenter.from_teacher(student.teacher, split.names, settings=settings),
                "student": student.segmenter,
            }
            samples = _counted(val_set, stage)
            teacher_scores = compute_metrics(pooled_confusion(segmenters["teacher"], samples), split)
        with stages.stage("speed", "Measuring the speed at test"):
            images = [val_set[index].image for index in range(min(config.timed, len(val_set)))]
            speed = images_per_second(segmenters, images)
        with stages.stage("panel", "Drawing the panel"):
            columns = {TITLES[key]: segmenter for key, segmenter in segmenters.items()}
            draw_report(out / "panel.png", val_set, columns, config.rows, panel_width=config.panel_width)
    (example,) = report_rows((val_set[index].mask.numpy() for index in range(len(val_set))), split, 1)
    found = {"baseline": baseline.scores, "teacher": teacher_scores, "student": student.scores}
    results = Results(student.protocol, seed, found, speed, stages.seconds)
    write_json(out / "metrics.json", results.to_dict())
    words = [split.names[label] for label in np.unique(val_set[example].mask) if label != IGNORE]
    return results, next_commands(out, fit_config, val_set.source.paths(example).image, words)


def _counted(samples: SegmentationDataset, stage: Stages) -> Iterator[Sample]:
    """Go through samples and show how far it has come."""
    for index in range(len(samples)):
        yield samples[index]
        stage.show(index + 1, len(samples))
