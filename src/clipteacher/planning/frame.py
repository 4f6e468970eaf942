"""Size of photos and crops: a pure function of the photos and the machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

STEP: Final = 32
"""Crops are multiples of it, as most encoders require."""

CPU_SIDE: Final = 256
"""Shorter side in pixels to which larger photos are reduced on a CPU."""

GPU_SIDE: Final = 512
"""The same on a GPU; the published protocols train at it."""

_LONGEST: Final = 1.5  # sides of a crop, longer over shorter: longer ones hold less of what is above one another
_SMALL: Final = 192  # photos with a shorter side are enlarged for the teacher, whose patches have 16 pixels


@dataclass(frozen=True)
class Frame:
    """Sizes in training and test.

    Attributes:
        short_side: Shorter side in pixels to which photos are brought, in training before scaling and at test; None
            leaves them as they are.
        crop: Height and width of training crops in pixels.
        teacher_side: Shorter side to which the teacher enlarges photos; None leaves them as they are.
        reason: Why, for a table.
    """

    short_side: int | None
    crop: tuple[int, int]
    teacher_side: int | None
    reason: str


def choose_frame(height: int, width: int, *, gpu: bool) -> Frame:
    """Choose sizes for photos of a size.

    A crop is about as large as a photo, in multiples of `STEP` and at most half as long again as it is wide. Photos
    that are much larger than the machine can train on in minutes are reduced.

    Args:
        height: Median height of the photos in pixels.
        width: Median width.
        gpu: Whether a GPU trains.

    Example:
        >>> choose_frame(213, 320, gpu=False).crop, choose_frame(213, 320, gpu=False).short_side
        ((224, 320), None)
        >>> choose_frame(1080, 1920, gpu=True).crop, choose_frame(1080, 1920, gpu=True).short_side
        ((512, 768), 512)
    """
    limit, shorter = GPU_SIDE if gpu else CPU_SIDE, min(height, width)
    short_side = limit if shorter > limit else None
    ratio = (short_side or shorter) / shorter
    sides = [side * ratio for side in (height, width)]
    longest = _LONGEST * min(sides)
    rows, columns = (max(STEP, round(min(side, longest) / STEP) * STEP) for side in sides)
    size = f"photos are about {width}x{height}"
    what = f"{size}; reduced to {limit} pixels on the shorter side" if short_side else size
    return Frame(short_side, (rows, columns), _SMALL if shorter < _SMALL else None, what)


def windows_for(tokens: tuple[int, int]) -> tuple[int, int]:
    """Return PLM's windows for a map of dense tokens: two sizes that fit into it.

    Example:
        >>> windows_for((14, 20)), windows_for((12, 12))
        ((6, 14), (2, 4))
    """
    side = min(tokens)
    return (6, 14) if side >= 14 else (max(1, side // 6), max(2, side // 3))
