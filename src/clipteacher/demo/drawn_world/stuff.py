"""Textures of stuff. No class has a colour of its own: grass may be yellow, sand grey, a wall white."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from clipteacher.demo.drawn_world.canvas import noise

Texture = NDArray[np.float32]
"""(size, size, 3), float32, RGB, about [0, 1]."""

# Colours in per cent of red, green and blue.
_SKIES: Final = [  # zenith, horizon
    ((25, 50, 85), (72, 86, 95)),
    ((40, 66, 92), (90, 95, 98)),
    ((60, 64, 70), (82, 83, 84)),
    ((35, 28, 52), (98, 66, 45)),
    ((95, 70, 62), (99, 90, 70)),
    ((10, 14, 32), (34, 42, 62)),
    ((45, 72, 74), (93, 93, 80)),
]
_GRASS: Final = [(36, 60, 22), (22, 44, 18), (66, 64, 28), (50, 70, 34), (55, 47, 24), (30, 50, 36)]
_SEA: Final = [(12, 40, 66), (16, 58, 64), (36, 46, 54), (20, 46, 40), (30, 28, 48), (8, 22, 42)]
_ROAD: Final = [(42, 42, 44), (28, 28, 30), (58, 57, 55), (46, 40, 36)]
_SAND: Final = [(90, 78, 52), (94, 88, 74), (84, 62, 38), (68, 62, 54), (88, 70, 62)]
_BRICK: Final = [(66, 30, 22), (80, 52, 36), (58, 56, 54), (86, 80, 70), (46, 28, 24), (40, 48, 58)]
_SNOW: Final = [(94, 96, 99), (84, 90, 97), (96, 90, 90), (78, 82, 90)]
_ROCK: Final = [(46, 46, 50), (52, 42, 36), (36, 44, 58), (38, 46, 36), (50, 40, 52)]


def _pick(rng: np.random.Generator, colours: list[tuple[int, int, int]]) -> Texture:
    """Take one of the colours and move it a little, as (3,)."""
    return _single(np.asarray(colours[rng.integers(len(colours))]) / 100 + rng.normal(0, 0.025, 3))


def _single(values: Any) -> Texture:  # noqa: ANN401 (numpy's arithmetic on arrays of two precisions has no better type)
    """Round to float32."""
    return np.asarray(values, dtype=np.float32)


def _grid(size: int) -> tuple[Texture, Texture]:
    """Coordinates x across and y down, (1, size) and (size, 1), in [0, 1]."""
    line = np.linspace(0, 1, size, dtype=np.float32)
    return line[None, :], line[:, None]


def sky(rng: np.random.Generator, size: int) -> Texture:
    """Paint a smooth gradient with faint streaks, (size, size, 3)."""
    high, low = (_single(np.asarray(colour) / 100) for colour in _SKIES[rng.integers(len(_SKIES))])
    _, y = _grid(size)
    share = (y / rng.uniform(0.5, 1.0)).clip(0, 1)[..., None]
    return _single(high + (low - high) * share + 0.03 * noise(rng, size, 8, 3)[..., None])


def grass(rng: np.random.Generator, size: int) -> Texture:
    """Paint upright blades over soft patches, (size, size, 3)."""
    blades = noise(rng, size, size // 6, size // 2)
    tufts = noise(rng, size, size // 10, size // 5)
    patches = noise(rng, size, 5, 5)
    return _single(_pick(rng, _GRASS) * (1 + 0.22 * blades + 0.14 * tufts + 0.12 * patches)[..., None])


def sea(rng: np.random.Generator, size: int) -> Texture:
    """Paint bands of waves with bright crests, (size, size, 3)."""
    x, y = _grid(size)
    swell = noise(rng, size, 6, 6)
    wave = np.sin(2 * np.pi * (rng.uniform(9, 14) * y + 0.5 * np.sin(2 * np.pi * rng.uniform(1, 3) * x) + 0.7 * swell))
    crest = (wave + 0.7 * noise(rng, size, size // 4, size // 12) - 0.75).clip(0, 1)
    return _single(_pick(rng, _SEA) * (1 + 0.16 * wave)[..., None] + 0.45 * crest[..., None])


def road(rng: np.random.Generator, size: int) -> Texture:
    """Paint tarmac: fine speckle and some cracks, (size, size, 3). Its lines are painted by the scene."""
    speckle = noise(rng, size, size // 2, size // 2)
    cracks = (np.abs(noise(rng, size, 7, 7)) < 0.025) * rng.uniform(0.05, 0.2)
    return _single(_pick(rng, _ROAD) * (1 + 0.10 * speckle + 0.06 * noise(rng, size, 4, 4) - cracks)[..., None])


def sand(rng: np.random.Generator, size: int) -> Texture:
    """Paint ripples and scattered grains, (size, size, 3)."""
    x, y = _grid(size)
    slope = rng.uniform(-0.5, 0.5)
    ripple = np.sin(2 * np.pi * (rng.uniform(7, 11) * (y + slope * x) + 0.8 * noise(rng, size, 4, 4)))
    grains = rng.random((size, size)) < 0.05
    dark = rng.random((size, size)) < 0.05
    return _single(_pick(rng, _SAND) * (1 + 0.045 * ripple + 0.12 * grains - 0.22 * dark)[..., None])


def brick_wall(rng: np.random.Generator, size: int) -> Texture:
    """Paint bricks in running bond, each of its own shade, with mortar between, (size, size, 3)."""
    rows = int(rng.integers(9, 14))
    columns = max(3, int(rows * rng.uniform(0.4, 0.55)))
    x, y = _grid(size)
    row = np.floor(y * rows)
    across = x * columns + 0.5 * (row % 2) + rng.random()
    shade = rng.normal(0, 0.10, (rows + 1, columns + 3))[row.astype(int), np.floor(across).astype(int)]
    gap = 0.16
    mortar = ((y * rows - row) < gap) | ((across - np.floor(across)) < gap * columns / rows)
    colour = _pick(rng, _BRICK)
    filling = np.float32(0.86 if colour.mean() < 0.55 else 0.50)
    bricks = colour * (1 + shade + 0.06 * noise(rng, size, size // 2, size // 2))[..., None]
    return _single(np.where(mortar[..., None], filling + 0.03 * noise(rng, size, 9, 9)[..., None], bricks))


def snow(rng: np.random.Generator, size: int) -> Texture:
    """Paint smooth drifts with long soft shadows, (size, size, 3)."""
    drifts = noise(rng, size, 7, 3)
    blue = np.asarray((0.16, 0.10, 0.03), dtype=np.float32)
    return _single(_pick(rng, _SNOW) - blue * (0.7 * drifts.clip(0, 1) + 0.15 * noise(rng, size, 12, 6))[..., None])


def mountain(rng: np.random.Generator, size: int) -> Texture:
    """Paint rock in slanting facets, sometimes with a white top, (size, size, 3)."""
    x, y = _grid(size)
    facets = np.sign(np.sin(2 * np.pi * (rng.uniform(3, 6) * x + rng.uniform(1, 3) * y) + 3 * noise(rng, size, 6, 6)))
    rock = _pick(rng, _ROCK) * (1 + 0.11 * facets + 0.08 * noise(rng, size, 10, 20))[..., None]
    if rng.random() < 0.5:
        line = rng.uniform(0.15, 0.32) + 0.06 * noise(rng, size, 3, 14)
        rock = np.where((y < line)[..., None], np.float32(0.94) + 0.08 * facets[..., None] * 0.7, rock)
    return _single(rock)


_PAINTERS: Final = (sky, grass, sea, road, sand, brick_wall, snow, mountain)
TEXTURES: Final[dict[str, Callable[[np.random.Generator, int], Texture]]] = {
    painter.__name__.replace("_", " "): painter for painter in _PAINTERS
}
"""Painter of each class of stuff: (generator, size) to a texture."""
