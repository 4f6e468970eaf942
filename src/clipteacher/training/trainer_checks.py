"""What a run asks of Lightning's trainer: settings that it would follow to another end, or fail on, are refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from typing import Final

from lightning.pytorch import Trainer
from lightning.pytorch.utilities.exceptions import MisconfigurationException

_TRUE: Final = ("16-true", "bf16-true", "64-true")  # Lightning's names, of weights that are not of 32 bits


@contextmanager
def trainer_errors() -> Iterator[None]:
    """Raise Lightning's complaints about the settings of a trainer, an error of its own kind, as ValueError."""
    try:
        yield
    except MisconfigurationException as error:
        raise ValueError(f"trainer: {error}") from error


def check_checkpointing(enabled: bool | None) -> None:
    """Check the trainer's argument `enable_checkpointing`, before the trainer is built.

    Raises:
        ValueError: It is off.
    """
    if enabled is not None and not enabled:
        raise ValueError(
            "trainer.enable_checkpointing: got false, expected true: a run goes on from its checkpoints. Leave it out; "
            "checkpoint.every_n_train_steps says how often one is written."
        )


def check_precision(precision: str) -> None:
    """Check that weights have 32 bits: teacher and losses compute with as many, and an average needs them.

    Args:
        precision: The trainer's, such as "32-true" or "bf16-mixed".

    Raises:
        ValueError: The weights themselves have 16 or 64 bits.
    """
    if precision in _TRUE:
        instead = f"{precision.removesuffix('true')}mixed" if precision != "64-true" else "32-true"
        raise ValueError(
            f"trainer.precision: got {precision}, expected weights of 32 bits: 32-true, bf16-mixed or 16-mixed. Give "
            f"{instead}."
        )


def check_trainer(trainer: Trainer, photos: int, batch_size: int) -> None:
    """Check a trainer's settings against each other, before the first step.

    Training is counted in steps and is one epoch, however long; what would end it earlier would leave a run that looks
    finished.

    Args:
        trainer: The trainer.
        photos: Photos to train on.
        batch_size: Photos a step, over all devices together.

    Raises:
        ValueError: A setting is none that a run can follow.
    """
    check_precision(str(trainer.precision))
    epochs, batches = trainer.max_epochs, trainer.max_steps * trainer.accumulate_grad_batches
    instead = "Give max_steps alone."
    if epochs is not None and epochs > 1:
        steps = ceil(epochs * photos / (batch_size * trainer.accumulate_grad_batches))
        instead = f"{epochs} epochs of {photos} photos in batches of {batch_size} are max_steps {steps}: give it alone."
    if trainer.max_steps < 1:
        raise ValueError(
            f"trainer.max_steps: got {trainer.max_steps}, expected 1 or more. Training is counted in steps. {instead}"
        )
    if epochs not in (None, -1, 1):
        raise ValueError(
            f"trainer.max_epochs: got {epochs}, expected it left out: training is counted in steps. {instead}"
        )
    if overfitted := getattr(trainer, "overfit_batches", 0):
        raise ValueError(
            f"trainer.overfit_batches: got {overfitted}, expected it left out: training would end after "
            "as many batches. To overfit a few photos, put them into a split of their own (data.train_split)."
        )
    limit = trainer.limit_train_batches
    if limit is not None and (limit < batches if isinstance(limit, int) else limit < 1):
        raise ValueError(
            f"trainer.limit_train_batches: got {limit}, expected it left out: training would end before its "
            f"{trainer.max_steps} steps. Give max_steps for a shorter run, or a split of fewer photos "
            "(data.train_split)."
        )
    every = trainer.val_check_interval
    validates = trainer.limit_val_batches != 0 and trainer.check_val_every_n_epoch is not None
    if isinstance(every, int) and every > batches and validates:
        raise ValueError(
            f"trainer.val_check_interval: got {every}, expected at most the {batches} batches of the run. Give a share "
            "of it, such as 0.25, or limit_val_batches 0 for no validation on the way."
        )
    if batch_size % trainer.world_size:
        raise ValueError(
            f"data.batch_size: got {batch_size} for {trainer.world_size} devices, expected a multiple: it counts the "
            "photos of all together."
        )
