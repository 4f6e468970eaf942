"""The colour of a class: a function of its name, the same in every picture."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from clipteacher.pictures.colour_table import COLOURS

IGNORE_COLOUR: Final = (75, 75, 75)
"""Dark grey for ignored pixels; no class is close to it."""

_TABLE: Final = np.frombuffer(bytes.fromhex(COLOURS), dtype=np.uint8).reshape(-1, 3)
# Words with natural colours, which the table begins with.
_WORDS: Final = (
    *("sky", "water sea river lake", "sun", "grass", "tree", "sand beach", "road street", "snow", "soil ground"),
)
_NATURAL: Final = {word: slot for slot, words in enumerate(_WORDS) for word in words.split()}
_NATURE: Final = len(_WORDS)
_FIRST: Final = 64  # these colours are farther apart than the rest, for colour-blind readers too


def class_colours(class_names: Sequence[str]) -> NDArray[np.uint8]:
    """Give each class a colour that depends on its name.

    A name has the same colour in every picture, whatever its position and its case. Common words such as grass, sky and
    sea have natural colours. Where several names of one list fall on the same colour, the first in alphabetical order
    keeps it, and the others move to colours that no name of the list has. The order of the list never matters.

    Lists of up to 55 names use colours that red-blind and green-blind readers can tell apart as well.

    Args:
        class_names: The N class names. Beyond 256 some share a colour.

    Returns:
        RGB colours (N, 3), uint8, 0..255; row i is the colour of `class_names[i]`.

    Example:
        >>> class_colours(["sky", "red balloon"]).tolist(), class_colours(["Red balloon", "sea"]).tolist()
        ([[86, 180, 233], [102, 153, 170]], [[102, 153, 170], [0, 114, 178]])
    """
    keys = [" ".join(name.casefold().split()) for name in class_names]
    order = sorted(range(len(keys)), key=lambda i: (keys[i], class_names[i]))
    owners: dict[int, int] = {}
    for i in order:
        owners.setdefault(_NATURAL.get(keys[i], _hashed(keys[i])), i)
    slots = {i: slot for slot, i in owners.items()}
    for i in order:
        if i not in slots:
            wished = _hashed(keys[i])
            others = (*range(wished, _FIRST), *range(_NATURE, wished), *range(_FIRST, len(_TABLE)), *range(_NATURE))
            slots[i] = next((slot for slot in others if slot not in owners), wished)
            owners.setdefault(slots[i], i)
    colours: NDArray[np.uint8] = _TABLE[[slots[i] for i in range(len(keys))]]
    return colours


def _hashed(key: str) -> int:
    """Position of a name's colour in the table, among the first but for those of nature."""
    return _NATURE + zlib.crc32(key.encode(errors="replace")) % (_FIRST - _NATURE)
