"""What the diagnosis's pictures share: two colours, a name turned by a quarter, a scale with round numbers."""

from __future__ import annotations

import math
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from clipteacher.pictures.typesetting import INK, write

OWN: Final = (0, 114, 178)
"""Blue, of what is right (Okabe and Ito)."""

OTHER: Final = (213, 94, 0)
"""Orange red, of what is wrong (Okabe and Ito)."""

RULE: Final = (214, 214, 218)
"""Colour of the lines of a scale, RGB."""

Colour = tuple[int, int, int]


def mixed(colour: Colour, share: float) -> Colour:
    """Mix a colour with white.

    Args:
        colour: The colour, RGB.
        share: Of the colour, 0 (white) to 1.

    Returns:
        The mixture, RGB.

    Example:
        >>> mixed((0, 100, 200), 0.5)
        (128, 178, 228)
    """
    red, green, blue = (round(255 + (part - 255) * min(1.0, max(0.0, share))) for part in colour)
    return red, green, blue


def turned(text: str, font: ImageFont.FreeTypeFont, colour: Colour = INK, *, bold: bool = False) -> Image.Image:
    """Write a line that reads from the foot to the top.

    Args:
        text: The line.
        font: Its typeface.
        colour: Its colour, RGB.
        bold: As `write`.

    Returns:
        An RGB picture, as small as the line lets it.
    """
    height = round(font.size * 1.3)
    line = Image.new("RGB", (max(1, math.ceil(font.getlength(text)) + 2), height), "white")
    write(ImageDraw.Draw(line), (0, height * 0.75), text, font, colour=colour, bold=bold)
    return line.transpose(Image.Transpose.ROTATE_90)


def ticks(low: float, high: float, most: int = 8) -> list[float]:
    """Choose round numbers for a scale.

    Args:
        low: Least value to be drawn.
        high: Largest value, above `low`.
        most: Steps, at most.

    Returns:
        Multiples of 1, 2 or 5 times a power of ten, from the last below `low` to the first above `high`.

    Example:
        >>> ticks(-0.02, 0.33)
        [-0.05, 0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35]
    """
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    step = next(power * times for times in (1, 2, 5, 10) if (high - low) / (power * times) <= most)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 10) + 0.0 for number in range(first, last + 1)]
