"""From a photo that was read to the image that a network takes."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

_SLACK: Final = 1e-3  # resizing and arithmetic overshoot 0..1 by rounding


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
    return torch.from_numpy(np.array(photo.transpose(2, 0, 1), order="C"))  # a copy: Pillow's arrays are read-only


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


def check_images(images: Tensor) -> None:
    """Check a batch of images before a network sees it. Values are not checked while it is compiled or exported.

    Args:
        images: (B, 3, H, W), uint8 in 0..255, or floating point in [0, 1].

    Raises:
        TypeError: It is no tensor.
        ValueError: It has another shape or type, is empty, or holds NaN or values out of range.

    Example:
        >>> check_images(torch.rand(1, 3, 4, 5))
    """
    if not isinstance(images, Tensor):
        raise TypeError(
            f"images: got {type(images).__name__}, expected a tensor (B, 3, H, W). segment() takes files, pictures and "
            "arrays."
        )
    shape = tuple(images.shape)
    if len(shape) != 4 or shape[1] != 3 or 0 in shape:
        fix = "Give RGB with the channels second, and at least one image and one pixel."
        if len(shape) == 3 and shape[0] == 3:
            fix = "Write images[None] for a single image."
        elif len(shape) == 4 and shape[3] == 3:
            fix = "Put the channels second: images.permute(0, 3, 1, 2)."
        raise ValueError(f"images: got shape {shape}, expected (B, 3, H, W). {fix}")
    if not images.is_floating_point():
        if images.dtype != torch.uint8:
            raise ValueError(
                f"images: got {images.dtype}, expected uint8 in 0..255 or floating point in [0, 1]. Convert them: "
                "images.to(torch.uint8), or images / 255."
            )
    elif not torch.compiler.is_compiling():
        lowest, highest = torch.stack(images.aminmax()).tolist()  # one wait for a GPU, not two
        if not (lowest >= -_SLACK and highest <= 1 + _SLACK):  # written so that NaN is caught too
            fix = "Undo the normalization: the student does its own."
            if lowest != lowest:
                fix = "NaN is no colour: remove it."
            elif lowest >= 0 and highest <= 255:
                fix = "Divide 8-bit values by 255."
            raise ValueError(f"images: got values {lowest:g}..{highest:g}, expected 0..1. {fix}")


def image_dtype(network: nn.Module) -> torch.dtype:
    """Return the type of floating point of a network's weights, in which it takes images (B, 3, H, W).

    float32 where it has no such weight.

    Example:
        >>> image_dtype(nn.Conv2d(3, 8, 1).half()), image_dtype(nn.Identity())
        (torch.float16, torch.float32)
    """
    return next((each.dtype for each in network.parameters() if each.is_floating_point()), torch.float32)
