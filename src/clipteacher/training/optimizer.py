"""AdamW with the field's schedule: linear warm-up, then polynomial decay."""

from __future__ import annotations

from typing import Final

import torch
from torch import nn

from clipteacher.protocols.schedule import OptimizerConfig

__all__ = ["ENCODERS", "OptimizerConfig", "build_optimizer", "learning_rate_factor"]

ENCODERS: Final = frozenset({"encoder", "backbone"})
"""Modules of a student that count as its pretrained encoder, by name."""


def build_optimizer(module: nn.Module, config: OptimizerConfig) -> torch.optim.AdamW:
    """Build AdamW with up to four groups of parameters: encoder or not, decayed or not.

    Args:
        module: What is trained; frozen teachers have no parameters to train.
        config: The options.
    """
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            encoder = not ENCODERS.isdisjoint(name.split("."))
            groups.setdefault((encoder, parameter.ndim > 1), []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "lr": config.lr * (config.encoder_lr_factor if encoder else 1.0),
                "weight_decay": config.weight_decay if decayed else 0.0,
            }
            for (encoder, decayed), parameters in groups.items()
        ]
    )


def learning_rate_factor(step: int, steps: int, config: OptimizerConfig) -> float:
    """Compute the factor on the learning rate at a step.

    Args:
        step: Steps already done.
        steps: Steps of the whole run.
        config: The options.

    Returns:
        The factor, in 0..1.

    Example:
        >>> config = OptimizerConfig(warmup_steps=2, power=1.0)
        >>> [learning_rate_factor(step, 4, config) for step in range(4)]
        [0.5, 0.75, 0.5, 0.25]
    """
    decay = max(config.min_factor, float((1 - min(step, steps) / steps) ** config.power))
    warmup = min(1.0, (step + 1) / config.warmup_steps) if config.warmup_steps else 1.0
    return warmup * decay
