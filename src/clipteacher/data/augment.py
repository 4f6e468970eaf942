"""Training augmentation of the field's protocols: scale, crop, flip, photometric distortion, pad."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import RandomPhotometricDistort
from torchvision.transforms.v2.functional import crop, horizontal_flip, pad, resize
from torchvision.tv_tensors import Image, Mask

from clipteacher.data.crop_box import CropBox
from clipteacher.protocols.splits import IGNORE

_CROP_TRIES = 10


class Augmented(NamedTuple):
    """An augmented photo, and where it lies in the photo that it was.

    Attributes:
        image: (3, H, W), uint8.
        mask: (H, W), uint8, 255 = ignore.
        crop_box: The crop; its path is still "".
    """

    image: Tensor
    mask: Tensor
    crop_box: CropBox


@dataclass(frozen=True, kw_only=True)
class Augment:
    """Augments a photo and its training labels together, into one fixed size.

    Source: the training pipeline of mmseg 0.x (`mmseg/datasets/pipelines/transforms.py`), which ZegCLIP and its
    descendants use: `Resize`, `RandomCrop`, `RandomFlip`, `PhotoMetricDistortion`, `Pad`, in this order.
    Everything is drawn from torch's global generator; who calls seeds it.

    Deviation: the crop's class shares are counted on training labels, so unseen classes are ignored pixels there.
    ZegCLIP marks them later, in the head: its choice of crop still sees them.
    Deviation: a reduced photo is antialiased, and labels are read at pixel centres, as the photo is. mmseg's bilinear
    resize aliases, and its nearest (OpenCV's) lies up to half a pixel beside the photo.
    Deviation: mmseg pads after normalisation, with the mean colour; here the image is padded with black.

    Args:
        crop_size: Height and width of what comes out, in pixels.
        scale: Smallest and largest ratio, drawn uniformly, by which the size is multiplied.
        base_size: Shorter side in pixels that ratio 1 means; None: the photo's own size. mmseg's
            `Resize(img_scale=(2048, 512), ratio_range=(0.5, 2.0))` is `base_size=512, scale=(0.5, 2.0)`, save for
            photos more than four times as long as wide, which it shrinks to a longer side of 2048.
        cat_max_ratio: A crop is drawn again, up to 10 times, unless it holds more than one class and the largest
            has less than this share of the pixels, ignored ones left out. 1 takes the first crop.
        flip: Probability of a horizontal flip.
        photometric: Probability of each of the four distortions (brightness, contrast, saturation, hue); mmseg's
            is 0.5, and 0 switches them off.

    Raises:
        ValueError: A size or ratio is not positive, a range is upside down, or a probability leaves 0..1.

    Example:
        >>> augment = Augment(crop_size=(32, 32), base_size=32)
        >>> image, mask = augment(torch.zeros(3, 20, 30, dtype=torch.uint8), torch.zeros(20, 30, dtype=torch.uint8))
        >>> tuple(image.shape), tuple(mask.shape)
        ((3, 32, 32), (32, 32))
    """

    crop_size: tuple[int, int] = (512, 512)
    scale: tuple[float, float] = (0.5, 2.0)
    base_size: int | None = None
    cat_max_ratio: float = 0.75
    flip: float = 0.5
    photometric: float = 0.5

    def __post_init__(self) -> None:
        """Check every argument."""
        for name, pair in (("crop_size", self.crop_size), ("scale", self.scale)):
            if isinstance(pair, str) or not hasattr(pair, "__len__") or len(pair) != 2:
                raise ValueError(f"{name}: got {pair!r}, expected two numbers. Write ({pair}, {pair}).")
            object.__setattr__(self, name, tuple(pair))
        base_size = () if self.base_size is None else (self.base_size,)
        for name, sides in (("crop_size", self.crop_size), ("base_size", base_size)):
            if any(not isinstance(side, int) or isinstance(side, bool) or side < 1 for side in sides):
                raise ValueError(
                    f"{name}: got {getattr(self, name)!r}, expected whole pixels, at least 1. Give ints such as 512."
                )
        low, high = self.scale
        if not 0 < low <= high:
            raise ValueError(f"scale: got {self.scale}, expected 0 < smallest <= largest, such as (0.5, 2.0).")
        if not 0 < self.cat_max_ratio <= 1:
            raise ValueError(
                f"cat_max_ratio: got {self.cat_max_ratio}, expected 0 < share <= 1. Give 1 to take the first crop."
            )
        for name, chance in (("flip", self.flip), ("photometric", self.photometric)):
            if isinstance(chance, bool) or not 0 <= chance <= 1:
                raise ValueError(f"{name}: got {chance}, expected a probability 0..1. Give 0 to switch it off.")

    def __call__(self, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Augment one photo.

        Args:
            image: (3, H, W), uint8, 0..255.
            mask: Training labels (H, W), uint8, 255 = ignore.

        Returns:
            The image (3, *crop_size), uint8, black right of and below a photo that is smaller than the crop; and its
            labels (*crop_size), uint8, 255 there.

        Raises:
            ValueError: A tensor has another shape or dtype.
        """
        return self.placed(image, mask)[:2]

    def placed(self, image: Tensor, mask: Tensor) -> Augmented:
        """Augment one photo and say where the crop lies.

        Args:
            image: (3, H, W), uint8, 0..255.
            mask: Training labels (H, W), uint8, 255 = ignore.

        Returns:
            Image and labels as a call gives them, and where they lie.

        Raises:
            ValueError: A tensor has another shape or dtype.
        """
        if image.ndim != 3 or image.shape[0] != 3 or mask.shape != image.shape[1:]:
            raise ValueError(
                f"image, mask: got {tuple(image.shape)} and {tuple(mask.shape)}, expected (3, H, W) and (H, W)."
            )
        if image.dtype != torch.uint8 or mask.dtype != torch.uint8:
            raise ValueError(f"image, mask: got {image.dtype} and {mask.dtype}, expected uint8 both.")
        pair: tuple[Tensor, Tensor] = (Image(image), Mask(mask))
        pair = self._scaled(*pair)
        size, box = pair[1].shape, self._box(pair[1])
        pair = (crop(pair[0], *box), crop(pair[1], *box))
        # torchvision's RandomHorizontalFlip draws so too.
        flipped = bool(torch.rand(1) < self.flip)
        if flipped:
            pair = (horizontal_flip(pair[0]), horizontal_flip(pair[1]))
        pair = _PhotometricDistortion(self.photometric)(*pair)
        # Padded last, as in mmseg: always right and below, and no colour is mixed with black.
        height, width = self.crop_size
        padding = [0, 0, width - pair[1].shape[1], height - pair[1].shape[0]]
        image, mask = (pad(part, padding, fill=fill) for part, fill in zip(pair, (0, IGNORE), strict=True))
        crop_box = CropBox("", size[0], size[1], *box, flipped)
        return Augmented(image.as_subclass(Tensor), mask.as_subclass(Tensor), crop_box)

    def _scaled(self, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Resize by a random ratio: the image bilinear with antialiasing, the mask to the nearest pixel centre."""
        height, width = mask.shape
        low, high = self.scale
        ratio = low + (high - low) * torch.rand(()).item()
        if self.base_size is not None:
            ratio *= self.base_size / min(height, width)
        # At least 2: torch's antialiased resize fails for a result of one pixel.
        size = [max(2, int(side * ratio + 0.5)) for side in (height, width)]
        # As a plain tensor, since `resize` knows but one kind of nearest for a Mask.
        labels = resize(mask.as_subclass(Tensor)[None], size, interpolation=InterpolationMode.NEAREST_EXACT)[0]
        return resize(image, size, antialias=True), Mask(labels)

    def _box(self, mask: Tensor) -> tuple[int, int, int, int]:
        """Draw top, left, height and width of a crop, or what there is of it, that no single class fills."""
        box = self._random_box(mask)
        if self.cat_max_ratio < 1:
            for _ in range(_CROP_TRIES):
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
        """Whether there is more than one class and none has the share `cat_max_ratio`, ignored pixels left out."""
        counts = torch.bincount(mask.as_subclass(Tensor).flatten(), minlength=256)[:IGNORE]
        return int((counts > 0).sum()) > 1 and counts.max().item() < self.cat_max_ratio * counts.sum().item()


class _PhotometricDistortion(RandomPhotometricDistort):
    """mmseg's `PhotoMetricDistortion`, as near as torchvision's comes to it.

    Deviation: brightness multiplies by 1 ± 32/255 where mmseg adds ± 32. Contrast moves away from the photo's mean grey
    where mmseg multiplies, and saturation from the pixel's grey where mmseg multiplies HSV's S. Hue is continuous.
    """

    def __init__(self, p: float) -> None:
        # mmseg's hue_delta=18 counts OpenCV's 8-bit hue, 180 steps to the circle: 36 degrees, a tenth.
        delta = 32 / 255
        super().__init__((1 - delta, 1 + delta), contrast=(0.5, 1.5), saturation=(0.5, 1.5), hue=(-0.1, 0.1), p=p)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw the distortions, but never swap channels: mmseg's docstring lists that, its code does not do it."""
        return {**super().make_params(flat_inputs), "channel_permutation": None}
