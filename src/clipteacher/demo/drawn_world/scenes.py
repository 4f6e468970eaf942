"""Scenes of the drawn world: a background of stuff, things on it, light over all, and captions.

Everything is drawn by a generator from its seed; no picture is shipped. On purpose, things may be anywhere, a boat on
grass, a fish on a road, so that no class can be recognized by its surroundings.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clipteacher.demo.drawn_world.canvas import COLOURS, Canvas, Pen, Points
from clipteacher.demo.drawn_world.captions import captions
from clipteacher.demo.drawn_world.stuff import TEXTURES
from clipteacher.demo.drawn_world.things import THINGS

CLASSES: Final = (*TEXTURES, *THINGS)
"""Names of the 20 classes in the order of their ids: 8 of stuff, then 12 of things."""

UNSEEN: Final = ("sand", "brick wall", "boat", "balloon", "flower")
"""The five classes without labels in training, both stuff and things."""

_GROUNDS: Final = ("grass", "road", "sand", "snow", "sea")
_BACKS: Final = ("sky", "sky", "sky", "brick wall", "sea")
_MENTIONED: Final = 0.015  # a class below this share of the picture is not mentioned
_AWAY: Final = 0.2  # share of things that are not where they belong


class Scene(NamedTuple):
    """A drawn scene.

    Attributes:
        image: (size, size, 3), uint8, RGB.
        mask: (size, size), uint8, class ids 0..19; every pixel has one.
        subject: Name of the main thing, or of the stuff that fills the scene.
        captions: Five captions.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    subject: str
    captions: tuple[str, ...]


