"""A canvas that keeps a picture and its mask in step, and a pen that draws the parts of one thing on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Colour = tuple[float, float, float]
"""Red, green and blue in [0, 1]."""

Points = Sequence[tuple[float, float]]
"""Corners (x, y)."""

Box = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels."""

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

_FINER: Final = 4  # shapes are drawn this many times finer and averaged, for soft edges


def noise(rng: np.random.Generator, size: int, rows: int, columns: int) -> NDArray[np.float32]:
    """Draw smooth noise: random numbers on a coarse grid, resized bicubically.

    Args:
        rng: Random generator.
        size: Side of the picture, in pixels.
        rows: Cells of the grid down the picture.
        columns: Cells across it.

    Returns:
        (S, S), float32, mean about 0, mostly in [-1, 1]; S is `size`.
    """
    cells = rng.uniform(-1, 1, (max(2, rows), max(2, columns))).astype(np.float32)
    return np.asarray(Image.fromarray(cells).resize((size, size), Image.Resampling.BICUBIC))


class Canvas:
    """A square picture with its class ids; what is painted over disappears from both.

    Args:
        size: Side, in pixels.
        rng: Random generator of the grain.

    Attributes:
        image: (size, size, 3), float32, RGB, about [0, 1] until `photograph` clips it.
        labels: (size, size), uint8, class ids.
        objects: (size, size), int64, the number of the object seen at each pixel; 0 is background.
        light: Direction (x, y) of the light; parts of things are brighter on that side.
    """

    def __init__(self, size: int, rng: np.random.Generator) -> None:
        self.size = size
        self.image = np.zeros((size, size, 3), dtype=np.float32)
        self.labels = np.zeros((size, size), dtype=np.uint8)
        self.objects = np.zeros((size, size), dtype=np.int64)
        self.light = (float(rng.uniform(-1, 1)), -1.0)
        self._grain = noise(rng, size, size // 3, size // 3) * 0.6 + noise(rng, size, size // 8, size // 8)

    def cover(self, points: Points, texture: NDArray[np.float32], class_id: int) -> None:
        """Paint a region of background.

        Args:
            points: Corners in [0, 1], x to the right and y down.
            texture: (size, size, 3), float32, the region's colours.
            class_id: The region's class.
        """
        corners = [(x * self.size, y * self.size) for x, y in points]
        self._lay(corners, (0, 0, self.size, self.size), texture, class_id, 0)

    def paint(self, points: Points, colour: Colour, class_id: int, number: int, gloss: float = 0.25) -> None:
        """Paint a part of a thing: brighter towards the light, with a little grain.

        Args:
            points: Corners in pixels; those outside the canvas are cut off.
            colour: The part's colour.
            class_id: The thing's class.
            number: The thing's number, 1 or more.
            gloss: How much brighter the lit side is than the other side.
        """
        xs, ys = [x for x, _ in points], [y for _, y in points]
        left, top = (max(0, int(min(values)) - 1) for values in (xs, ys))
        right, bottom = (min(self.size, int(max(values)) + 2) for values in (xs, ys))
        if left >= right or top >= bottom:
            return
        across = np.linspace(-1, 1, right - left, dtype=np.float32)[None, :] * self.light[0]
        down = np.linspace(-1, 1, bottom - top, dtype=np.float32)[:, None] * self.light[1]
        shade = 1 + gloss * 0.5 * (across + down) + 0.07 * self._grain[top:bottom, left:right]
        fill = shade[..., None] * np.asarray(colour, dtype=np.float32)
        self._lay(points, (left, top, right, bottom), fill, class_id, number)

    def darken(self, points: Points, strength: float) -> None:
        """Cast a shadow; labels do not change.

        Args:
            points: Corners in pixels.
            strength: Share of the light removed, in [0, 1].
        """
        self.image *= 1 - strength * self._alpha(points, (0, 0, self.size, self.size))[..., None]

    def photograph(self, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Finish the picture: colour of the light, exposure, contrast, and a camera's grain.

        Args:
            rng: Random generator.

        Returns:
            (size, size, 3), uint8, RGB.
        """
        cast = 1 + rng.uniform(-0.08, 0.08, 3).astype(np.float32)
        image = (self.image.clip(0, 1) - 0.5) * rng.uniform(0.85, 1.1) + 0.5 + rng.uniform(-0.06, 0.06)
        across = np.linspace(-1, 1, self.size, dtype=np.float32)
        vignette = 1 - rng.uniform(0, 0.12) * (across[None, :] ** 2 + across[:, None] ** 2)
        image = image * cast * vignette[..., None]
        image += rng.normal(0, 0.012, image.shape).astype(np.float32)
        return (image.clip(0, 1) * 255).round().astype(np.uint8)

    def _alpha(self, points: Points, box: Box) -> NDArray[np.float32]:
        """Share of each pixel of a box that a polygon covers."""
        left, top, right, bottom = box
        fine = Image.new("L", ((right - left) * _FINER, (bottom - top) * _FINER))
        ImageDraw.Draw(fine).polygon([((x - left) * _FINER, (y - top) * _FINER) for x, y in points], fill=255)
        return np.asarray(fine.reduce(_FINER), dtype=np.float32) / np.float32(255)

    def _lay(self, points: Points, box: Box, fill: NDArray[np.float32], class_id: int, number: int) -> None:
        """Blend a polygon's colour into a box, and set its class where it covers at least half of a pixel."""
        alpha, (left, top, right, bottom) = self._alpha(points, box), box
        here = np.s_[top:bottom, left:right]
        self.image[here] += alpha[..., None] * (fill - self.image[here])
        covered = alpha >= 0.5
        self.labels[here][covered] = class_id
        self.objects[here][covered] = number


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
