"""Setting type with Pillow's own typeface, which needs no font on the machine."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

from PIL import ImageDraw, ImageFont

INK: Final = (28, 28, 30)
"""Colour of type, RGB."""

PALE_INK: Final = (110, 110, 116)
"""Colour of type that comes second, RGB."""

# What Unicode does not take apart into a letter and its accent.
_SPELLED: Final = str.maketrans(
    {
        "ß": "ss",
        "æ": "ae",
        "Æ": "AE",
        "œ": "oe",
        "ø": "o",
        "Ø": "O",
        "ł": "l",
        "Ł": "L",
        "đ": "d",
        "\u2013": "-",
        "\u2014": "-",
    }
)


@lru_cache(maxsize=32)
def typeface(size: int) -> ImageFont.FreeTypeFont:
    """Load Pillow's typeface.

    Args:
        size: Height of a line of type in pixels, about.

    Returns:
        The typeface.

    Raises:
        RuntimeError: Pillow was built without FreeType.
    """
    font = ImageFont.load_default(size=size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise RuntimeError(
            "Pillow: got a build without FreeType, expected one that sets type. Run `pip install pillow`."
        )
    return font


def printable(name: str, fallback: str) -> str:
    """Spell a name with the letters the typeface has, which are ASCII.

    Args:
        name: A class name in any script.
        fallback: What to say where no letter can be spelled.

    Returns:
        The name without accents, "?" for what cannot be spelled; or `fallback`.

    Example:
        >>> printable("Café Größe", "class 3"), printable("猫", "class 4")
        ('Cafe Grosse', 'class 4')
    """
    parts = unicodedata.normalize("NFKD", " ".join(name.split()).translate(_SPELLED))
    spelled = "".join(part for part in parts if not unicodedata.combining(part)).encode("ascii", "replace").decode()
    return spelled if any(letter.isalnum() for letter in spelled) else fallback


def wrapped(text: str, font: ImageFont.FreeTypeFont, width: float) -> list[str]:
    """Break a text into lines, between words where possible.

    Args:
        text: The text.
        font: Its typeface.
        width: Width of a line in pixels.

    Returns:
        The lines, at least one.
    """
    lines: list[str] = []
    line = ""
    for word in text.split():
        joined = f"{line} {word}" if line else word
        if font.getlength(joined) <= width:
            line = joined
            continue
        if line:
            lines.append(line)
        while len(word) > 1 and font.getlength(word) > width:
            fitting = next(n for n in range(1, len(word)) if font.getlength(word[: n + 1]) > width)
            lines.append(word[:fitting])
            word = word[fitting:]
        line = word
    return [*lines, line] if line or not lines else lines


def write(
    draw: ImageDraw.ImageDraw,
    position: tuple[float, float],
    text: str,
    font: ImageFont.FreeTypeFont,
    *,
    colour: tuple[int, int, int] = INK,
    bold: bool = False,
    anchor: str = "ls",
) -> None:
    """Write one line of type.

    Args:
        draw: Where to.
        position: Point (x, y) of the anchor in pixels.
        text: The line.
        font: Its typeface.
        colour: Its colour, RGB.
        bold: Strike it twice, half a pixel or more apart, for Pillow's typeface has one weight.
        anchor: Which point of the line is at `position`, in Pillow's letters; "ls" is left on the baseline.
    """
    draw.text(position, text, fill=colour, font=font, anchor=anchor)
    if bold:
        draw.text((position[0] + max(0.6, font.size / 28), position[1]), text, fill=colour, font=font, anchor=anchor)
