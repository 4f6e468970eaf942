"""A gate for the names that training saw: their logits rise where a pixel looks labelled, and fall where it is latent.

A student that learns words later has never been told apart a seen name and a new one: a latent pixel had to prefer its
region's prototype, whose cosine is far above that of any word. What training does tell is which pixels have a label and
which are latent. The gate is the linear discriminant of the two, vᵀ R + b: it is added to the logits of the seen names
and moves the border between them and all other names, pixel by pixel, where a calibration is one constant for all.
It needs no word and no mask of an unseen class: latent pixels are those without a label.

Source: the gate between seen and unseen classes of adaptive confidence smoothing, arXiv 1812.09903, here linear, so
that it folds into the text features; Fisher's discriminant, with a covariance that is shrunk to a multiple of the
identity.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Self

import torch
from torch import Tensor

SEPARATION: Final = 3.6
"""By how much the gate sets the mean labelled pixel apart from the mean latent one, in the loss's logits, alpha Rᵀ T.
Chosen on seen classes held out in turn, on MSRC-21 and the drawn world (docs/research/lab_book.md)."""

_SHRINKAGE: Final = 1.0
"""Share of the mean variance that is added to each: with some hundred channels their covariances are poorly known."""


@dataclass(frozen=True, eq=False)
class SeenGate:
    """What is added to the logits of seen names: vᵀ R + b.

    Attributes:
        direction: v, (C,), float32.
        offset: b, in units of a logit Rᵀ T.
        separation: What was asked of it, see `fit_gate`; for the record.
    """

    direction: Tensor
    offset: float
    separation: float

    @classmethod
    def of(cls, numbers: Tensor) -> Self:
        """Read a gate from what `numbers` gives, (C + 2,)."""
        return cls(numbers[:-2].float(), float(numbers[-2]), float(numbers[-1]))

    @property
    def numbers(self) -> Tensor:
        """The gate as one tensor, (C + 2,), float32, on the CPU."""
        return torch.cat([self.direction.detach().cpu(), torch.tensor([self.offset, self.separation])])


def gated_text(
    text_features: Tensor, class_names: Sequence[str], seen: Collection[str], gate: SeenGate | None
) -> Tensor:
    """Add a gate's direction to the text features of the names that training saw.

    Args:
        text_features: T, (N, C).
        class_names: N names.
        seen: Names that the model was trained on.
        gate: The gate; None changes nothing.

    Returns:
        T + v for seen names and T for others, (N, C), on the device of T.

    Example:
        >>> gate = SeenGate(torch.tensor([0.5, 0.0]), offset=-1.0, separation=1.2)
        >>> gated_text(torch.eye(2), ["sky", "cat"], {"sky"}, gate).tolist()
        [[1.5, 0.0], [0.0, 1.0]]
    """
    if gate is None:
        return text_features
    rows = torch.tensor([[float(name in seen)] for name in class_names]).to(text_features)
    return text_features + rows * gate.direction.to(text_features)


def net_calibration(calibration: float, gate: SeenGate | None) -> float:
    """Return the constant that seen names lose, with a gate's offset in it."""
    return calibration if gate is None else calibration - gate.offset


def gate_entry(gate: SeenGate | None) -> dict[str, float]:
    """Return a gate's separation as an entry for a report; empty where there is none."""
    return {} if gate is None else {"seen_gate": gate.separation}


class PixelMoments:
    """Mean and covariance of pixels' features, added up batch by batch.

    Args:
        channels: C.

    Attributes:
        count: Number of pixels.
    """

    def __init__(self, channels: int) -> None:
        self.count = 0
        self._total = torch.zeros(channels, dtype=torch.float64)
        self._products = torch.zeros(channels, channels, dtype=torch.float64)

    def add(self, features: Tensor) -> None:
        """Add pixels' features, (P, C), floating point."""
        self.count += len(features)
        self._total += features.sum(dim=0).cpu().double()  # there are devices without float64
        self._products += (features.T @ features).cpu().double()

    @property
    def mean(self) -> Tensor:
        """The mean, (C,), float64; NaN without pixels."""
        return self._total / self.count

    @property
    def covariance(self) -> Tensor:
        """The covariance, (C, C), float64; NaN without pixels."""
        return self._products / self.count - torch.outer(self.mean, self.mean)


def fit_gate(labelled: PixelMoments, latent: PixelMoments, separation: float) -> SeenGate | None:
    """Fit a gate to the pixels of training photos: v = s · (S + λ I)⁻¹ (m₁ - m₀), b = -vᵀ (m₁ + m₀) / 2.

    S is the mean of both covariances, so that it does not matter how many pixels of each there are, and s gives
    vᵀ (m₁ - m₀) its value.

    Args:
        labelled: Of the pixels with a label, m₁.
        latent: Of those without, m₀.
        separation: vᵀ (m₁ - m₀), in units of a logit Rᵀ T, such as `SEPARATION` / alpha.

    Returns:
        The gate; None where there are no pixels of one kind, or where both kinds are the same.
    """
    if not labelled.count or not latent.count:
        return None
    within = (labelled.covariance + latent.covariance) / 2
    shrunk = within + _SHRINKAGE * within.diagonal().mean() * torch.eye(len(within), dtype=within.dtype)
    between = labelled.mean - latent.mean
    solved = torch.linalg.lstsq(shrunk, between.unsqueeze(1)).solution.squeeze(1)
    apart = float(solved @ between)
    if not apart > 0:
        return None
    direction = solved * (separation / apart)
    return SeenGate(direction.float(), -float(direction @ (labelled.mean + latent.mean)) / 2, separation)
