"""Training augmentation of the field's protocols: scale, crop, flip, photometric distortion, pad."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import RandomPhotometricDistort
from torchvision.transforms.v2.functional import crop, horizontal_flip, pad, resize
from torchvision.tv_tensors import Image, Mask

from clipteacher.data.crop_box import CropBox
from clipteacher.protocols.schedule import AugmentConfig
from clipteacher.protocols.splits import IGNORE

_CROP_TRIES = 10


class Augment(AugmentConfig):
    """Augments a photo and its training labels together, into one fixed size.

    Source: the training pipeline of mmseg 0.x (`mmseg/datasets/pipelines/transforms.py`), which ZegCLIP and its
    descendants use: `Resize`, `RandomCrop`, `RandomFlip`, `PhotoMetricDistortion`, `Pad`, in this order.
    Every random number comes from torch's global generator, which the caller seeds.

    Deviation: the class shares of a crop are counted on training labels, where unseen classes are ignored pixels.
    ZegCLIP hides them later, in the head, so its choice of crop still sees them.
    Deviation: a reduced photo is antialiased, and labels are sampled at pixel centres, as the photo is. mmseg's
    bilinear resize aliases, and its nearest (OpenCV's) is up to half a pixel off.
    Deviation: mmseg pads after normalization, with the mean colour; here the image is padded with black.

    Example:
        >>> augment = Augment(crop_size=(32, 32), base_size=32)
        >>> image, mask = augment(torch.zeros(3, 20, 30, dtype=torch.uint8), torch.zeros(20, 30, dtype=torch.uint8))
        >>> tuple(image.shape), tuple(mask.shape)
        ((3, 32, 32), (32, 32))
    """

    def __call__(self, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Augment one photo.

        Args:
            image: (3, H, W), uint8, 0..255.
            mask: Training labels (H, W), uint8, 255 = ignore.

        Returns:
            The image (3, *crop_size), uint8, padded with black on the right and below if the photo is smaller; and its
            labels (*crop_size), uint8, 255 in the padding.

        Raises:
            ValueError: A tensor has another shape or dtype.
        """
        return self.with_crop_box(image, mask)[:2]

    def with_crop_box(self, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, CropBox]:
        """Augment one photo, (3, H, W) and (H, W), as a call does, and return its crop box, without a path, too."""
        if image.ndim != 3 or image.shape[0] != 3 or mask.shape != image.shape[1:]:
            raise ValueError(
                f"image, mask: got {tuple(image.shape)} and {tuple(mask.shape)}, expected (3, H, W) and (H, W)."
            )
        if image.dtype != torch.uint8 or mask.dtype != torch.uint8:
            raise ValueError(f"image, mask: got {image.dtype} and {mask.dtype}, expected uint8 both.")
        pair = self._scaled(Image(image), Mask(mask))
        size, box = pair[1].shape, self._box(pair[1])
        pair = (crop(pair[0], *box), crop(pair[1], *box))
        if flipped := bool(torch.rand(1) < self.flip):  # as torchvision's RandomHorizontalFlip draws
            pair = (horizontal_flip(pair[0]), horizontal_flip(pair[1]))
        pair = _PhotometricDistortion(self.photometric)(*pair)
        # Padded last, as in mmseg: always on the right and below, and no colour is mixed with black.
        height, width = self.crop_size
        padding = [0, 0, width - pair[1].shape[1], height - pair[1].shape[0]]
        image, mask = (pad(part, padding, fill=fill) for part, fill in zip(pair, (0, IGNORE), strict=True))
        crop_box = CropBox("", size[0], size[1], *box, flipped)
        return image.as_subclass(Tensor), mask.as_subclass(Tensor), crop_box

    def _scaled(self, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Resize by a random ratio: the image bilinear with antialiasing, the mask to the nearest pixel centre."""
        height, width = mask.shape
        low, high = self.scale
        ratio = low + (high - low) * torch.rand(()).item()
        if self.base_size is not None:
            ratio *= self.base_size / min(height, width)
        # At least 2: torch's antialiased resize fails for a result of one pixel.
        size = [max(2, int(side * ratio + 0.5)) for side in (height, width)]
        # As a plain tensor: `resize` has only one kind of nearest for a Mask.
        labels = resize(mask.as_subclass(Tensor)[None], size, interpolation=InterpolationMode.NEAREST_EXACT)[0]
        return resize(image, size, antialias=True), Mask(labels)

    def _box(self, mask: Tensor) -> tuple[int, int, int, int]:
        """Draw top, left, height and width of a crop that no single class fills, if one is found."""
        box = self._random_box(mask)
        for _ in range(_CROP_TRIES if self.cat_max_ratio < 1 else 0):
            if self._is_mixed(crop(mask, *box)):
                break
            box = self._random_box(mask)
        return box

    def _random_box(self, mask: Tensor) -> tuple[int, int, int, int]:
        """Draw top, left, height and width of a crop within the mask."""
        height, width = (min(side, crop) for side, crop in zip(mask.shape, self.crop_size, strict=True))
        top = int(torch.randint(mask.shape[0] - height + 1, ()))
        left = int(torch.randint(mask.shape[1] - width + 1, ()))
        return top, left, height, width

    def _is_mixed(self, mask: Tensor) -> bool:
        """Return whether no class has the share `cat_max_ratio` of the pixels that are not ignored."""
        counts = torch.bincount(mask.as_subclass(Tensor).flatten(), minlength=256)[:IGNORE]
        return int((counts > 0).sum()) > 1 and counts.max().item() < self.cat_max_ratio * counts.sum().item()


class _PhotometricDistortion(RandomPhotometricDistort):
    """mmseg's `PhotoMetricDistortion`, as closely as torchvision's matches it.

    Deviation: brightness multiplies by 1 ± 32/255 where mmseg adds ± 32. Contrast moves away from the photo's mean grey
    where mmseg multiplies, and saturation from the pixel's grey where mmseg multiplies HSV's S. Hue is continuous.
    """

    def __init__(self, p: float) -> None:
        # mmseg's hue_delta=18 counts OpenCV's 8-bit hue, 180 steps to the circle: 36 degrees, a tenth.
        delta = 32 / 255
        super().__init__((1 - delta, 1 + delta), contrast=(0.5, 1.5), saturation=(0.5, 1.5), hue=(-0.1, 0.1), p=p)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw the distortions, but never swap channels: mmseg's docstring lists that, its code does not."""
        return {**super().make_params(flat_inputs), "channel_permutation": None}
