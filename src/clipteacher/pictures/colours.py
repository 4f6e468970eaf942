"""The colour of a class: a function of its name alone, the same in every picture."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from clipteacher.pictures.colour_table import KNOWN, OTHERS
from clipteacher.protocols.splits import composed

IGNORE_COLOUR: Final = (75, 75, 75)
"""Dark grey for ignored pixels; no class is close to it."""

_KNOWN: Final = {
    name: tuple(bytes.fromhex(code))
    for code, name in (item.split(" ", 1) for item in KNOWN.strip().replace("\n", "; ").split("; "))
}
_OTHERS: Final = np.frombuffer(bytes.fromhex(OTHERS), dtype=np.uint8).reshape(-1, 3)
# "red balloon" has one of the `_SHADES` other colours that are nearest to red.
_COLOUR_WORDS: Final = {
    **{"red": (220, 30, 40), "orange": (240, 130, 20), "yellow": (240, 220, 50), "green": (40, 160, 60)},
    **{"blue": (30, 90, 220), "purple": (130, 50, 180), "violet": (130, 50, 180), "pink": (250, 120, 190)},
    **{"brown": (130, 80, 40), "white": (245, 245, 245), "black": (30, 30, 30), "grey": (140, 140, 140)},
    **{"gray": (140, 140, 140), "golden": (220, 180, 40), "turquoise": (40, 200, 190)},
}
_SHADES: Final = 8


def class_colours(class_names: Sequence[str]) -> NDArray[np.uint8]:
    """Give each class a colour that depends on its name alone.

    A name has the same colour in every picture, whatever stands beside it. Case, and blanks, hyphens and underscores
    between words, do not matter.

    The class names of PASCAL VOC and Context, COCO-Stuff, ADE20K, Cityscapes, MSRC-21 and the drawn world, and their
    plurals, have colours of their own: natural ones for grass, sky or road, and within each of these lists colours that
    can be told apart, by red-blind and green-blind readers too, see `tools/choose_colours.py`. Every other name has one
    of 256 colours, by a hash of the name; "red balloon" a reddish one. Two such names may look alike: no function of
    the name alone can keep all names apart.

    Args:
        class_names: The N class names.

    Returns:
        RGB colours (N, 3), uint8, 0..255; row i is the colour of `class_names[i]`.

    Example:
        >>> one, two = class_colours(["sky", "red balloon"]), class_colours(["Red_Balloon", "sea", "sky"])
        >>> bool((one[0] == two[2]).all() and (one[1] == two[0]).all())
        True
    """
    return np.array([_colour(colour_key(name)) for name in class_names], dtype=np.uint8).reshape(-1, 3)


def colour_key(name: str) -> str:
    """Return the form of a name that determines its colour.

    Example:
        >>> colour_key("Potted_Plant"), colour_key(" wall-brick")
        ('potted plant', 'wall brick')
    """
    return " ".join(composed(name).casefold().replace("_", " ").replace("-", " ").split())


@lru_cache(maxsize=4096)
def _colour(key: str) -> tuple[int, ...]:
    """Colour of a name, RGB."""
    for known in (key, key.removesuffix("s")):
        if known in _KNOWN:
            return _KNOWN[known]
    colours = _OTHERS
    for word in key.split():
        if word in _COLOUR_WORDS:
            away = ((_OTHERS.astype(int) - _COLOUR_WORDS[word]) ** 2).sum(axis=1)
            colours = _OTHERS[np.argsort(away, kind="stable")[:_SHADES]]
            break
    colour = colours[zlib.crc32(key.encode(errors="replace")) % len(colours)]
    return tuple(int(part) for part in colour)
