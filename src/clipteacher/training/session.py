"""A run from its start to what it leaves: the one way to train, for Python, `clipteacher fit` and the quickstart."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from lightning.pytorch.plugins.io import TorchCheckpointIO
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch import nn

from clipteacher.evaluation.metrics import Scores
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.teachers.teacher import Teacher
from clipteacher.training.allocator import keep_freed_memory
from clipteacher.training.checkpoints import WholeCheckpoints, newest_whole, set_aside
from clipteacher.training.datamodule import FolderDataModule
from clipteacher.training.finish import KeepFirstModel, finish_run
from clipteacher.training.finite_losses import FiniteLosses
from clipteacher.training.module import TrainingModule
from clipteacher.training.resume import check_content, check_settings, check_unfinished, read_settings
from clipteacher.training.run_folder import RunFolder
from clipteacher.training.run_lock import RunLock
from clipteacher.training.seen_gate import with_seen_gate
from clipteacher.training.trainer_checks import check_trainer
from clipteacher.training.trial import check_test_photo, check_training_batch
from clipteacher.utils.atomic_files import write_atomically

TRAINER_DEFAULTS: Final[Mapping[str, Any]] = {
    "max_steps": 1000,
    "max_epochs": 1,
    "val_check_interval": 0.25,
    "num_sanity_val_steps": 0,
    "log_every_n_steps": 10,
    "use_distributed_sampler": False,  # the step sampler shares the batches out itself
}
"""Defaults of the trainer."""

CHECKPOINT_DEFAULTS: Final[Mapping[str, Any]] = {
    "every_n_train_steps": 50,
    "save_last": True,
    "save_top_k": 0,
    # Else a run that was moved, or whose last.ckpt is damaged, would go on into last-v1.ckpt, which no resumed run
    # looks for.
    "enable_version_counter": False,
}
"""How often a checkpoint is written, and which are kept."""


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """A run that was trained to its end.

    Attributes:
        segmenter: The trained student with all its names; what is in `folder / "model"`.
        scores: Its scores on the test photos.
        folder: The run's folder: model/, metrics.json, report.png, config.yaml, checkpoints and logs.
        protocol: Name of the protocol that the scores are of.
        data: What it was trained and scored on.
        teacher: The teacher.
    """

    segmenter: Segmenter
    scores: Scores
    folder: Path
    protocol: str
    data: FolderDataModule
    teacher: Teacher


@dataclass(eq=False)
class Session:
    """A run that is about to start, or to go on.

    Attributes:
        trainer: Lightning's trainer.
        module: The student under the teacher.
        data: The photos.
        run: The run's folder.
        settings: Every option with its value, YAML: what `config.yaml` will hold.
        resume: Whether to go on from the folder's last checkpoint, if it has one.
        baseline: A segmenter for the report's third column, such as the supervised baseline; None is the first
            checkpoint.
        report_rows: Photos in the report.
    """

    trainer: Trainer
    module: TrainingModule
    data: FolderDataModule
    run: RunFolder
    settings: str
    resume: bool = False
    baseline: Segmenter | None = None
    report_rows: int = 8
    _checkpoint: Path | None = None
    _lock: RunLock | None = None

    def prepare(self) -> None:
        """Check everything that can be checked before the first step, and write `config.yaml`.

        Raises:
            DataError: A photo or a mask cannot be used.
            OSError: The folder cannot be written to.
            RunInUseError: Another process trains in the folder.
            ValueError: A setting is out of its range, the student does not take the batches of training or the photos
                of the test, or the run cannot go on: other settings, another student, or other photos than it began
                with.
        """
        check_trainer(self.trainer, len(self.data.train_set), self.data.batch_size)
        self._try_batch()
        if self.trainer.is_global_zero:  # several processes of one run are one
            self._lock = RunLock(self.run.lock)
            self._lock.acquire()
        try:
            self._prepare()
        except BaseException:
            self._unlock(unused=True)
            raise

    def _prepare(self) -> None:
        """Do so while nobody else can write into the folder."""
        if self.run.begun() and not self.resume:  # since this was asked for the first time
            raise ValueError(in_the_way(self.run))
        found = newest_whole(self.run.checkpoints) if self.resume else None
        if found is not None:
            self._checkpoint, content = found
            check_content(content, self.module.state_dict(), len(self.data.train_set), self._checkpoint)
            check_unfinished(read_settings(self.run.config), content["global_step"], self.trainer.max_steps)
        self.data.setup("fit")  # reads every file, so that a bad one is an error of input
        size = self.data.val_set[0].mask.shape
        check_test_photo(self.module.framework.student, (size[0], size[1]), self.module.test)
        if self.trainer.is_global_zero:
            if self._checkpoint is not None:
                set_aside(self.run.checkpoints, self._checkpoint)
            self.run.tidy(resumed=self._checkpoint is not None)
            write_atomically(
                self.run.config, lambda temporary: temporary.write_text(self.settings, encoding="utf-8"), durable=True
            )
        self._equip()

    def start(self) -> TrainingResult | None:
        """Train, score and leave the run folder, once.

        Returns:
            The finished run; None in all processes but the first.

        Raises:
            DataError: A photo went or changed.
            KeyboardInterrupt: The run was stopped, by the user or SIGTERM; it can go on.
            NonFiniteLossError: The loss is no number any more.
            OSError: The disk refuses a file.
        """
        keep_freed_memory()
        try:
            return self._start()
        finally:
            self._unlock()

    def _start(self) -> TrainingResult | None:
        """Do so; raises as `start`."""
        try:
            self.trainer.fit(self.module, self.data, ckpt_path=self._checkpoint, weights_only=True)
        except SystemExit as end:
            # Lightning turns Ctrl-C into an exit, and SIGTERM into one of status 0, as if the run had come to its end.
            if isinstance(end, SIGTERMException) or isinstance(end.__context__, KeyboardInterrupt):
                raise KeyboardInterrupt from end
            raise
        if not self.trainer.is_global_zero:
            return None
        if self.trainer.interrupted:
            raise KeyboardInterrupt
        if self.trainer.global_step < self.trainer.max_steps:
            warnings.warn(
                f"run: it was stopped after {self.trainer.global_step} of {self.trainer.max_steps} steps, by "
                "trainer.max_time or a callback, and is scored and kept as it is; --resume takes the others",
                stacklevel=2,
            )
        # Lightning leaves the module on the CPU; the test photos are for the device that trained.
        segmenter = self.module.segmenter().to(self.trainer.strategy.root_device)
        if self.module.seen_gate is not None:
            separation = self.module.seen_gate / self.module.framework.method.losses.alpha
            segmenter = with_seen_gate(segmenter, self.data.train_set, separation)
        scores = finish_run(self.run, segmenter, self.data.val_set, self.data.protocol, self.baseline, self.report_rows)
        teacher = self.module.framework.teacher
        return TrainingResult(segmenter, scores, self.run.path, self.data.protocol, self.data, teacher)

    def _unlock(self, *, unused: bool = False) -> None:
        """Let others write into the folder."""
        if self._lock is not None:
            self._lock.release(unused=unused)

    def _try_batch(self) -> None:
        """Check that the student takes the batches of training, of one device."""
        student, augment = self.module.framework.student, self.data.train_set.augment
        if augment is None or any(isinstance(module, nn.SyncBatchNorm) for module in student.modules()):
            return
        together = getattr(self.trainer.strategy, "_layer_sync", None) is not None  # trainer.sync_batchnorm
        batch = self.data.batch_size // (1 if together else self.trainer.world_size)
        check_training_batch(student, batch, augment.crop_size)

    def _equip(self) -> None:
        """Give the trainer what every run has: losses watched, the first model kept, checkpoints that are whole."""
        trainer: Any = self.trainer
        trainer.callbacks.append(KeepFirstModel(self.run.first_model))
        # Before a checkpoint is written.
        trainer.callbacks.insert(0, FiniteLosses(trainer.log_every_n_steps or 1))
        if type(trainer.strategy.checkpoint_io) is TorchCheckpointIO:  # a strategy's own knows better
            trainer.strategy.checkpoint_io = WholeCheckpoints()


def run_loggers(run: RunFolder) -> list[Logger]:
    """Return the loggers of a run, CSV and TensorBoard. A resumed run gets its own version_N in both."""
    return [CSVLogger(run.path, "logs"), TensorBoardLogger(run.path, "tensorboard")]


def in_the_way(run: RunFolder) -> str:
    """Say that a folder holds a run and what to do."""
    return f"out: {run.path} already holds a run. Resume it (--resume; resume=True), or name another folder."


def check_run(run: RunFolder, settings: str, *, resume: bool) -> None:
    """Check that a run may begin, or go on, in a folder.

    Args:
        run: The folder.
        settings: Every option with its value, YAML.
        resume: Whether to go on.

    Raises:
        ValueError: The folder holds a run and `resume` is off, or the settings are not those that the run began with.
    """
    if not run.begun():
        return
    if not resume:
        raise ValueError(in_the_way(run))
    was = read_settings(run.config)
    if was is None:
        warnings.warn(f"resume: no {run.config} to compare today's settings with; it is written again", stacklevel=2)
        return
    for warning in check_settings(was, yaml.safe_load(settings), run.config):
        warnings.warn(warning, stacklevel=2)
