"""What the package's own students share: they normalise their input, and describe themselves."""

from __future__ import annotations

import copy
from typing import Any

import torch
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor, nn


class DescribedStudent(nn.Module):
    """A student that normalises its input by channel and returns what builds it again.

    Attributes:
        mean: Mean of the input's normalisation, (1, 3, 1, 1), float32, for images in [0, 1].
        std: Its standard deviation, (1, 3, 1, 1), float32.
    """

    mean: Tensor
    std: Tensor

    def describe(self, **spec: Any) -> None:  # noqa: ANN401 (what a student is built from)
        """Keep the description, and the normalisation that it holds; called by the constructor.

        Args:
            **spec: `kind` and the arguments of the class without its first weights, in the order in which they are
                saved. Of these `mean` and `std` are three numbers each; None is ImageNet's.
        """
        self._spec = spec
        for name, default in (("mean", IMAGENET_DEFAULT_MEAN), ("std", IMAGENET_DEFAULT_STD)):
            spec[name] = list(spec[name] or default)
            self.register_buffer(name, torch.tensor(spec[name]).view(1, 3, 1, 1), persistent=False)

    def normalized(self, images: Tensor) -> Tensor:
        """Normalise images (B, 3, H, W), float in [0, 1]; the result has their shape."""
        return (images - self.mean) / self.std

    def spec(self) -> dict[str, Any]:
        """Return the arguments that build this network again, without its first weights."""
        return copy.deepcopy(self._spec)
