"""Training from Python: photos, a student and a teacher in; a segmenter, its scores and a run folder out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from lightning.pytorch import Trainer, seed_everything
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import nn

from clipteacher.inference.settings import TestSettings
from clipteacher.method.config import MethodConfig
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.students.student import student_spec
from clipteacher.teacher_cache import TeacherCacheConfig
from clipteacher.teachers.teacher import Teacher, check_teacher
from clipteacher.training.datamodule import FolderDataModule
from clipteacher.training.keywords import keywords_checked
from clipteacher.training.module import TrainingModule
from clipteacher.training.optimizer import OptimizerConfig
from clipteacher.training.run_folder import RunFolder
from clipteacher.training.session import (
    CHECKPOINT_DEFAULTS,
    TRAINER_DEFAULTS,
    Session,
    TrainingResult,
    check_run,
    run_loggers,
)
from clipteacher.training.trainer_checks import check_checkpointing, trainer_errors


def default_out() -> Path:
    """Return a run folder that is named after the time, below `runs/`."""
    return Path("runs") / f"{datetime.now():%Y%m%d-%H%M%S}"


@keywords_checked
def train(
    data: str | Path | FolderDataModule,
    student: nn.Module,
    teacher: Teacher,
    *,
    unseen: Sequence[str] | str = (),
    wanted: Sequence[str] | str = (),
    method: MethodConfig = MethodConfig(),
    steps: int = 1000,
    optimizer: OptimizerConfig = OptimizerConfig(),
    test: TestSettings = TestSettings(),
    teacher_cache: TeacherCacheConfig | None = None,
    seen_gate: float | None = None,
    ema: float | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    resume: bool = False,
    baseline: Segmenter | None = None,
    **trainer: Any,  # noqa: ANN401 (Lightning's own)
) -> TrainingResult:
    """Train a student under a frozen teacher, score it, and leave a run folder.

    The same student, settings and seed give the same bits each time: in a fresh process and as the second training in
    one, with or without baseline, validation, cache of photos and logger. The student's first weights are its own: seed
    torch before you build it.

    Args:
        data: Folder with `classes.txt`, `images/{train,val}` and `masks/{train,val}`. A `FolderDataModule` sets more:
            a protocol, batch size, augmentation, workers.
        student: The network, images (B, 3, H, W) to features (B, C, h, w), C the teacher's width. It is trained in
            place.
        teacher: The frozen teacher.
        unseen: Names of classes with masks that training never sees, to measure; in a list, or in one string with
            commas between them. Empty trains on all classes. For a folder alone: a `FolderDataModule` has its own.
        wanted: Names that you want without having labelled them, given in the same way: any words. Their names teach,
            and nothing else of them; where there are masks of one, these are held back and scored.
        method: GLM, PLM and losses; `MethodConfig.recommended()` or `MethodConfig.paper()`.
        steps: Optimiser steps.
        optimizer: Learning rate and schedule.
        test: How photos are tested; kept with the trained student.
        teacher_cache: Keeps the teacher's tokens on disk; None runs the teacher in each step.
        seen_gate: Fits a gate for seen names, such as 3.6, for words to be said later, see `TrainingModule`.
        ema: Decay of an average of the student's weights that is kept in its place; None keeps the last step's.
        seed: Decides order, augmentation and dropout.
        out: Run folder to write; None names one below `runs/` after the time.
        resume: Go on from the folder's last checkpoint, if it has one.
        baseline: A segmenter for the report's third column; None is the run's own first checkpoint.
        **trainer: Further arguments of `lightning.pytorch.Trainer`, such as `accelerator="gpu"`, `devices=2` or
            `precision="bf16-mixed"`.

    Returns:
        The segmenter, its scores and the folder.

    Raises:
        DataError: The folder, a photo or a mask cannot be used; the message names it.
        KeyboardInterrupt: It was stopped; `resume=True` goes on.
        NonFiniteLossError: The loss is no number any more.
        RuntimeError: This is not the first of several processes: that one alone has a result.
        TypeError: Student or teacher is not what it must be, or there is no such argument.
        ValueError: A value is out of its range, the run cannot go on, or another process trains in the folder.
    """
    check_teacher(teacher)
    check_checkpointing(trainer.get("enable_checkpointing"))
    run = RunFolder(Path(out) if out is not None else default_out())
    photos = _photos(data, unseen, wanted, seed)
    model = {"method": method, "optimizer": optimizer, "teacher_cache": teacher_cache, "test": test}
    model |= {"seen_gate": seen_gate, "ema": ema}
    built = {"student": student_spec(student), "teacher": {"spec": teacher.spec()}}
    settings = _settings(photos, built | model, {"max_steps": steps} | trainer)
    check_run(run, settings, resume=resume)
    seed_everything(seed, workers=True, verbose=False)
    module = TrainingModule(
        student,
        teacher,  # type: ignore[arg-type]
        photos.class_split,
        seed=seed,
        wanted=photos.wanted,
        **model,  # type: ignore[arg-type]
    )
    session = Session(_trainer(run, steps, trainer), module, photos, run, settings, resume, baseline)
    session.prepare()
    result = session.start()
    if result is None:
        raise RuntimeError("train: this is not the first of several processes, which alone has a result")
    return result


def _photos(
    data: str | Path | FolderDataModule, unseen: Sequence[str] | str, wanted: Sequence[str] | str, seed: int
) -> FolderDataModule:
    """Open the data, or take what is opened."""
    if not isinstance(data, FolderDataModule):
        return FolderDataModule(data, unseen, wanted=wanted, seed=seed)
    for name, given in (("unseen", unseen), ("wanted", wanted)):
        if given:
            raise ValueError(
                f"{name}: got {given!r} beside a FolderDataModule, expected it there. Give it in one place."
            )
    data.seed = seed
    return data


def _settings(photos: FolderDataModule, model: dict[str, Any], trainer: dict[str, Any]) -> str:
    """Write down what decides a step, under the names that a configuration has."""
    data = {
        "root": str(photos.root),
        "protocol": photos.protocol,
        "unseen": [name for name in photos.class_split.unseen if name not in photos.wanted],
        "wanted": photos.wanted,
        "batch_size": photos.batch_size,
        "augment": photos.train_set.augment,
    }
    kept = {key: trainer[key] for key in ("max_steps", "precision", "accumulate_grad_batches") if key in trainer}
    settings = {"seed_everything": photos.seed, "data": data, "model": model, "trainer": kept}
    plain = json.loads(json.dumps(settings, default=asdict))  # options as YAML has them
    text: str = yaml.safe_dump(plain, sort_keys=False)
    return text


def _trainer(run: RunFolder, steps: int, given: dict[str, Any]) -> Trainer:
    """Build the trainer: its checkpoints and logs are in the run's folder."""
    checkpoint: Any = ModelCheckpoint(str(run.checkpoints), **CHECKPOINT_DEFAULTS)
    callbacks = given.get("callbacks") or []
    callbacks = list(callbacks) if isinstance(callbacks, Sequence) else [callbacks]
    if given.get("logger") in (None, True):
        given = given | {"logger": run_loggers(run)}
    defaults = {**TRAINER_DEFAULTS, "max_steps": steps, "default_root_dir": str(run.path)}
    with trainer_errors():
        return Trainer(**defaults | given | {"callbacks": [*callbacks, checkpoint]})
