"""Chooses the colours of classes and prints `src/clipteacher/pictures/colour_table.py`.

    python tools/choose_colours.py > src/clipteacher/pictures/colour_table.py

The table is frozen: run this again only to change it. It begins with colours of nature and those of Okabe and Ito. Each
further colour is the candidate farthest from all before it and from white, black and the grey of ignored pixels,
measured in OKLab; the first 64 also as red-blind and green-blind readers see them.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

COLOURS: Final = 256
"""Number of colours in the table."""

RESERVED: Final = ((255, 255, 255), (0, 0, 0), (75, 75, 75))
"""White, black and `IGNORE_COLOUR`: no class is close to them."""

GIVEN: Final = {
    # Colours of nature; those of sky, water and sun are Okabe and Ito's.
    "sky": (86, 180, 233),
    "water": (0, 114, 178),
    "sun": (240, 228, 66),
    "grass": (130, 175, 60),
    "tree": (19, 84, 42),
    "sand": (222, 188, 140),
    "road": (110, 116, 136),
    "snow": (205, 228, 245),
    "soil": (150, 100, 66),
    # The others of Okabe and Ito's set, without black, which type and borders use.
    "orange": (230, 159, 0),
    "bluish green": (0, 158, 115),
    "vermilion": (213, 94, 0),
    "reddish purple": (204, 121, 167),
}
"""Colours that the table begins with."""

FIRST: Final = 64
"""So many colours are calm, and kept apart as red- and green-blind readers see them too."""

# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
RED_BLIND: Final = np.array(
    [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
)
GREEN_BLIND: Final = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)
# Ottosson 2020, OKLab: linear RGB to cone responses, their cube roots to lightness and two colour axes.
CONES: Final = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
AXES: Final = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
SCALE: Final = 4096  # distances are compared as integers, so that every machine chooses the same colours


def choose(count: int) -> NDArray[np.int64]:
    """Choose colours one after the other.

    Args:
        count: Number of colours, at least that of the given ones.

    Returns:
        RGB colours (count, 3), int64, 0..255.
    """
    given = np.array(list(GIVEN.values()))
    levels = np.arange(0, 256, 17)
    grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3)
    lightness, chroma = lightness_and_chroma(grid)
    grid = grid[(lightness > 0.38) & (lightness < 0.92) & (chroma > 0.04) & (chroma < 0.29)]
    candidates = np.concatenate([given, grid])
    lightness, chroma = lightness_and_chroma(candidates)
    calm = (lightness > 0.42) & (lightness < 0.90) & (chroma < 0.23)
    # As readers with full colour vision, red-blind and green-blind readers see them.
    views = [oklab(candidates), oklab(candidates, RED_BLIND), oklab(candidates, GREEN_BLIND)]
    # A third of the squared distance from what is reserved is enough.
    apart = np.min([squared_distance(views[0], point) for point in oklab(np.array(RESERVED))], axis=0) // 3
    apart_blind = np.full(len(candidates), np.iinfo(np.int64).max // 4)
    chosen: list[int] = []
    for position in range(count):
        # The space of the colour-blind is smaller: two fifths of the distance (1 / √6) is enough there.
        score = np.where(calm, np.minimum(apart, 6 * apart_blind), 0) if position < FIRST else apart
        pick = position if position < len(given) else int(np.argmax(score))
        chosen.append(pick)
        apart = np.minimum(apart, squared_distance(views[0], views[0][pick]))
        for view in views[1:]:
            apart_blind = np.minimum(apart_blind, squared_distance(view, view[pick]))
    picked: NDArray[np.int64] = candidates[chosen]
    return picked


def oklab(rgb: NDArray[np.integer], vision: NDArray[np.float64] | None = None) -> NDArray[np.int64]:
    """OKLab of colours (N, 3), 0..255, under a kind of vision; (N, 3), int64, in units of 1 / 4096."""
    part = rgb / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    if vision is not None:
        linear = np.clip(linear @ vision.T, 0, 1)
    lab: NDArray[np.float64] = np.cbrt(linear @ CONES.T) @ AXES.T
    return np.rint(lab * SCALE).astype(np.int64)


def lightness_and_chroma(rgb: NDArray[np.integer]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lightness 0..1 and distance from grey of colours (N, 3), 0..255; each (N,)."""
    lab = oklab(rgb) / SCALE
    return lab[:, 0], np.hypot(lab[:, 1], lab[:, 2])


def squared_distance(points: NDArray[np.int64], point: NDArray[np.int64]) -> NDArray[np.int64]:
    """Squared distance of each of `points` (N, 3) to `point` (3,); (N,), int64."""
    difference = points - point
    squared: NDArray[np.int64] = (difference * difference).sum(axis=1)
    return squared


def table() -> str:
    """Return the text of `colour_table.py`."""
    colours = ["{:02x}{:02x}{:02x}".format(*map(int, colour)) for colour in choose(COLOURS)]
    lines = "\n".join(" ".join(colours[start : start + 16]) for start in range(0, COLOURS, 16))
    return f'''"""The colours of classes: printed by tools/choose_colours.py, which says how they are chosen."""

from typing import Final

COLOURS: Final = """
{lines}
"""
'''


if __name__ == "__main__":
    print(table(), end="")
