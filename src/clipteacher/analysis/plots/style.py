"""What the charts share: colours, names in any script, headings, and saving."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from clipteacher.pictures.typesetting import printable
from clipteacher.protocols.splits import ClassSplit
from clipteacher.utils.atomic_files import write_atomically

RIGHT: Final = "#0072b2"
WRONG: Final = "#d55e00"
"""Blue for what is right, orange for what is wrong (Okabe and Ito)."""

UNSEEN: Final = "#b0202c"
"""Red, for names of unseen classes."""

INK: Final = "#1c1c1e"
PALE_INK: Final = "#6e6e74"
RULE: Final = "#d6d6da"
"""Colours of type, of notes, and of grid lines."""

BASE_FONT: Final = "DejaVu Sans"
"""It comes with matplotlib, and has Latin, Greek, Cyrillic, Arabic, Hebrew and more."""

_LONGEST: Final = 32  # characters of a name
_DPI: Final = 130


def font_families(texts: Iterable[str]) -> list[str]:
    """Find font families of this machine that together have the characters of texts, as far as any has.

    Args:
        texts: What is to be drawn.

    Returns:
        The families in the order in which matplotlib tries them, `BASE_FONT` first.
    """
    families, fonts = [BASE_FONT], _fonts()
    missing = set("".join(map(_one_line, texts))) - _characters(fonts[BASE_FONT])
    for family, path in fonts.items() if missing else ():
        if found := missing & _characters(path):
            families.append(family)
            missing -= found
    return families


def drawable(text: str, fallback: str, families: Iterable[str] = (BASE_FONT,)) -> str:
    """Return a name as it can be drawn: cut where it is very long, in ASCII where no family has a character.

    Args:
        text: A name in any script.
        fallback: Drawn instead, where ASCII cannot spell any of it.
        families: Font families.

    Example:
        >>> drawable("Größe", "class 3"), drawable("猫", "class 4")
        ('Größe', 'class 4')
    """
    line = _one_line(text)
    if not line or set(line).difference(*(_characters(_fonts()[family]) for family in families)):
        line = printable(line, fallback)
    line = line if len(line) <= _LONGEST else line[: _LONGEST - 1].rstrip() + "…"
    return line.replace("$", r"\$")  # two dollar signs would begin a formula


def class_labels(names: Sequence[str], split: ClassSplit) -> tuple[dict[str, str], list[str]]:
    """Return how names are drawn, and the font families for it.

    Args:
        names: Class names of the split, and perhaps others in ASCII.
        split: It has the ids, for "class 4" where a name cannot be drawn.

    Returns:
        Labels by name, and the families.
    """
    families, ids = font_families(names), {name: index for index, name in enumerate(split.names)}
    return {name: drawable(name, f"class {ids.get(name)}", families) for name in names}, families


def set_heading(axes: Axes, title: str, subject: str, pad: float = 10) -> None:
    """Write a heading over axes.

    Args:
        axes: The axes.
        title: What it begins with, such as the protocol's name.
        subject: What it goes on with.
        pad: Points between axes and heading.
    """
    families = font_families([title])
    text = textwrap.fill(f"{drawable(title, 'diagnosis', families)}: {subject}", 70)
    axes.set_title(text, loc="left", fontsize=12, fontfamily=families, pad=pad)


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure as PNG, whole or not at all; the picture includes what lies beside the axes.

    Raises:
        OSError: The disk refuses the file.
    """
    write_atomically(
        path, lambda temporary: figure.savefig(temporary, dpi=_DPI, bbox_inches="tight", pad_inches=0.25, format="png")
    )


def _one_line(text: str) -> str:
    """A text on one line, without control characters."""
    return "".join(each for each in " ".join(text.split()) if not unicodedata.category(each).startswith("C"))


@cache
def _fonts() -> dict[str, str]:
    """Files of the upright fonts of regular weight on this machine, by family; Noto's sans serifs come first."""
    fonts = {
        font.name: font.fname
        for font in font_manager.fontManager.ttflist
        if font.style == "normal" and font.weight in (400, "normal", "regular")
    }
    # The last resort draws a box for every character.
    names = [name for name in fonts if "Last Resort" not in name and "Emoji" not in name]
    return {name: fonts[name] for name in sorted(names, key=lambda name: (not name.startswith("Noto Sans"), name))}


@cache
def _characters(path: str) -> frozenset[str]:
    """Characters that a font has."""
    try:
        return frozenset(map(chr, font_manager.get_font(path).get_charmap()))
    except (OSError, RuntimeError):  # a damaged font, or a kind that matplotlib cannot draw
        return frozenset()
