"""Training from Python: photos, a student and a teacher in; a segmenter, its scores and a run folder out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from lightning.pytorch import Trainer, seed_everything
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from torch import nn

from clipteacher.data.augment import Augment
from clipteacher.inference.settings import TestSettings
from clipteacher.method.config import MethodConfig
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.students.student import student_spec
from clipteacher.teacher_cache import TeacherCacheConfig
from clipteacher.teachers.teacher import Teacher, check_teacher
from clipteacher.training.datamodule import FolderDataModule
from clipteacher.training.module import TrainingModule
from clipteacher.training.optimizer import OptimizerConfig
from clipteacher.training.run_folder import RunFolder
from clipteacher.training.session import CHECKPOINT_DEFAULTS, TRAINER_DEFAULTS, Session, TrainingResult, check_run


def default_out() -> Path:
    """Return a run folder that is named after the time, below `runs/`."""
    return Path("runs") / f"{datetime.now():%Y%m%d-%H%M%S}"


def train(
    data: str | Path,
    student: nn.Module,
    teacher: Teacher,
    *,
    unseen: Sequence[str] | str = (),
    protocol: str | None = None,
    method: MethodConfig = MethodConfig(),
    steps: int = 1000,
    batch_size: int = 16,
    augment: Augment = Augment(),
    optimizer: OptimizerConfig = OptimizerConfig(),
    test: TestSettings = TestSettings(),
    teacher_cache: TeacherCacheConfig | None = None,
    ema: float | None = None,
    workers: int = 4,
    cache: bool = False,
    seed: int = 0,
    out: str | Path | None = None,
    resume: bool = False,
    baseline: Segmenter | None = None,
    report_rows: int = 8,
    **trainer: Any,  # noqa: ANN401 (Lightning's own)
) -> TrainingResult:
    """Train a student under a frozen teacher, score it, and leave a run folder.

    The same student, settings and seed give the same bits each time: in a fresh process and as the second training in
    one, with or without baseline, validation, cache of photos, logger and report. The student's first weights are its
    own: seed torch before you build it.

    Args:
        data: Folder with `classes.txt`, `images/{train,val}` and `masks/{train,val}`; or a protocol's data set.
        student: The network, images (B, 3, H, W) to features (B, C, h, w), C the teacher's width. It is trained in
            place.
        teacher: The frozen teacher.
        unseen: Names of classes with masks that training never sees, to measure; in a list, or in one string with
            commas between them. Empty trains on all classes.
        protocol: Name of a benchmark's protocol, such as "voc12-15-5": it decides reader, classes and split. Any other
            name is printed beside the scores.
        method: GLM, PLM and losses; `MethodConfig.recommended()` or `MethodConfig.paper()`.
        steps: Optimiser steps.
        batch_size: Photos a step, over all devices together.
        augment: Augmentation of training photos.
        optimizer: Learning rate and schedule.
        test: How photos are tested; kept with the trained student.
        teacher_cache: The teacher's tokens kept on disk; None runs the teacher in each step.
        ema: Decay of an average of the student's weights that is kept in its place; None keeps the last step's.
        workers: Processes that read photos.
        cache: Keep decoded photos in memory.
        seed: Decides order, augmentation and dropout.
        out: Run folder to write; None names one below `runs/` after the time.
        resume: Go on from the folder's last checkpoint, if it has one.
        baseline: A segmenter for the report's third column; None is the run's own first checkpoint.
        report_rows: Photos in report.png.
        **trainer: Further arguments of `lightning.pytorch.Trainer`, such as `accelerator="gpu"`, `devices=2` or
            `precision="bf16-mixed"`.

    Returns:
        The segmenter, its scores and the folder.

    Raises:
        DataError: The folder, a photo or a mask cannot be used; the message names it.
        KeyboardInterrupt: It was stopped; `resume=True` goes on.
        NonFiniteLossError: The loss is no number any more.
        RuntimeError: This is not the first of several processes: that one alone has a result.
        TypeError: Student or teacher is not what it must be.
        ValueError: A value is out of its range, or the run cannot go on.
    """
    check_teacher(teacher)
    run = RunFolder(Path(out) if out is not None else default_out())
    photos = FolderDataModule(
        data,
        unseen,
        protocol=protocol,
        batch_size=batch_size,
        augment=augment,
        workers=workers,
        cache=cache,
        seed=seed,
    )
    settings = yaml.safe_dump(
        {
            "seed_everything": seed,
            "data": {
                "root": str(data),
                "unseen": list(photos.class_split.unseen),
                "protocol": protocol,
                "batch_size": batch_size,
                "augment": _plain(asdict(augment)),
            },
            "model": {
                "student": student_spec(student),
                "teacher": {"spec": teacher.spec()},
                "method": _plain(asdict(method)),
                "optimizer": asdict(optimizer),
                "teacher_cache": None if teacher_cache is None else asdict(teacher_cache),
                "test": asdict(test),
                "ema": ema,
            },
            "trainer": {"max_steps": steps, "precision": trainer.get("precision")},
        },
        sort_keys=False,
    )
    check_run(run, settings, resume=resume)
    seed_everything(seed, workers=True, verbose=False)
    module = TrainingModule(
        student,
        teacher,  # type: ignore[arg-type]
        photos.class_split,
        method=method,
        teacher_cache=teacher_cache,
        optimizer=optimizer,
        test=test,
        ema=ema,
        seed=seed,
    )
    session = Session(_trainer(run, steps, trainer), module, photos, run, settings, resume, baseline, report_rows)
    session.prepare()
    result = session.start()
    if result is None:
        raise RuntimeError("train: this is not the first of several processes, which alone has a result")
    return result


def _trainer(run: RunFolder, steps: int, given: dict[str, Any]) -> Trainer:
    """Build the trainer: its checkpoints and logs are in the run's folder."""
    checkpoint: Any = ModelCheckpoint(str(run.checkpoints), **CHECKPOINT_DEFAULTS)
    callbacks = given.get("callbacks") or []
    callbacks = list(callbacks) if isinstance(callbacks, Sequence) else [callbacks]
    if given.get("logger") in (None, True):
        given = given | {"logger": [CSVLogger(run.path, "logs"), TensorBoardLogger(run.path, "tensorboard")]}
    defaults = {**TRAINER_DEFAULTS, "max_steps": steps, "default_root_dir": str(run.path)}
    trainer: Trainer = Trainer(**defaults | given | {"callbacks": [*callbacks, checkpoint]})
    return trainer


def _plain(value: Any) -> Any:  # noqa: ANN401 (nested options)
    """Tuples as lists, as YAML has them."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
