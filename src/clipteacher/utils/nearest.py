"""Label maps at another size, by nearest neighbour: ids are picked, never mixed."""

from __future__ import annotations

import torch
from torch import Tensor


def resize_labels(labels: Tensor, size: tuple[int, int]) -> Tensor:
    """Bring label maps to another size: position i of h takes what lies at its middle, ⌊(i + 1/2) · H / h⌋.

    That is `F.interpolate(mode="nearest-exact")`, which takes floating point alone and would round large ids. Where a
    middle lies exactly between two positions, the later one is taken here; PyTorch's rounding may take the earlier.

    Labels (..., H, W) of any type become (..., h, w), the same type; themselves where the size (h, w) is theirs.

    Example:
        >>> resize_labels(torch.tensor([[0, 1, 2, 3]]), (1, 2)).tolist()
        [[1, 3]]
    """
    height, width = labels.shape[-2:]
    if (height, width) == size:
        return labels
    rows, columns = (
        (2 * torch.arange(new, device=labels.device) + 1) * old // (2 * new)
        for old, new in ((height, size[0]), (width, size[1]))
    )
    return labels[..., rows.unsqueeze(1), columns]
