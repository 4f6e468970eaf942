"""Dense distillation, the baseline that a method with the same teacher is asked to beat: tokens for features."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from clipteacher.losses.distillation import dense_distillation


@dataclass(frozen=True)
class DistillationConfig:
    """The knobs of dense distillation. It is no part of the paper's method: use it with `glm=None, plm=None`.

    Attributes:
        weight: Weight of the loss beside the others'; 0 switches it off.
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


def distill(
    features: Tensor, dense: Tensor, ignored: Tensor, config: DistillationConfig, *, all_ranks: bool = False
) -> Tensor:
    """Compute the weighted loss of a batch. It sees photos through teacher and student, and no name or class at all.

    Args:
        features: R, (B, C, h, w), float32.
        dense: The teacher's tokens D, (B, C, h', w'), floating point.
        ignored: (B, h, w) bool, the pixels without a label at the student's stride. Padding is among them.
        config: The knobs.
        all_ranks: Whether the loss is the mean over the batch of all ranks, see `clipteacher.distributed`.

    Returns:
        The loss, a scalar.
    """
    counted = ignored if config.ignored_only else None
    return config.weight * dense_distillation(features, dense.float(), counted, all_ranks=all_ranks)
