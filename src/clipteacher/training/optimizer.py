"""AdamW with the field's schedule: linear warm-up, then polynomial decay (protocols.md, section 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import nn

ENCODERS: Final = frozenset({"encoder", "backbone"})
"""Modules of a student that count as its pretrained encoder, by name."""


@dataclass(frozen=True)
class OptimizerConfig:
    """Options of the optimiser.

    Attributes:
        lr: Learning rate at the end of warm-up.
        encoder_lr_factor: Factor on it for the student's pretrained encoder (parameters under a module named "encoder"
            or "backbone").
        weight_decay: AdamW's; norms and biases (tensors of one axis) have none.
        warmup_steps: Steps over which the rate rises linearly from near 0.
        power: Exponent of the polynomial decay.
        min_factor: The rate never falls below this share of `lr` after warm-up.

    Raises:
        ValueError: A option is out of its range.
    """

    lr: float = 5e-4
    encoder_lr_factor: float = 1.0
    weight_decay: float = 0.01
    warmup_steps: int = 20
    power: float = 0.9
    min_factor: float = 0.0

    def __post_init__(self) -> None:
        """Check every option."""
        for name in ("lr", "encoder_lr_factor", "weight_decay", "warmup_steps", "power", "min_factor"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"optimizer.{name}: got {getattr(self, name)}, expected a number of 0 or more")
        if self.min_factor > 1:
            raise ValueError(f"optimizer.min_factor: got {self.min_factor}, expected a share of lr in 0..1")


def build_optimizer(module: nn.Module, config: OptimizerConfig) -> torch.optim.AdamW:
    """Build AdamW with up to four groups of parameters: encoder or not, decayed or not.

    Args:
        module: What is trained; frozen teachers have no parameters to show.
        config: The options.

    Returns:
        The optimiser.
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
