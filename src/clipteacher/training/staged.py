"""Training as a stage of a command: with the command's bar, and without the trainer's own output."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelSummary, ProgressBar
from lightning.pytorch.utilities.types import STEP_OUTPUT

from clipteacher.data.dataset import Sample
from clipteacher.training.chatter import without_chatter
from clipteacher.training.configured import configured_session
from clipteacher.training.session import TrainingResult
from clipteacher.utils.stages import Stages

# Whence the trainer tells of the seed, of the hardware and of products.
_TALKERS = ("lightning.pytorch", "lightning.fabric")


class StageBar(ProgressBar):
    """The trainer's progress bar: it shows a stage's steps.

    Args:
        stage: The stage.
    """

    def __init__(self, stage: Stages) -> None:
        super().__init__()
        self.stage = stage

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: STEP_OUTPUT, batch: Sample, batch_idx: int
    ) -> None:
        """Show a step."""
        self.stage.show(trainer.global_step, trainer.max_steps)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say what follows."""
        self.stage.say("scoring")

    def disable(self) -> None:
        """Called by Lightning in all processes but the first."""


@contextmanager
def quiet_trainer() -> Iterator[None]:
    """Keep the trainer's banners off the screen."""
    loggers = [logging.getLogger(name) for name in _TALKERS]
    levels = [logger.level for logger in loggers]
    with without_chatter():
        for logger in loggers:
            logger.setLevel(logging.WARNING)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def train_in_stage(arguments: Sequence[str], stage: Stages) -> TrainingResult:
    """Train a student and show its steps.

    Args:
        arguments: Those of `clipteacher fit`.
        stage: The stage that this is.

    Returns:
        The finished run.

    Raises:
        KeyboardInterrupt: The user stopped it.
        DataError, NonFiniteLossError, OSError: As `Session.start`.
    """
    with quiet_trainer():
        session = configured_session(arguments, [StageBar(stage), ModelSummary(max_depth=0)])
        result = session.start()
    if result is None:
        raise RuntimeError("train: it trains in one process, and this is not the first of several")
    return result
