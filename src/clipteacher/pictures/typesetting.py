"""Setting type with Pillow's own typeface, and names in other scripts with a font of the machine."""

from __future__ import annotations

import textwrap
import unicodedata
from functools import lru_cache
from typing import Final

from PIL import ImageDraw, ImageFont

INK: Final = (28, 28, 30)
"""Colour of type, RGB."""

PALE_INK: Final = (110, 110, 116)
"""Colour of secondary type, RGB."""

# Fonts of Linux, macOS and Windows that have many scripts; Pillow looks for them in the system's folders.
_FONTS: Final = (
    *("DejaVuSans.ttf", "NotoSansCJK-Regular.ttc", "Arial Unicode.ttf", "arial.ttf", "msyh.ttc", "malgun.ttf"),
)

# What Unicode does not take apart into a letter and its accent.
_SPELLED: Final = str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d"}
    | {"\u2013": "-", "\u2014": "-"}
)


@lru_cache(maxsize=32)
def typeface(size: int) -> ImageFont.FreeTypeFont:
    """Load Pillow's typeface, which has ASCII letters.

    Args:
        size: Approximate height of a line of type in pixels.

    Returns:
        The typeface.

    Raises:
        RuntimeError: Pillow was built without FreeType.
    """
    font = ImageFont.load_default(size=size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise RuntimeError("Pillow: got a build without FreeType, expected one with it. Run `pip install pillow`.")
    return font


def lettering(name: str, fallback: str, size: int) -> tuple[str, ImageFont.FreeTypeFont]:
    """Choose the letters and the typeface of a name.

    ASCII is set in Pillow's typeface. Other names are set in the first font of the machine that has all their letters;
    where there is none, they are spelled as by `printable`.

    Args:
        name: A name in any script.
        fallback: Text for a name of which no letter can be drawn.
        size: As for `typeface`.

    Returns:
        The text and its typeface.
    """
    text = " ".join(name.split())
    if not text.isascii():
        for font in _machine_fonts(size):
            missing = bytes(font.getmask("\U0010ffff"))  # no font has this letter
            if all(bytes(font.getmask(letter)) != missing for letter in text):
                return text, font
    return printable(text, fallback), typeface(size)


@lru_cache(maxsize=32)
def _machine_fonts(size: int) -> list[ImageFont.FreeTypeFont]:
    """Load those of `_FONTS` that this machine has."""
    fonts = []
    for name in _FONTS:
        try:
            fonts.append(ImageFont.truetype(name, size))
        except OSError:
            continue
    return fonts


def printable(name: str, fallback: str) -> str:
    """Spell a name in ASCII.

    Args:
        name: A name in any script.
        fallback: Text for a name of which no letter can be spelled.

    Returns:
        The name without accents, with "?" for what cannot be spelled; or `fallback`.

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
    lines = [text]
    for letters in range(len(text), 0, -1):
        lines = textwrap.wrap(text, letters)
        if all(font.getlength(line) <= width for line in lines):
            break
    return lines


def write(
    draw: ImageDraw.ImageDraw,
    position: tuple[float, float],
    text: str,
    font: ImageFont.FreeTypeFont,
    *,
    colour: tuple[int, int, int] = INK,
    bold: bool = False,
) -> None:
    """Write one line of type.

    Args:
        draw: The drawing to write on.
        position: Left end (x, y) of the baseline in pixels.
        text: The line.
        font: Its typeface.
        colour: Its colour, RGB.
        bold: Whether to draw it twice, half a pixel or more apart, as Pillow's typeface has one weight.
    """
    for shift in (0, max(0.6, font.size / 28)) if bold else (0,):
        draw.text((position[0] + shift, position[1]), text, fill=colour, font=font, anchor="ls")
