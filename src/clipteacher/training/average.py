"""An exponential moving average of the student's weights, which is scored and kept in place of the last step's."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from clipteacher.utils.counts import Counting

WARMUP: Final = 9
"""Until a step t the average looks back over about t / (`WARMUP` + 1) steps: TensorFlow's (1 + n) / (10 + n)."""


def check_ema(ema: float | None) -> None:
    """Check a decay.

    Raises:
        ValueError: It is not in 0 ≤ decay < 1, and not None.
    """
    number = isinstance(ema, int | float) and not isinstance(ema, bool)
    if ema is not None and not (number and 0 <= ema < 1):
        raise ValueError(f"ema: got {ema!r}, expected a decay, 0 <= decay < 1, or null for none. Give 0.99.")


def decay_at(step: int, ema: float) -> float:
    """Compute how much of the average stays at a step: min(decay, t / (t + `WARMUP`)), and 0 at the first.

    Source: TensorFlow's ExponentialMovingAverage with `num_updates`. A fixed decay would make a short run's average
    one of its first weights: 0.99 still holds 0.99^100 = 37 % of them after 100 steps.

    Args:
        step: t, optimiser steps done, from 1.
        ema: The decay.

    Returns:
        The share, in 0..1.

    Example:
        >>> [round(decay_at(step, 0.99), 3) for step in (1, 2, 91, 891, 5000)]
        [0.0, 0.182, 0.91, 0.99, 0.99]
    """
    return 0.0 if step == 1 else min(ema, step / (step + WARMUP))


class StudentAverage(Counting, AveragedModel):
    """A copy of the student whose weights are the average of the student's: a_t = d_t·a_{t-1} + (1 - d_t)·w_t.

    d_t is `decay_at`, so a_1 = w_1: the initial weights have no part in it. Buffers of floating point, such as
    BatchNorm's statistics, are averaged as weights are, for averaged weights have other activations than the last
    step's; others, such as BatchNorm's count of batches, are copied. As a module of the trainer's it goes where the
    student goes: to its device, into checkpoints, into each process. It has no gradients, and only self-training runs
    it in training.

    Args:
        student: The student; it is copied.
        ema: The decay.

    Attributes:
        module: The copy: images (B, 3, H, W) to features (B, C, h, w).

    Raises:
        ValueError: `ema` is no decay.
    """

    module: nn.Module
    n_averaged: Tensor

    def __init__(self, student: nn.Module, ema: float) -> None:
        check_ema(ema)
        super().__init__(student, use_buffers=True)
        self.ema = ema
        self.requires_grad_(False)  # else processes would wait for its gradients

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """Take a step of the student's into the average.

        The parent's own reads its count off the device at each step, and so waits for a GPU.

        Args:
            model: The student after an optimiser's step, with the tensors of the one that was copied.
        """
        self.count_up("n_averaged")
        moves = 1 - decay_at(self.count("n_averaged"), self.ema)  # of Python's: the same number in every process
        pairs = list(zip(_tensors(self.module), _tensors(model), strict=True))
        averaged = [pair for pair in pairs if pair[0].is_floating_point() and moves < 1]
        for kept, current in pairs:
            if not kept.is_floating_point() or moves == 1:
                kept.copy_(current)
        if averaged:
            torch._foreach_lerp_([kept for kept, _ in averaged], [current for _, current in averaged], moves)


def _tensors(network: nn.Module) -> list[Tensor]:
    """List the parameters and buffers of a network."""
    return [each.detach() for each in (*network.parameters(), *network.buffers())]
