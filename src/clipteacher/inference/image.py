"""From a photo that was read to the image that a network takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def image_tensor(photo: NDArray[Any]) -> Tensor:
    """Turn a photo into an image.

    Args:
        photo: As `read_photo` gives it, (H, W, 3), RGB: uint8 in 0..255 or float32 in [0, 1].

    Returns:
        (3, H, W), float32 in [0, 1].

    Example:
        >>> image_tensor(np.full((1, 2, 3), 255, dtype=np.uint8)).shape
        torch.Size([3, 1, 2])
    """
    image = torch.from_numpy(np.ascontiguousarray(photo)).permute(2, 0, 1)
    return (image.float() / 255 if image.dtype == torch.uint8 else image.float()).contiguous()
