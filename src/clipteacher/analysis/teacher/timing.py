"""What a teacher costs: seconds and forward passes of each call."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean, median
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from clipteacher.teachers.teacher import Teacher, TeacherTokens
from clipteacher.teachers.windows import WindowedTeacher


class TimedTeacher:
    """A teacher that notes what each call of its image tower costs.

    Args:
        teacher: Any teacher.
    """

    def __init__(self, teacher: Teacher) -> None:
        self._teacher = teacher
        self._seconds: list[float] = []
        self._passes: list[int] = []

    @property
    def width(self) -> int:
        """Channels C of the joint space."""
        return self._teacher.width

    def encode_text(self, names: Sequence[str]) -> Tensor:
        """Encode N class names, (N, C), as the teacher does."""
        return self._teacher.encode_text(names)

    def spec(self) -> dict[str, Any] | None:
        """Describe the teacher's text tower."""
        return self._teacher.spec()

    def encode_image(self, images: Tensor) -> TeacherTokens:
        """Encode images (B, 3, H, W), float in [0, 1], as the teacher does."""
        start = _now(images.device)
        tokens = self._teacher.encode_image(images)
        self._seconds.append(_now(images.device) - start)
        inside = self._teacher
        self._passes.append(inside.passes(*images.shape[2:]) if isinstance(inside, WindowedTeacher) else 1)
        return tokens

    @property
    def median_seconds(self) -> float:
        """Seconds of a call, the median without the first, which warms up."""
        return median(self._seconds[1:] or self._seconds)

    @property
    def mean_passes(self) -> float:
        """Forward passes of a call, the mean: more than 1 in windows."""
        return mean(self._passes)


def _now(device: torch.device) -> float:
    """Return the time in seconds, when the device has done its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return perf_counter()