def draw_scene(rng: np.random.Generator, size: int = 128) -> Scene:
    """Draw one scene.

    Args:
        rng: Source of all chance: the same generator state gives the same scene.
        size: Side of the picture, in pixels, 32 or more.

    Returns:
        The scene. Its subject is each of the 20 classes equally often.

    Raises:
        ValueError: `size` is below 32.
    """
    if size < 32:
        raise ValueError(f"size: got {size}, expected 32 pixels or more, below which things are lost. Draw larger.")
    canvas = Canvas(size, rng)
    subject = CLASSES[rng.integers(len(CLASSES))]
    horizon, ground = _background(canvas, rng, subject)
    small = int(rng.integers(0, 3))
    names = [tuple(THINGS)[index] for index in rng.integers(len(THINGS), size=small)]
    objects = sorted((_placed(rng, name, horizon, main=False) for name in names), key=lambda thing: thing.foot[1])
    if subject in THINGS:
        objects.append(_placed(rng, subject, horizon, main=True))
    shades = [_paint(canvas, rng, thing, number) for number, thing in enumerate(objects, start=1)]
    main = len(objects) if subject in THINGS else 0
    seen = _seen(canvas, objects, shades, subject)
    air = main == 0 or objects[-1].foot[1] < horizon
    under = None if air or CLASSES[int(canvas.labels[-1, canvas.size // 2])] != ground else ground
    if under is not None:
        seen = [other for other in seen if other[0] != under]
    texts = captions(rng, subject, seen, shades[-1] if main else None, under)
    return Scene(canvas.photograph(rng), canvas.labels, subject, texts)


class _Object(NamedTuple):
    """A thing to be painted: its class, foot and height in shares of the picture's side."""

    name: str
    foot: tuple[float, float]
    height: float


def _background(canvas: Canvas, rng: np.random.Generator, subject: str) -> tuple[float, str]:
    """Paint the stuff; returns the horizon's height, in shares of the side, and the ground's class."""
    ground, back = _GROUNDS[rng.integers(len(_GROUNDS))], _BACKS[rng.integers(len(_BACKS))]
    horizon = float(rng.uniform(0.35, 0.62))
    if subject in _GROUNDS:
        ground, horizon = subject, float(rng.uniform(0.12, 0.35))
    elif subject in ("sky", "brick wall"):
        back, horizon = subject, float(rng.uniform(0.72, 0.92))
    if back == ground:
        back = "sky"
    if subject in TEXTURES and subject != "mountain" and rng.random() < 0.25:
        ground = back = subject  # a close view of nothing but this
    _cover(canvas, rng, _below(rng, 0.0), back)
    if back == "sky" and (subject == "mountain" or (subject not in TEXTURES and rng.random() < 0.3)):
        top = rng.uniform(0.03, 0.12) if subject == "mountain" else horizon - rng.uniform(0.2, 0.32)
        if subject == "mountain":
            horizon = float(rng.uniform(0.7, 0.85))
        _cover(canvas, rng, _ridge(rng, float(top), horizon), "mountain")
    if back == "sky" and subject not in TEXTURES and ground != "sea" and rng.random() < 0.35:
        strip = ("sea", "brick wall", "grass", "sand", "snow")[rng.integers(5)]
        if strip != ground:
            _cover(canvas, rng, _below(rng, horizon - float(rng.uniform(0.1, 0.22))), strip)
    _cover(canvas, rng, _below(rng, horizon), ground)
    if ground == "road":
        _lines(canvas, rng, horizon)
    elif ground != "sea" and subject not in TEXTURES and rng.random() < 0.2:
        x, half = rng.uniform(0.2, 0.8), rng.uniform(0.12, 0.3)
        vanish, top = x + rng.uniform(-0.2, 0.2), horizon + 0.01
        path = [(vanish - 0.03, top), (vanish + 0.03, top), (x + half, 1.01), (x - half, 1.01)]
        _cover(canvas, rng, path, "road")
    return horizon, ground


def _cover(canvas: Canvas, rng: np.random.Generator, points: Points, name: str) -> None:
    canvas.cover(points, TEXTURES[name](rng, canvas.size), CLASSES.index(name))


def _below(rng: np.random.Generator, y: float) -> Points:
    """List the corners of all that lies under a gently waving line; the whole picture where y is 0."""
    if y <= 0:
        return [(-0.1, -0.1), (1.1, -0.1), (1.1, 1.1), (-0.1, 1.1)]
    slope, swing, phase = rng.uniform(-0.04, 0.04), rng.uniform(0, 0.02), rng.uniform(0, 6.3)
    line = [(x, y + slope * (x - 0.5) + swing * float(np.sin(7 * x + phase))) for x in np.linspace(-0.05, 1.05, 24)]
    return [*line, (1.1, 1.1), (-0.1, 1.1)]


def _ridge(rng: np.random.Generator, top: float, foot: float) -> Points:
    """List the corners of a mountain range between two heights."""
    xs = np.linspace(-0.1, 1.1, int(rng.integers(5, 9)))
    peaks = [(float(x), top + (foot - top) * float(rng.uniform(0, 0.25) + 0.5 * (i % 2))) for i, x in enumerate(xs)]
    return [*peaks, (1.1, foot + 0.05), (-0.1, foot + 0.05)]


def _lines(canvas: Canvas, rng: np.random.Generator, horizon: float) -> None:
    """Paint a road's dashed lines, which run to the horizon or across."""
    size, road = canvas.size, CLASSES.index("road")
    paint = COLOURS["white"] if rng.random() < 0.7 else COLOURS["yellow"]
    if rng.random() < 0.5:
        vanish, x = rng.uniform(0.3, 0.7), rng.uniform(0.2, 0.8)
        for start in np.arange(0.05, 1, 0.24):
            near, far = (horizon + (1 - horizon) * share**1.6 for share in (start + 0.13, start))
            corners = []
            for y, side in ((far, -1), (far, 1), (near, 1), (near, -1)):
                depth = (y - horizon) / (1 - horizon)
                corners.append(((vanish + (x - vanish) * depth + side * 0.03 * depth) * size, y * size))
            canvas.paint(corners, paint, road, 0)
    else:
        y = horizon + float(rng.uniform(0.35, 0.8)) * (1 - horizon)
        for left in np.arange(rng.uniform(-0.2, 0), 1, 0.28):
            corners = [(left, y), (left + 0.15, y), (left + 0.14, y + 0.03), (left - 0.01, y + 0.03)]
            canvas.paint([(a * size, b * size) for a, b in corners], paint, road, 0)


def _placed(rng: np.random.Generator, name: str, horizon: float, *, main: bool) -> _Object:
    """Find a foot and a height for a thing."""
    thing = THINGS[name]
    height = thing.largest * float(rng.uniform(0.8, 1.15) if main else rng.uniform(0.45, 0.7))
    place = thing.place if rng.random() > _AWAY else ("ground", "sky")[rng.integers(2)]
    x = float(rng.uniform(0.3, 0.7) if main else rng.uniform(0.05, 0.95))
    if place == "sky":
        foot = float(rng.uniform(0.05, max(0.1, horizon - height))) + height
        return _Object(name, (x, min(foot, 0.9)), height)
    low, high = (max(horizon + 0.12, height + 0.02), 0.97) if main else (horizon + 0.04, 0.92)
    return _Object(name, (x, float(rng.uniform(min(low, 0.9), high))), height)


def _paint(canvas: Canvas, rng: np.random.Generator, thing: _Object, number: int) -> str:
    """Paint a thing; returns the word of its colour."""
    kind = THINGS[thing.name]
    word = kind.colours[rng.integers(len(kind.colours))]
    height = thing.height * canvas.size
    width = height * float(rng.uniform(*kind.aspect))
    foot = (thing.foot[0] * canvas.size, thing.foot[1] * canvas.size)
    tilt = float(rng.normal(0, 0.12 if kind.place != "ground" or thing.name in ("umbrella", "flower") else 0.03))
    pen = Pen(canvas, foot, width, height, CLASSES.index(thing.name), number, rng, COLOURS[word], tilt)
    kind.painter(pen)
    return word


def _seen(canvas: Canvas, objects: list[_Object], shades: list[str], subject: str) -> list[tuple[str, str | None]]:
    """List class and colour of everything visible except the subject, largest first, each class once."""
    shares = np.bincount(canvas.labels.ravel(), minlength=len(CLASSES)) / canvas.labels.size
    colours = {thing.name: shade for thing, shade in zip(objects, shades, strict=True)}
    order = [int(index) for index in np.argsort(-shares, kind="stable") if shares[index] >= _MENTIONED]
    return [(CLASSES[index], colours.get(CLASSES[index])) for index in order if CLASSES[index] != subject]
