"""How a protocol trains: crops, optimizer, batch size and number of steps, each checked once, here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """Options of the training augmentation; `clipteacher.data.augment.Augment` applies them.

    Args:
        crop_size: Height and width of the result in pixels.
        scale: Smallest and largest ratio, drawn uniformly, by which the size is multiplied.
        base_size: Shorter side in pixels that ratio 1 stands for; None: the photo's own size. mmseg's
            `Resize(img_scale=(2048, 512), ratio_range=(0.5, 2.0))` is `base_size=512, scale=(0.5, 2.0)`, except for
            photos more than four times as long as wide, which it shrinks to a longer side of 2048.
        cat_max_ratio: A crop is drawn again, up to 10 times, unless it holds more than one class and the largest
            covers less than this share of the pixels that are not ignored. 1 takes the first crop.
        flip: Probability of a horizontal flip.
        photometric: Probability of each of the four distortions (brightness, contrast, saturation, hue); mmseg's
            is 0.5, and 0 switches them off.

    Raises:
        ValueError: A size or ratio is not positive, a range is reversed, or a probability is outside 0..1.
    """

    crop_size: tuple[int, int] = (512, 512)
    scale: tuple[float, float] = (0.5, 2.0)
    base_size: int | None = None
    cat_max_ratio: float = 0.75
    flip: float = 0.5
    photometric: float = 0.5

    def __post_init__(self) -> None:
        """Check every option, and store pairs as tuples."""
        for name, pair in (("crop_size", self.crop_size), ("scale", self.scale)):
            if isinstance(pair, str) or not hasattr(pair, "__len__") or len(pair) != 2:
                raise ValueError(f"{name}: got {pair!r}, expected two numbers. Write ({pair}, {pair}).")
            object.__setattr__(self, name, tuple(pair))
        base_size = () if self.base_size is None else (self.base_size,)
        for name, sides in (("crop_size", self.crop_size), ("base_size", base_size)):
            if not all(map(is_count, sides)):
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


@dataclass(frozen=True)
class OptimizerConfig:
    """Options of the optimizer and its learning rate.

    Deviation: mmseg's minimum learning rate is one value for all parameter groups. Here it is a share of each group's
    own rate, so for the pretrained encoder it is lower by the same factor as the rate itself.

    Attributes:
        lr: Learning rate at the end of warm-up.
        encoder_lr_factor: Factor on it for the student's pretrained encoder (parameters under a module named "encoder"
            or "backbone").
        weight_decay: AdamW's; norms and biases (tensors of one axis) have none.
        warmup_steps: Steps over which the rate rises linearly from near 0.
        power: Exponent of the polynomial decay.
        min_factor: The rate never falls below this share of `lr` after warm-up.

    Raises:
        ValueError: An option is out of its range.
    """

    lr: float = 5e-4
    encoder_lr_factor: float = 1.0
    weight_decay: float = 0.01
    warmup_steps: int = 20
    power: float = 0.9
    min_factor: float = 0.0

    def __post_init__(self) -> None:
        """Check every option."""
        for name, value in vars(self).items():
            if not value >= 0:
                raise ValueError(f"optimizer.{name}: got {value}, expected a number of 0 or more")
        if self.min_factor > 1:
            raise ValueError(f"optimizer.min_factor: got {self.min_factor}, expected a share of lr in 0..1")


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How long a protocol trains, and on what.

    Attributes:
        augment: Augmentation of the training crops.
        optimizer: Learning rate and its course.
        batch_size: Crops per step, over all devices together.
        steps: Training steps.

    Raises:
        ValueError: `batch_size` or `steps` is not a positive whole number.
    """

    augment: AugmentConfig
    optimizer: OptimizerConfig
    batch_size: int
    steps: int

    def __post_init__(self) -> None:
        """Check the two counts; the two configurations have checked themselves."""
        for name, count in (("batch_size", self.batch_size), ("steps", self.steps)):
            if not is_count(count):
                raise ValueError(f"{name}: got {count!r}, expected a whole number, at least 1. Give an int.")


def is_count(value: object) -> bool:
    """Return whether a value is an int of 1 or more."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
