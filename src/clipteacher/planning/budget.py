"""How many steps: what fits into the time, and what the number of photos bears."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

EPOCHS: Final = 90
"""A photo is shown at most so often, on the mean: up to here more was better on 60 photos."""

FEWEST: Final = 100
"""Fewest steps that are worth training."""

FEWEST_OF_USUAL_SIZE: Final = 250
"""Fewest steps on photos of the usual size: where the time bears fewer, more steps on smaller photos teach more."""

MOST: Final = 20_000
"""Most steps: the published protocols train so many."""

_OVERHEAD: Final = 0.15  # share of the time for starting, checkpoints, validations and the report


@dataclass(frozen=True)
class Seconds:
    """What things take on this machine.

    Attributes:
        step: A training step, the teacher's part left out.
        teacher: The teacher, for one photo; each photo is shown to it once.
        test: The student, for one photo to score on.
    """

    step: float
    teacher: float
    test: float


@dataclass(frozen=True)
class Steps:
    """A number of steps, and why.

    Attributes:
        steps: Optimiser steps.
        reason: What set the number, for a table.
        minutes: How long the whole will take, about.
        short: Whether the time bears fewer steps than are worth training.
    """

    steps: int
    reason: str
    minutes: float
    short: bool


def choose_steps(
    seconds: Seconds, *, minutes: float, photos: int, val_photos: int, batch_size: int, fewest: int = FEWEST
) -> Steps:
    """Choose the number of steps.

    Args:
        seconds: What things take.
        minutes: Time for all.
        photos: Number of training photos, n.
        val_photos: Number of photos to score on.
        batch_size: Photos a step, b.
        fewest: Fewest steps that are worth training; so few photos that fewer are enough need no more.

    Returns:
        The smallest of what fits into the time, `EPOCHS` · n / b and `MOST`; at least `FEWEST` in any case.

    Example:
        >>> choose_steps(Seconds(1.0, 0.1, 0.1), minutes=10, photos=300, val_photos=100, batch_size=10).steps
        470
        >>> choose_steps(Seconds(0.1, 0.1, 0.1), minutes=10, photos=50, val_photos=10, batch_size=10).steps
        450
    """
    left = 60 * minutes * (1 - _OVERHEAD) - val_photos * seconds.test
    timed = max(1, _fitting(left, seconds, photos, batch_size))
    enough = min(MOST, max(FEWEST, math.ceil(EPOCHS * photos / batch_size)))
    steps = max(FEWEST, min(timed, enough))
    seen = steps * batch_size / photos
    shown = f"each photo is shown {seen:.0f} times" if seen >= 2 else f"{min(1.0, seen):.0%} of the photos are shown"
    why = f"what fits into {minutes:g} minutes" if timed < enough else "enough for so few photos"
    if timed < FEWEST:
        why = f"more than fit into {minutes:g} minutes: fewer teach hardly anything"
    elif steps == MOST:
        why = "enough for any set"
    spent = (steps * seconds.step + min(photos, steps * batch_size) * seconds.teacher + val_photos * seconds.test) / 60
    return Steps(steps, f"{why}; {shown}", spent / (1 - _OVERHEAD), timed < min(fewest, enough))


def _fitting(left: float, seconds: Seconds, photos: int, batch_size: int) -> int:
    """Return the steps that fit into some seconds: the teacher sees each photo the first time that it is drawn."""
    first = int(left / (seconds.step + batch_size * seconds.teacher))
    if first * batch_size <= photos:
        return first
    return int((left - photos * seconds.teacher) / seconds.step)
