"""An exponential moving average of the student's weights, which is scored and kept in place of the last step's."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import PARAM_LIST, AveragedModel

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


class StudentAverage(AveragedModel):
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

        @torch.no_grad()
        def average(kept: PARAM_LIST, current: PARAM_LIST, count: Tensor | int) -> None:
            if not kept[0].is_floating_point():
                for old, new in zip(kept, current, strict=True):
                    old.copy_(new)
                return
            # In Python's floats: the same number on every device and in every process.
            torch._foreach_lerp_(kept, current, 1 - decay_at(int(count) + 1, ema))

        super().__init__(student, multi_avg_fn=average, use_buffers=True)
        self.requires_grad_(False)  # else processes would wait for its gradients
