"""The quickstart: draw a world, train the same network with more and less told to it, compare, show."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console

from clipteacher.data.dataset import Sample, SegmentationDataset
from clipteacher.demo.drawn_world import write_world
from clipteacher.demo.quickstart.advice import Commands, next_commands
from clipteacher.demo.quickstart.config import RUNS, QuickstartConfig, check_empty
from clipteacher.demo.quickstart.results import TITLES, Results, images_per_second
from clipteacher.evaluation.evaluate import pooled_confusion
from clipteacher.evaluation.metrics import compute_metrics
from clipteacher.pictures import report_rows
from clipteacher.protocols.splits import IGNORE
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.training.finish import draw_report
from clipteacher.training.run_folder import RunFolder
from clipteacher.training.run_lock import RunLock
from clipteacher.training.session import TrainingResult
from clipteacher.training.staged import train_in_stage
from clipteacher.utils.atomic_files import write_json
from clipteacher.utils.stages import Stages

PANEL: Final = ("baseline", "after", "before")
"""Rows that the panel shows, after photo and truth."""


def quickstart(out: Path, *, seed: int, config: QuickstartConfig, console: Console) -> tuple[Results, Commands]:
    """Show the method at work.

    Args:
        out: Folder for all that is made: `world/`, a folder for each of `RUNS`, `fit.yaml`, `panel.png`,
            `metrics.json`. New or empty.
        seed: Seed of the world and of training; the same seed gives the same figures.
        config: The options.
        console: Where to show progress.

    Returns:
        What was found, as in `metrics.json`, and what to type next.

    Raises:
        FileExistsError: There is something in `out`.
        KeyboardInterrupt: The user stopped it.
        RunInUseError: Another quickstart has just begun in `out`.
        DataError, NonFiniteLossError, OSError: As `clipteacher.training.session.Session.start`.
    """
    check_empty(out)
    lock = RunLock(RunFolder(out).lock)
    lock.acquire()
    try:
        return _quickstart(out, seed, config, console)
    finally:
        lock.release()


def _quickstart(out: Path, seed: int, config: QuickstartConfig, console: Console) -> tuple[Results, Commands]:
    """Do so while nobody else writes into the folder."""
    fit_config = out / "fit.yaml"
    shutil.copyfile(config.fit, fit_config)
    with Stages(console, count=len(RUNS) + 4) as stages:
        with stages.stage("world", "Drawing the world") as stage:
            show = partial(stage.show, total=config.train + config.val)
            write_world(out / "world", seed=seed, train=config.train, val=config.val, size=config.size, progress=show)
        runs = _train_all(out, fit_config, seed, stages)
        val_set, split = runs["baseline"].data.val_set, runs["baseline"].data.class_split
        segmenters = {key: run.segmenter for key, run in runs.items()}
        scores = {key: run.scores.with_split(split) for key, run in runs.items()}
        with stages.stage("teacher", "Scoring the zero-shot teacher") as stage:
            teacher, settings = runs["baseline"].teacher, segmenters["baseline"].settings
            segmenters["teacher"] = Segmenter.from_teacher(teacher, split.names, settings=settings)
            confusion = pooled_confusion(segmenters["teacher"], _counted(val_set, stage))
            scores["teacher"] = compute_metrics(confusion, split)
        with stages.stage("speed", "Measuring the speed at test"):
            images = [val_set[index].image for index in range(min(config.timed, len(val_set)))]
            speed = images_per_second({key: segmenters[key] for key in TITLES}, images)
        with stages.stage("panel", "Drawing the panel"):
            columns = {TITLES[key]: segmenters[key] for key in PANEL}
            draw_report(out / "panel.png", val_set, columns, config.rows, panel_width=config.panel_width)
    protocols = {key: run.protocol for key, run in runs.items()}
    protocols["teacher"] = protocols["baseline"]
    results = Results(protocols, seed, scores, speed, stages.seconds)
    write_json(out / "metrics.json", results.to_dict())
    (example,) = report_rows((val_set[index].mask.numpy() for index in range(len(val_set))), split, 1)
    words = [split.names[label] for label in np.unique(val_set[example].mask) if label != IGNORE]
    return results, next_commands(out, fit_config, val_set.source.paths(example).image, words)


def _train_all(out: Path, fit_config: Path, seed: int, stages: Stages) -> dict[str, TrainingResult]:
    """Train each of `RUNS` into its folder; the reports of all but the first show the first beside them."""
    common = [
        *("--config", str(fit_config), "--data.root", str(out / "world"), "--seed_everything", str(seed)),
        # The same for every machine, and no score on the way.
        *("--trainer.accelerator", "cpu", "--trainer.devices", "1", "--trainer.limit_val_batches", "0"),
    ]
    done: dict[str, TrainingResult] = {}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*label audit of .*never occur.*")  # a small world has not all
        for key, run in RUNS.items():
            compared = ["--baseline", str(done["baseline"].folder / "model")] if done else []
            with stages.stage(key, run.stage) as stage:
                done[key] = train_in_stage([*common, *run.options, "--out", str(out / key), *compared], stage)
    return done


def _counted(samples: SegmentationDataset, stage: Stages) -> Iterator[Sample]:
    """Go through samples and show how far it has come."""
    for index in range(len(samples)):
        yield samples[index]
        stage.show(index + 1, len(samples))
