"""Stops a run whose loss is no number any more, before a checkpoint is written of it."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle


class NonFiniteLossError(ArithmeticError):
    """A term of the loss became NaN or infinite; the message names the step and the terms and says what to do."""


class FiniteLosses(Callback):
    """Watches the terms of the loss.

    On a GPU nothing waits for the answer: the first bad step is noted there, and checked every few steps and before
    each checkpoint, so that no checkpoint ever holds what a bad step left.

    Args:
        every: Steps between two looks on a GPU; on a CPU, which has no queue, each step is looked at.
    """

    def __init__(self, every: int = 10) -> None:
        self.every = every
        self._names: tuple[str, ...] = ()
        self._step: Tensor | None = None
        self._terms: Tensor | None = None
        self._handle: RemovableHandle | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin to watch what the framework returns."""

        def watch(module: nn.Module, inputs: object, losses: dict[str, Tensor]) -> None:
            self.note(losses, trainer.global_step)

        framework: nn.Module = pl_module.framework  # type: ignore[assignment]  # TrainingModule has it
        self._handle = framework.register_forward_hook(watch)

    def note(self, losses: dict[str, Tensor], step: int) -> None:
        """Note the terms of a step, where no earlier one was bad.

        Args:
            losses: Terms by name, each a scalar, floating point.
            step: Number of steps before this one.
        """
        self._names = tuple(losses)
        terms = torch.stack([value.detach().float() for value in losses.values()])
        if self._step is None or self._terms is None or self._terms.shape != terms.shape:
            self._step, self._terms = torch.full((), -1, device=terms.device), torch.zeros_like(terms)
        news = (self._step < 0) & ~torch.isfinite(terms).all()
        self._step = self._step.masked_fill(news, step)  # `where` with a number would wait for a GPU
        self._terms = torch.where(news, terms, self._terms)

    def look(self, trainer: Trainer) -> None:
        """Stop where a step was bad.

        Raises:
            NonFiniteLossError: It was.
        """
        if self._step is None or self._terms is None or (step := int(self._step)) < 0:
            return
        values = dict(zip(self._names, self._terms.tolist(), strict=True))
        bad = [name for name, value in values.items() if not torch.isfinite(torch.tensor(value))]
        rest = [f"{name} {value:.4g}" for name, value in values.items() if name not in bad]
        raise NonFiniteLossError(
            f"loss: in step {step + 1} of {trainer.max_steps} "
            + " and ".join(f"the term {name!r} became {values[name]}" for name in bad)
            + f", expected numbers (the others: {', '.join(rest) or 'none'}). Begin again in another --out with a "
            "lower --model.optimizer.lr, a longer --model.optimizer.warmup_steps, --trainer.gradient_clip_val 1, or, "
            "with 16-mixed, --trainer.precision bf16-mixed or 32; or leave the term out."
        )

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Look after each step on a CPU, after every few on a GPU."""
        if pl_module.device.type == "cpu" or (batch_idx + 1) % self.every == 0:
            self.look(trainer)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Look before a checkpoint is written."""
        self.look(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look a last time, and watch no more."""
        if self._handle is not None:
            self._handle.remove()
        self.look(trainer)
