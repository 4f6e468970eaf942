"""What turns features into class logits: text features, a calibration, and a threshold for none of the names."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from clipteacher.inference.threshold import check_threshold


@dataclass(frozen=True, eq=False)
class TextClassifier:
    """A classifier built from class names: logits are Rᵀ T + b, and a threshold adds a class for none of them.

    Attributes:
        text_features: T, (N, C), unit vectors.
        bias: b, (N,), floating point, such as `clipteacher.inference.calibration.calibration_bias`; None adds nothing.
        threshold: Least cosine between a feature and its best name; below it the rejection class, id N, wins. None has
            no such class.

    Raises:
        ValueError: `bias` is not one number a name, or the threshold is no cosine.
    """

    text_features: Tensor
    bias: Tensor | None = None
    threshold: float | None = None

    def __post_init__(self) -> None:
        """Check the parts against each other."""
        check_threshold(self.threshold)
        if self.bias is not None and self.bias.shape != (len(self.text_features),):
            raise ValueError(
                f"bias: got shape {tuple(self.bias.shape)}, expected ({len(self.text_features)},). Give one number for "
                "each name."
            )

    @property
    def num_classes(self) -> int:
        """Number of classes, the rejection class included."""
        return len(self.text_features) + (self.threshold is not None)

    def chosen(self, ids: Tensor) -> TextClassifier:
        """Return a classifier of some of the classes.

        Args:
            ids: Their ids, (n,), int64, ascending, 0..num_classes-1.
        """
        names = ids[ids < len(self.text_features)]
        bias = None if self.bias is None else self.bias[names.to(self.bias.device)]
        return TextClassifier(self.text_features[names], bias, self.threshold if len(names) < len(ids) else None)

    def logits(self, features: Tensor, first: int = 0, last: int | None = None) -> Tensor:
        """Classify features at their own stride.

        At that stride the bias is cheap, and what follows keeps constants: interpolation, and the mean over windows.

        Args:
            features: R, (B, C, h, w), float32.
            first: First class.
            last: One after the last class; None is all.

        Returns:
            Logits of those classes, (B, last - first, h, w).
        """
        last = self.num_classes if last is None else last
        logits = torch.einsum("bchw,nc->bnhw", features, self.text_features[first:last].to(features.dtype))
        if self.bias is not None:
            logits = logits + self.bias.to(logits)[first:last, None, None]
        if self.threshold is not None and last > len(self.text_features):
            # t·|R| is the best where Rᵀ T_c < t·|R| for every name c: where no cosine reaches t.
            rejection = self.threshold * torch.linalg.vector_norm(features, dim=1, keepdim=True)
            logits = torch.cat([logits, rejection], dim=1)
        return logits
