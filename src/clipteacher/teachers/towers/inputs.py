"""Images as a tower takes them: sizes, sides in whole steps, and floating point type."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def fit(
    images: Tensor, step: tuple[int, int], short: int | None = None, native: tuple[int, int] | None = None
) -> Tensor:
    """Resize images so that their sides are multiples of the image tower's step.

    Bilinear with antialiasing; each side goes to the nearest multiple, at least one step. Images that fit come back
    as they are.

    Args:
        images: (B, 3, H, W), floating point.
        step: Patch height and width, or the stride of a convolutional tower.
        short: Length that the shorter side is brought to first, the aspect kept. None: sides stay as they come.
        native: Height and width of images that stay as they are though they are no multiples: a patch tower of 384
            pixels and patches of 14 leaves out the last 6.

    Returns:
        Images, (B, 3, H', W'), same dtype.

    Example:
        >>> fit(torch.zeros(1, 3, 100, 203), (16, 16)).shape, fit(torch.zeros(1, 3, 100, 200), (16, 16), 64).shape
        (torch.Size([1, 3, 96, 208]), torch.Size([1, 3, 64, 128]))
    """
    height, width = images.shape[-2:]
    scale = 1.0 if short is None else short / min(height, width)
    size = [max(1, int(side * scale / unit + 0.5)) * unit for side, unit in zip((height, width), step, strict=True)]
    if native == (round(height * scale), round(width * scale)):
        size = list(native)
    if size == [height, width]:
        return images
    return F.interpolate(images, size=size, mode="bilinear", align_corners=False, antialias=True)


def check_images(images: Tensor) -> None:
    """Check that images are (B, 3, H, W) and floating point.

    Raises:
        ValueError: They are not.
    """
    if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
        raise ValueError(
            f"images: got {images.dtype} of shape {tuple(images.shape)}; expected floating point (B, 3, H, W) in "
            "[0, 1]. Divide 8-bit images by 255."
        )


def check_size(step: tuple[int, int], image_size: int | None) -> None:
    """Check the length that the shorter side is brought to.

    Raises:
        ValueError: It is below one step.
    """
    if image_size is not None and image_size < max(step):
        raise ValueError(f"image_size: got {image_size}; expected None or at least {max(step)}, one patch.")


def input_dtype(network: nn.Module) -> torch.dtype:
    """Floating point type of the images that a tower takes: that of its first convolution or linear layer."""
    return next(part.weight.dtype for part in network.modules() if isinstance(part, nn.Conv2d | nn.Linear))
