"""From a photo that was read to the image that a network takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


def image_tensor(photo: NDArray[Any]) -> Tensor:
    """Turn a photo into an image, without changing its type.

    Args:
        photo: As `read_photo` gives it, (H, W, 3), RGB: uint8 in 0..255 or float32 in [0, 1].

    Returns:
        (3, H, W), uint8 or float32.

    Example:
        >>> image_tensor(np.full((1, 2, 3), 255, dtype=np.uint8)).shape
        torch.Size([3, 1, 2])
    """
    return torch.from_numpy(np.ascontiguousarray(photo)).permute(2, 0, 1).contiguous()


def float_images(images: Tensor) -> Tensor:
    """Turn images into what networks take. Photos travel as uint8, a quarter of the size, up to here.

    Args:
        images: (B, 3, H, W) or (3, H, W), uint8 in 0..255, or floating point in [0, 1].

    Returns:
        The same shape, on the same device: floating point in [0, 1], float32 where uint8 came.

    Example:
        >>> float_images(torch.tensor([0, 51, 255], dtype=torch.uint8))
        tensor([0.0000, 0.2000, 1.0000])
    """
    return images.float() / 255 if images.dtype == torch.uint8 else images


def image_dtype(network: nn.Module) -> torch.dtype:
    """Return the type of floating point of a network's weights, in which it takes images (B, 3, H, W).

    float32 where it has no such weight.

    Example:
        >>> image_dtype(nn.Conv2d(3, 8, 1).half()), image_dtype(nn.Identity())
        (torch.float16, torch.float32)
    """
    return next((each.dtype for each in network.parameters() if each.is_floating_point()), torch.float32)
