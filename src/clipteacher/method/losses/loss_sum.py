"""What every loss returns: a sum and a count, so that several processes can divide once, by the count of all."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class LossSum:
    """A loss before it is averaged.

    Attributes:
        total: The sum over what is counted, a scalar with a gradient.
        count: What the sum is divided by, a scalar ≥ 0, integer or floating point, without a gradient.
        minimum: The least divisor, > 0, for a batch in which nothing is counted.
    """

    total: Tensor
    count: Tensor
    minimum: float = 1.0

    def mean(self) -> Tensor:
        """Return the loss of this process alone, a scalar.

        Example:
            >>> import torch
            >>> LossSum(torch.tensor(6.0), torch.tensor(4)).mean(), LossSum(torch.tensor(0.0), torch.tensor(0)).mean()
            (tensor(1.5000), tensor(0.))
        """
        return self.total / self.count.clamp(min=self.minimum)
