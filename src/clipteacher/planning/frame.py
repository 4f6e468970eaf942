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

CPU_QUICK_SIDE: Final = 160
"""As `CPU_SIDE`, where the time is too short for that: a step takes half as long and still shows whole photos."""

GPU_QUICK_SIDE: Final = 320
"""The same on a GPU."""

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
        cache_side: Shorter side of the photos that the teacher sees; None is their own.
        quick: Whether they are smaller than usual, for the time is short.
    """

    short_side: int | None
    crop: tuple[int, int]
    teacher_side: int | None
    reason: str
    cache_side: int | None = None
    quick: bool = False


def choose_frame(height: int, width: int, *, gpu: bool, quick: bool = False) -> Frame:
    """Choose sizes for photos of a size.

    A crop is about as large as a photo, in multiples of `STEP` and at most half as long again as it is wide. Photos
    that are much larger than the machine can train on in minutes are reduced.

    Args:
        height: Median height of the photos in pixels.
        width: Median width.
        gpu: Whether a GPU trains.
        quick: Whether the time is too short for the usual size. The student sees smaller photos, the teacher does not.

    Example:
        >>> choose_frame(213, 320, gpu=False).crop, choose_frame(213, 320, gpu=False).short_side
        ((224, 320), None)
        >>> choose_frame(1080, 1920, gpu=True).crop, choose_frame(1080, 1920, gpu=True).short_side
        ((512, 768), 512)
        >>> choose_frame(213, 320, gpu=False, quick=True).crop
        (160, 256)
    """
    usual, shorter = GPU_SIDE if gpu else CPU_SIDE, min(height, width)
    limit = (GPU_QUICK_SIDE if gpu else CPU_QUICK_SIDE) if quick else usual
    short_side = limit if shorter > limit else None
    ratio = (short_side or shorter) / shorter
    sides = [side * ratio for side in (height, width)]
    longest = _LONGEST * min(sides)
    rows, columns = (max(STEP, round(min(side, longest) / STEP) * STEP) for side in sides)
    size = f"photos are about {width}x{height}"
    what = f"{size}; reduced to {limit} pixels on the shorter side" if short_side else size
    if short_side and quick:
        what += ": the time is too short for more"
    cache_side = usual if shorter > usual else None
    return Frame(short_side, (rows, columns), _SMALL if shorter < _SMALL else None, what, cache_side, quick)


def windows_for(tokens: tuple[int, int], usual: tuple[int, int] | None = None) -> tuple[int, int]:
    """Return PLM's windows for a map of dense tokens: two sizes that fit into it.

    Args:
        tokens: Rows and columns of the map of a crop.
        usual: Those of the same part of a photo in its usual size: the windows cover as much of a photo as there.

    Example:
        >>> windows_for((14, 20)), windows_for((12, 12)), windows_for((10, 14), (14, 20))
        ((6, 14), (2, 4), (4, 10))
    """
    side = min(usual or tokens)
    small, large = (6, 14) if side >= 14 else (max(1, side // 6), max(2, side // 3))
    ratio = min(tokens) / side
    return max(1, round(small * ratio)), max(2, round(large * ratio))
