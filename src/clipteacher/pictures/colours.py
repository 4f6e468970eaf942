"""One colour for each class: distinct, stable, and chosen with colour-blind readers in mind."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

DISTINCT: Final = 1000
"""How many colours differ from one another; after these they repeat."""

IGNORE_COLOUR: Final = (75, 75, 75)
"""Dark grey for ignored pixels; no class is close to it."""

# Okabe and Ito's set without black, for black is taken by type and borders; ordered so that neighbours contrast.
_OKABE_ITO: Final = (
    (0, 114, 178),
    (230, 159, 0),
    (0, 158, 115),
    (204, 121, 167),
    (240, 228, 66),
    (213, 94, 0),
    (86, 180, 233),
)
_COLOUR_BLIND: Final = 20  # so many colours are also kept apart as red- and green-blind readers see them
_NEIGHBOURS: Final = 3  # a colour differs clearly from so many before it
_NEIGHBOUR_GAP: Final = 0.2  # in OKLab, where black and white are 1 apart

# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
_RED_BLIND: Final = np.array(
    [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
)
_GREEN_BLIND: Final = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)
# Ottosson 2020, OKLab: linear RGB to cone responses, their cube roots to lightness and two colour axes.
_CONES: Final = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_AXES: Final = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_SCALE: Final = 4096  # distances are compared as integers, so that every machine chooses the same colours


def palette(num_classes: int) -> NDArray[np.uint8]:
    """Give each class id a colour.

    A class keeps its colour whatever the number of classes: `palette(20)` begins with `palette(5)`. The first seven are
    Okabe and Ito's. Each further colour is the candidate farthest from all before it and from white, black and
    `IGNORE_COLOUR`, measured in OKLab; up to the twentieth also as red- and green-blind readers see them. Each differs
    clearly from the three before it.

    Args:
        num_classes: Number N of classes, at least 1. Beyond 1000 the colours repeat, for nobody tells more apart.

    Returns:
        RGB colours (N, 3), uint8, 0..255; row i is the colour of class id i.

    Raises:
        ValueError: `num_classes` is below 1.

    Example:
        >>> palette(2).tolist()
        [[0, 114, 178], [230, 159, 0]]
    """
    if num_classes < 1:
        raise ValueError(f"num_classes: got {num_classes}, expected at least 1. Give the number of class names.")
    colours = _first_colours(min(num_classes, DISTINCT))
    return colours[np.arange(num_classes) % len(colours)]


@lru_cache(maxsize=16)
def _first_colours(count: int) -> NDArray[np.uint8]:
    """Choose `count` colours one after the other, (count, 3), uint8."""
    levels = np.arange(0, 256, 17)
    grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3)
    lightness, chroma = _lightness_and_chroma(grid)
    grid = grid[(lightness > 0.38) & (lightness < 0.92) & (chroma > 0.04) & (chroma < 0.29)]
    candidates = np.concatenate([np.array(_OKABE_ITO), grid])
    lightness, chroma = _lightness_and_chroma(candidates)
    calm = (lightness > 0.42) & (lightness < 0.90) & (chroma < 0.23)  # the first colours are seen most: none glaring
    # As readers with full colour vision, red-blind and green-blind readers see them.
    views = [_oklab(candidates), _oklab(candidates, _RED_BLIND), _oklab(candidates, _GREEN_BLIND)]
    taken = np.array([(255, 255, 255), (0, 0, 0), IGNORE_COLOUR])
    apart = np.min([_squared_distance(views[0], point) for point in _oklab(taken)], axis=0) // 3  # less is enough
    apart_blind = np.full(len(candidates), np.iinfo(np.int64).max // 4)
    chosen: list[int] = []
    for position in range(count):
        if position < len(_OKABE_ITO):
            pick = position
        else:
            # The space of the colour-blind is smaller: two fifths of the distance (1 / √6) will do there.
            score = np.where(calm, np.minimum(apart, 6 * apart_blind), 0) if position < _COLOUR_BLIND else apart
            near = np.min([_squared_distance(views[0], views[0][i]) for i in chosen[-_NEIGHBOURS:]], axis=0)
            pick = int(np.argmax(np.where(near > (_NEIGHBOUR_GAP * _SCALE) ** 2, score, 0)))
        chosen.append(pick)
        apart = np.minimum(apart, _squared_distance(views[0], views[0][pick]))
        for view in views[1:] if position < _COLOUR_BLIND else ():
            apart_blind = np.minimum(apart_blind, _squared_distance(view, view[pick]))
    colours = candidates[chosen].astype(np.uint8)
    colours.flags.writeable = False
    return colours


def _oklab(rgb: NDArray[np.integer], vision: NDArray[np.float64] | None = None) -> NDArray[np.int64]:
    """OKLab of colours (N, 3), 0..255, under a kind of vision; (N, 3), int64, in units of 1 / 4096."""
    part = rgb / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    if vision is not None:
        linear = np.clip(linear @ vision.T, 0, 1)
    lab: NDArray[np.float64] = np.cbrt(linear @ _CONES.T) @ _AXES.T
    return np.rint(lab * _SCALE).astype(np.int64)


def _lightness_and_chroma(rgb: NDArray[np.integer]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lightness 0..1 and distance from grey of colours (N, 3), 0..255; each (N,)."""
    lab = _oklab(rgb) / _SCALE
    return lab[:, 0], np.hypot(lab[:, 1], lab[:, 2])


def _squared_distance(points: NDArray[np.int64], point: NDArray[np.int64]) -> NDArray[np.int64]:
    """Squared distance of each of `points` (N, 3) to `point` (3,); (N,), int64."""
    difference = points - point
    squared: NDArray[np.int64] = (difference * difference).sum(axis=1)
    return squared
