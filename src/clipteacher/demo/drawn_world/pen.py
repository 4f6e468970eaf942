"""A pen that draws the parts of one thing in the thing's own coordinates."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from clipteacher.demo.drawn_world.canvas import Canvas, Colour, Points

COLOURS: Final[dict[str, Colour]] = {
    "red": (0.82, 0.18, 0.16),
    "orange": (0.94, 0.54, 0.16),
    "yellow": (0.96, 0.82, 0.24),
    "green": (0.30, 0.62, 0.30),
    "blue": (0.20, 0.42, 0.80),
    "purple": (0.54, 0.30, 0.68),
    "pink": (0.94, 0.58, 0.70),
    "white": (0.95, 0.94, 0.92),
    "grey": (0.56, 0.57, 0.60),
    "brown": (0.50, 0.33, 0.20),
    "black": (0.15, 0.15, 0.17),
}
"""Colours by their names in captions."""

DARK: Final[Colour] = (0.13, 0.13, 0.15)
WOOD: Final[Colour] = (0.45, 0.30, 0.19)


def tone(colour: Colour, factor: float) -> Colour:
    """Make a colour darker (factor below 1) or lighter (above 1, towards white)."""
    if factor <= 1:
        return colour[0] * factor, colour[1] * factor, colour[2] * factor
    red, green, blue = (1 - (1 - channel) / factor for channel in colour)
    return red, green, blue


def oval(x: float, y: float, rx: float, ry: float, start: float = 0.0, end: float = 1.0) -> list[tuple[float, float]]:
    """List the corners of an ellipse, or of the slice of it from `start` to `end` (in turns, clockwise from right)."""
    turns = np.linspace(start, end, 28) * 2 * math.pi
    return [(x + rx * math.cos(turn), y + ry * math.sin(turn)) for turn in turns]


class Pen:
    """Draws one thing in its own box: x from 0 (left) to 1, y from 0 (top) to 1 (its foot).

    Args:
        canvas: What to draw on.
        foot: The middle of the box's lower side, (x, y) in pixels.
        width: The box's width in pixels.
        height: Its height in pixels.
        class_id: The thing's class.
        number: The thing's number on the canvas, 1 or more.
        rng: Random generator.
        colour: The thing's main colour.
        tilt: Rotation about the foot, in radians.
    """

    def __init__(
        self,
        canvas: Canvas,
        foot: tuple[float, float],
        width: float,
        height: float,
        class_id: int,
        number: int,
        rng: np.random.Generator,
        colour: Colour,
        tilt: float = 0.0,
    ) -> None:
        self.canvas = canvas
        self.rng = rng
        red, green, blue = (np.asarray(colour) * rng.uniform(0.85, 1.1) + rng.normal(0, 0.03, 3)).clip(0.05, 1)
        self.colour: Colour = (float(red), float(green), float(blue))
        self._foot, self._width, self._height = foot, width, height
        self._class_id, self._number = class_id, number
        self._flip = -1 if rng.random() < 0.5 else 1
        self._cos, self._sin = math.cos(tilt), math.sin(tilt)

    def shape(self, points: Points, colour: Colour, gloss: float = 0.25) -> None:
        """Fill a polygon."""
        self.canvas.paint([self._place(x, y) for x, y in points], colour, self._class_id, self._number, gloss)

    def oval(self, x: float, y: float, rx: float, ry: float, colour: Colour, gloss: float = 0.25) -> None:
        """Fill an ellipse."""
        self.shape(oval(x, y, rx, ry), colour, gloss)

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        """Fill a rectangle."""
        self.shape([(left, top), (right, top), (right, bottom), (left, bottom)], colour)

    def stroke(self, x0: float, y0: float, x1: float, y1: float, thick: float, colour: Colour) -> None:
        """Draw a straight line, `thick` in shares of the box's width."""
        across, down = (x1 - x0) * self._width, (y1 - y0) * self._height
        length = math.hypot(across, down) or 1.0
        half = max(thick * self._width, 1.1) / 2  # thinner than a pixel would be lost in the mask
        dx, dy = -down / length * half / self._width, across / length * half / self._height
        self.shape([(x0 + dx, y0 + dy), (x1 + dx, y1 + dy), (x1 - dx, y1 - dy), (x0 - dx, y0 - dy)], colour)

    def shadow(self, wide: float = 0.55, strength: float = 0.3) -> None:
        """Cast a flat shadow on the ground under the foot."""
        x, y = self._foot
        self.canvas.darken(oval(x, y, wide * self._width, 0.09 * self._width), strength)

    def _place(self, x: float, y: float) -> tuple[float, float]:
        """Convert the thing's coordinates to pixels."""
        across, down = self._flip * (x - 0.5) * self._width, (y - 1) * self._height
        return (
            self._foot[0] + across * self._cos - down * self._sin,
            self._foot[1] + across * self._sin + down * self._cos,
        )
