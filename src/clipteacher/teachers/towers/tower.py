"""What a family of image towers says of itself: how it is read, at which sizes, and by which dense readings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch.nn.functional as F
from torch import Tensor

from clipteacher.teachers.dense_readings import Dense
from clipteacher.teachers.towers.inputs import fit

Read = Callable[[Any, Tensor, Dense], tuple[Tensor, Tensor]]
"""From the tower, normalised images (B, 3, H, W) and a reading to CLS (B, C) and dense tokens (B, C, h, w)."""


class Tower(NamedTuple):
    """How one image tower is read.

    Attributes:
        family: What it is, for tables and messages.
        read: Runs the tower once; its CLS token is the tower's own output.
        step: Pixels from one dense token to the next, down and across; the images' sides are multiples of it.
        native: Height and width of the images that the tower was built for.
        fixed: Whether it takes images of no other size: its windows or relative positions are made for one grid.
        attention: Whether a last transformer block is there for the readings of `dense_readings` other than "tokens"
            and "value". Where not, those two are one: there is a single value at each position.
    """

    family: str
    read: Read
    step: tuple[int, int]
    native: tuple[int, int]
    fixed: bool = False
    attention: bool = True

    @property
    def fixed_size(self) -> tuple[int, int] | None:
        """Height and width of the only images that the tower takes; None where it takes any multiple of `step`."""
        return self.native if self.fixed else None

    def fit(self, images: Tensor, short: int | None = None) -> Tensor:
        """Resize images to a size that the tower takes, bilinearly with antialiasing.

        Args:
            images: (B, 3, H, W), floating point.
            short: Length that the shorter side is brought to first, the aspect kept; None: sides stay as they come.

        Returns:
            Images, (B, 3, H', W'), same dtype: of the only size that the tower takes, whatever their aspect; else with
            sides that are multiples of `step`, or of the native size.
        """
        if not self.fixed:
            return fit(images, self.step, short, self.native)
        if tuple(images.shape[-2:]) == self.native:
            return images
        return F.interpolate(images, size=self.native, mode="bilinear", align_corners=False, antialias=True)


def check_reading(tower: Tower, model: str, dense: Dense) -> None:
    """Check that a tower has what a dense reading reads.

    Raises:
        ValueError: A reading of a transformer's last block is asked of a tower without one.
    """
    if not tower.attention and dense not in ("tokens", "value"):
        raise ValueError(
            f"dense: got {dense!r} for {model}, whose image tower ({tower.family}) has no transformer block whose "
            "queries and keys could be read; expected tokens or value. Set dense='value', or choose a ViT-* model."
        )


def as_map(tokens: Tensor, grid: tuple[int, int]) -> Tensor:
    """Lay tokens (B, rows · columns, C) out as a map (B, C, rows, columns)."""
    return tokens.transpose(1, 2).reshape(len(tokens), -1, *grid)
