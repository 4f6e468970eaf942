"""Dense distillation, the baseline for a method with the same teacher: features are trained towards its tokens."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from clipteacher.method.losses.distillation import dense_distillation
from clipteacher.method.losses.loss_sum import LossSum


@dataclass(frozen=True)
class DistillationConfig:
    """Options of dense distillation. It is no part of the paper's method: use it with `glm=None, plm=None`.

    Attributes:
        weight: Weight of the loss; 0 switches it off.
        ignored_only: Whether ignored pixels alone are distilled, which no other loss teaches a class, or all.
    """

    weight: float = 1.0
    ignored_only: bool = False

    def __post_init__(self) -> None:
        """Check the weight.

        Raises:
            ValueError: It is negative or no number.
        """
        if not self.weight >= 0:
            raise ValueError(f"weight: got {self.weight}, expected 0 or more. Give 0 to switch distillation off.")


def distill(features: Tensor, dense: Tensor, ignored: Tensor, config: DistillationConfig) -> LossSum:
    """Compute the loss of a batch. It sees photos through teacher and student, and no name or class at all.

    Args:
        features: R, (B, C, h, w), float32.
        dense: The teacher's tokens D, (B, C, h', w'), floating point.
        ignored: (B, h, w) bool, the pixels without a label at the student's stride. Padding is among them.
        config: The options; the weight is left to the caller.

    Returns:
        The sum, a scalar, and the number of tokens that count.
    """
    return dense_distillation(features, dense.float(), ignored if config.ignored_only else None)
