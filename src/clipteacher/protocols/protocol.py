"""A benchmark protocol as one frozen object: everything that two scores must have in common to be comparable."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final, Literal

from clipteacher.protocols.schedule import Schedule, is_count
from clipteacher.protocols.splits import ClassSplit
from clipteacher.teachers.prompts import check_templates

DATASETS: Final = ("voc12", "coco-stuff", "context", "msrc21", "ade20k", "ade20k-full")
"""Released data sets, by the names that protocols use."""

BACKGROUND: Final = "background"
"""Name of the class of everything unnamed, if a protocol has one."""

TRANSDUCTIVE: Final = "-transductive"
"""Ending of the name of a protocol whose unseen names are known in training."""

MOST_SIDE: Final = 4096
"""Longest shorter side, and largest window, in pixels; a photo of any size has windows of at most this."""

_MOST_VIEWS: Final = 16  # windows over a pixel, along each side


@dataclass(frozen=True)
class TestPipeline:
    """How a photo is resized for the network and its logits are resized back; labels keep their own size.

    Attributes:
        short_side: Pixels to which the shorter side is resized, keeping the ratio; None is the photo's own size.
        mode: "whole" gives the network the whole photo; "slide" gives it square windows, whose logits are averaged
            where they overlap.
        crop: Side of a window in pixels; unused in mode "whole".
        stride: Step from one window to the next in pixels; unused in mode "whole".

    Raises:
        ValueError: A length is not positive or above `MOST_SIDE`, the mode is unknown, the stride is longer than the
            window, which would leave pixels that no window covers, or shorter than its 16th.

    Example:
        >>> TestPipeline(short_side=512, mode="slide", crop=512, stride=426).stride
        426
    """

    __test__ = False  # not a test, whatever pytest infers from the name

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
            if length is None and name == "short_side":
                continue
            if not is_count(length) or length > MOST_SIDE:  # type: ignore[operator]
                raise ValueError(
                    f"{name}: got {length!r}, expected whole pixels, 1..{MOST_SIDE}. Give an int such as 512."
                )
        if self.mode == "slide" and self.stride > self.crop:
            raise ValueError(
                f"stride: got {self.stride} for windows of {self.crop}, expected at most {self.crop}: longer steps "
                "leave pixels out. Make it shorter."
            )
        if self.mode == "slide" and self.crop > _MOST_VIEWS * self.stride:
            raise ValueError(
                f"stride: got {self.stride} for windows of {self.crop}, expected at least a {_MOST_VIEWS}th: a pixel "
                f"would be looked at more than {_MOST_VIEWS**2} times. Make it longer."
            )


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """What a score means: data set, classes, split, prompts, test pipeline, and the schedule that leads to it.

    Attributes:
        name: Printed beside each score. It ends in the counts: seen and unseen where classes are held back, such as
            "voc12-15-5", else all, such as "ade20k-150"; "-bg" and "-transductive" may follow.
        dataset: The data set as released, one of `DATASETS`.
        class_split: Every class in the order of the ids, and which of them training never sees. A set only for testing
            holds nothing back: its S is the mean IoU over all classes, its U and hIoU are absent.
        templates: Prompts; the unit vectors of a name's prompts are averaged.
        test: How a photo is tested.
        sources: Where each fact comes from.
        schedule: How to train; None if the protocol only tests a student that was trained on another set.
        transductive: Whether training knows the unseen names, by word alone. Scores of the two settings are not
            comparable.

    Raises:
        TypeError: `templates` is one string.
        ValueError: A field is empty, `dataset` is unknown, the name states other counts than the split or contradicts
            it on background or on the setting, background is unseen, or a transductive protocol has no unseen class.
    """

    name: str
    dataset: str
    class_split: ClassSplit
    templates: tuple[str, ...]
    test: TestPipeline
    sources: tuple[str, ...]
    schedule: Schedule | None = None
    transductive: bool = False

    def __post_init__(self) -> None:
        """Check every field against the others."""
        if self.dataset not in DATASETS:
            raise ValueError(
                f"{self.name!r}: dataset: got {self.dataset!r}, expected one of {', '.join(DATASETS)}. Write one."
            )
        split = self.class_split
        counts = split.label if split.unseen else str(len(split.names))
        setting = TRANSDUCTIVE if self.transductive else ""
        if self.transductive and not split.unseen:
            raise ValueError(
                f"{self.name!r}: got no unseen class, expected some that training knows by name. Name some."
            )
        if not re.search(rf"[a-z0-9]-{counts}(-bg)?{setting}$", self.name):
            raise ValueError(
                f"name: got {self.name!r}, expected it to end in -{counts}{setting}, since the split has "
                f"{len(split.seen)} seen and {len(split.unseen)} unseen classes. Write the counts of the split."
            )
        if BACKGROUND in split.unseen:
            raise ValueError(f"{self.name!r}: got {BACKGROUND!r} as an unseen class, expected seen or none. Move it.")
        if self.background != self.name.removesuffix(TRANSDUCTIVE).endswith("-bg"):
            raise ValueError(
                f"name: got {self.name!r} with background={self.background}, expected '-bg' at the end where "
                "background is a class, and only there: the two are not comparable. Rename it."
            )
        check_templates(self.templates)
        if isinstance(self.sources, str) or not self.sources or not all(self.sources):
            raise ValueError(
                f"{self.name!r}: sources: got {self.sources!r}, expected a tuple. Say where the facts come from."
            )

    @property
    def background(self) -> bool:
        """Whether everything unnamed is a class ("background", seen) or ignored."""
        return BACKGROUND in self.class_split.names


def transductive(protocol: Protocol) -> Protocol:
    """Return a protocol in the transductive setting: training knows the unseen classes by their names alone.

    Data, split, prompts, test pipeline and schedule stay the same. ZegCLIP and its descendants train as many steps in
    both settings, the second half of them by pseudo labels in the transductive one.

    Example:
        >>> from clipteacher.protocols.voc import VOC12_15_5
        >>> transductive(VOC12_15_5).name
        'voc12-15-5-transductive'
    """
    return replace(protocol, name=protocol.name + TRANSDUCTIVE, transductive=True)
