"""A benchmark protocol as one frozen object: everything that two scores must share to be comparable."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from clipteacher.protocols.splits import ClassSplit
from clipteacher.teachers.prompts import check_templates

DATASETS: Final = ("voc12", "coco-stuff", "context", "msrc21", "ade20k", "ade20k-full")
"""Data sets as released, by the key that a protocol names them with."""

BACKGROUND: Final = "background"
"""Name of the class that stands for everything unnamed, where a protocol has one."""


@dataclass(frozen=True)
class TestPipeline:
    """How a photograph is brought to the network and its scores back; labels stay at their own size.

    Attributes:
        short_side: Length in pixels to which the shorter side is resized, the ratio kept; None: the photo's own size.
        mode: "whole" gives the network the whole photo; "slide" gives it square windows, whose scores are averaged
            where they overlap.
        crop: Side of a window in pixels; plays no part in mode "whole".
        stride: Step from one window to the next in pixels; plays no part in mode "whole".

    Raises:
        ValueError: A length is not positive, the mode is another word, or the stride is longer than the window, which
            leaves pixels that no window covers.

    Example:
        >>> TestPipeline(short_side=512, mode="slide", crop=512, stride=426).stride
        426
    """

    __test__ = False  # not a test, whatever pytest makes of the name

    short_side: int | None
    mode: Literal["whole", "slide"]
    crop: int = 512
    stride: int = 426

    def __post_init__(self) -> None:
        """Check every field."""
        if self.mode not in ("whole", "slide"):
            raise ValueError(f"mode: got {self.mode!r}, expected 'whole' or 'slide'. Write one of the two.")
        lengths = {"short_side": self.short_side, "crop": self.crop, "stride": self.stride}
        for name, length in lengths.items():
            if not (_is_whole(length) or (length is None and name == "short_side")):
                raise ValueError(f"{name}: got {length!r}, expected whole pixels, at least 1. Give an int such as 512.")
        if self.mode == "slide" and self.stride > self.crop:
            raise ValueError(
                f"stride: got {self.stride} for windows of {self.crop}, expected at most {self.crop}, for longer steps "
                "leave pixels out. Make it shorter."
            )


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How long and on what crops a protocol trains; the names are those of `Augment` and `OptimizerConfig`.

    Attributes:
        crop_size: Height and width of a training crop in pixels.
        base_size: Shorter side in pixels that scale 1 means; None: the photo's own size.
        scale: Smallest and largest ratio, drawn uniformly.
        cat_max_ratio: Share of a crop that one class may fill; a fuller crop is drawn again.
        flip: Probability of a horizontal flip.
        photometric: Probability of each photometric distortion.
        batch_size: Crops a step, over all devices together.
        iterations: Steps.
        lr: AdamW's learning rate at the end of warm-up.
        head_lr_factor: Factor on it for what is not pretrained.
        weight_decay: AdamW's; norms and biases have none.
        warmup_steps: Steps over which the rate rises linearly.
        power: Exponent of the polynomial decay.
        min_lr: The rate never falls below this after warm-up.

    Raises:
        ValueError: A field is out of its range.
    """

    crop_size: tuple[int, int]
    base_size: int | None
    scale: tuple[float, float]
    cat_max_ratio: float
    flip: float
    photometric: float
    batch_size: int
    iterations: int
    lr: float
    head_lr_factor: float
    weight_decay: float
    warmup_steps: int
    power: float
    min_lr: float

    def __post_init__(self) -> None:
        """Check every field."""
        if not isinstance(self.crop_size, tuple) or len(self.crop_size) != 2 or not all(map(_is_whole, self.crop_size)):
            raise ValueError(f"crop_size: got {self.crop_size!r}, expected (height, width) in whole pixels.")
        if not isinstance(self.scale, tuple) or len(self.scale) != 2 or not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError(f"scale: got {self.scale!r}, expected 0 < smallest <= largest, such as (0.5, 2.0).")
        whole = {"batch_size": self.batch_size, "iterations": self.iterations, "base_size": self.base_size}
        for name, count in whole.items():
            if not (_is_whole(count) or (count is None and name == "base_size")):
                raise ValueError(f"{name}: got {count!r}, expected a whole number, at least 1. Give an int.")
        for name in ("cat_max_ratio", "flip", "photometric"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: got {getattr(self, name)!r}, expected a share in 0..1. Fix it.")
        for name in ("lr", "head_lr_factor", "weight_decay", "warmup_steps", "power", "min_lr"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name}: got {getattr(self, name)!r}, expected a number of 0 or more. Fix it.")


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """What a score means: data set, classes, split, prompts, test pipeline, and the schedule that leads to it.

    Attributes:
        name: Printed beside each score. It ends in the counts: seen and unseen where classes are held back, such as
            "voc12-15-5", else all, such as "ade20k-150"; "-bg" may follow.
        dataset: The data set as released, one of `DATASETS`.
        class_split: Every class in the order of the ids, and which of them training never sees. Nothing is held back
            in a set that is for testing alone: its S is the mean IoU over all classes, its U and hIoU are absent.
        background: Whether what is unnamed is a class of its own ("background", seen) or ignored.
        templates: Prompts; the unit vectors of one name's prompts are averaged.
        test: How a photograph is tested.
        schedule: How to train; None where the protocol is for testing a student that was trained on another set.
        sources: Where each fact is from.

    Raises:
        TypeError: `templates` is one string.
        ValueError: A field is empty, `dataset` is no known one, the name states other counts than the split, or
            `background` contradicts the class names.
    """

    name: str
    dataset: str
    class_split: ClassSplit
    background: bool
    templates: tuple[str, ...]
    test: TestPipeline
    schedule: Schedule | None
    sources: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check every field against the others."""
        if self.dataset not in DATASETS:
            raise ValueError(
                f"{self.name!r}: dataset: got {self.dataset!r}, expected one of {', '.join(DATASETS)}. Write one."
            )
        split = self.class_split
        counts = split.label if split.unseen else str(len(split.names))
        if not re.search(rf"[a-z0-9]-{counts}(-bg)?$", self.name):
            raise ValueError(
                f"name: got {self.name!r}, expected it to end in -{counts}, for the split has {len(split.seen)} seen "
                f"and {len(split.unseen)} unseen classes. Write the counts of the split."
            )
        if self.background != (BACKGROUND in split.seen) or BACKGROUND in split.unseen:
            raise ValueError(
                f"{self.name!r}: background: got {self.background}, expected it to say whether {BACKGROUND!r} is a "
                "seen class, and it is never an unseen one. Fix the one or the other."
            )
        if self.background != self.name.endswith("-bg"):
            raise ValueError(
                f"name: got {self.name!r} with background={self.background}, expected '-bg' at the end where "
                "background is a class, and only there: the two are not comparable. Rename it."
            )
        check_templates(self.templates)
        if isinstance(self.sources, str) or not self.sources or not all(self.sources):
            raise ValueError(
                f"{self.name!r}: sources: got {self.sources!r}, expected a tuple. Say where facts are from."
            )


def _is_whole(value: object) -> bool:
    """Whether a value is an int of 1 or more."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
