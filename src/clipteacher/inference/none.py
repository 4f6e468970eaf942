"""What is none of the names: one more class, which wins where the best name is too far from a pixel's feature."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class WithLength(nn.Module):
    """A student whose features carry their own length as one more channel: (R, |R|).

    With the text vectors of `with_threshold` the scores are those of the names and, last, t·|R|. That one is the best
    where Rᵀ T_c < t·|R| for every name c: where no cosine reaches t. Like the other scores it is brought to full size,
    averaged over windows and labelled a few rows at a time.

    Args:
        student: Images (B, 3, H, W) to features (B, C, h, w).
    """

    def __init__(self, student: nn.Module) -> None:
        super().__init__()
        self.student = student

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, 3, H, W) to features and their length, (B, C + 1, h, w), float32."""
        features = self.student(images).float()
        return torch.cat([features, torch.linalg.vector_norm(features, dim=1, keepdim=True)], dim=1)


def with_threshold(text: Tensor, threshold: float) -> Tensor:
    """Add "none of these" to the text vectors of a `WithLength` student.

    Args:
        text: T, (N, C), unit vectors.
        threshold: t, the least cosine.

    Returns:
        (N + 1, C + 1): the names beside a zero, and (0, ..., 0, t).

    Example:
        >>> with_threshold(torch.eye(2), 0.5).tolist()
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.5]]
    """
    wider = F.pad(text, (0, 1, 0, 1))
    wider[-1, -1] = threshold
    return wider


def check_threshold(threshold: float | None) -> None:
    """Check that a threshold is a cosine, or None.

    Raises:
        ValueError: It is not in [-1, 1].
    """
    if threshold is not None and not -1 <= threshold <= 1:
        raise ValueError(f"threshold: got {threshold}, expected a cosine, -1..1, or None. See docs/use.md.")
