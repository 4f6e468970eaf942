"""The things of the drawn world: their painters, how large they are and where they belong.

Each varies in shape, parts and colour.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, NamedTuple

from clipteacher.demo.drawn_world.canvas import COLOURS, DARK, WOOD, Colour, Pen, oval, tone

_GLASS: Final[Colour] = (0.62, 0.76, 0.84)


def house(pen: Pen) -> None:
    """Paint walls, a roof, windows, a door and perhaps a chimney."""
    rng, roof = pen.rng, tone(pen.colour, 0.55)
    if rng.random() < 0.5:
        roof = list(COLOURS.values())[rng.integers(len(COLOURS))]
    eaves = rng.uniform(0.36, 0.48)
    pen.shadow(0.6)
    if rng.random() < 0.6:
        x = rng.uniform(0.62, 0.75)
        pen.box(x, 0.06, x + 0.11, eaves, tone(roof, 0.7))
    pen.box(0.08, eaves - 0.04, 0.92, 1.0, pen.colour)
    top = rng.uniform(0.3, 0.7) if rng.random() < 0.3 else 0.5
    flat = rng.choice([0.0, 0.0, 0.18])
    pen.shape([(0.0, eaves), (top - flat, 0.02), (top + flat, 0.02), (1.0, eaves)], roof)
    door = rng.choice([0.2, 0.42, 0.64])
    pen.box(door, 0.68, door + 0.17, 1.0, tone(roof, 0.6))
    for x in (0.16, 0.42, 0.68):
        for y in (eaves + 0.08, 0.7):
            if abs(x - door) > 0.1 or y < 0.6:
                pen.box(x, y, x + 0.17, y + 0.14, _GLASS)


def tree(pen: Pen) -> None:
    """Paint a trunk with a round, layered or pointed crown."""
    rng, kind = pen.rng, pen.rng.integers(3)
    pen.shadow(0.4)
    pen.box(0.43, 0.55, 0.57, 1.0, WOOD)
    if kind == 0:
        layers = int(rng.integers(3, 5))
        for layer in range(layers):
            top, bottom = 0.66 * layer / layers, 0.30 + 0.56 * layer / layers
            half = 0.22 + 0.28 * (layer + 1) / layers
            pen.shape([(0.5, top), (0.5 + half, bottom), (0.5 - half, bottom)], tone(pen.colour, 0.8 + 0.08 * layer))
    elif kind == 1:
        for _ in range(7):
            x, y, r = rng.uniform(0.28, 0.72), rng.uniform(0.2, 0.52), rng.uniform(0.2, 0.28)
            pen.oval(x, y, r, r * 0.8, tone(pen.colour, rng.uniform(0.8, 1.15)), 0.5)
    else:
        pen.oval(0.5, 0.36, rng.uniform(0.3, 0.48), 0.36, pen.colour, 0.6)
        for _ in range(9):
            x, y = rng.uniform(0.3, 0.7), rng.uniform(0.12, 0.6)
            pen.oval(x, y, 0.06, 0.045, tone(pen.colour, rng.choice([0.8, 1.3])))


def car(pen: Pen) -> None:
    """Paint a saloon, a van or a pickup from the side."""
    rng, body = pen.rng, pen.colour
    pen.shadow(0.55, 0.4)
    outline, windows = [
        (
            [(0.0, 0.82), (0.0, 0.5), (0.2, 0.46), (0.32, 0.08), (0.7, 0.08), (0.84, 0.46), (1.0, 0.54), (1.0, 0.82)],
            [
                [(0.26, 0.44), (0.36, 0.16), (0.49, 0.16), (0.49, 0.44)],
                [(0.54, 0.16), (0.67, 0.16), (0.76, 0.44), (0.54, 0.44)],
            ],
        ),
        (
            [(0.0, 0.82), (0.0, 0.08), (0.04, 0.03), (0.72, 0.03), (0.88, 0.42), (1.0, 0.48), (1.0, 0.82)],
            [
                [(0.1, 0.12), (0.36, 0.12), (0.36, 0.4), (0.1, 0.4)],
                [(0.42, 0.12), (0.68, 0.12), (0.8, 0.4), (0.42, 0.4)],
            ],
        ),
        (
            [(0.0, 0.82), (0.0, 0.46), (0.44, 0.46), (0.44, 0.06), (0.7, 0.06), (0.82, 0.44), (1.0, 0.5), (1.0, 0.82)],
            [[(0.5, 0.14), (0.67, 0.14), (0.75, 0.42), (0.5, 0.42)]],
        ),
    ][rng.integers(3)]
    pen.shape(outline, body, 0.5)
    for window in windows:
        pen.shape(window, _GLASS if rng.random() < 0.6 else DARK)
    pen.box(0.0, 0.62, 1.0, 0.68, tone(body, 0.7))
    pen.box(0.95, 0.54, 1.0, 0.63, COLOURS["yellow"])
    for x in (rng.uniform(0.18, 0.24), rng.uniform(0.76, 0.82)):
        pen.oval(x, 0.81, 0.105, 0.19, DARK)
        pen.oval(x, 0.81, 0.05, 0.09, COLOURS["grey"])


def flower(pen: Pen) -> None:
    """Paint petals about a heart, or a tulip, on a stem with leaves."""
    rng, petal, leaf = pen.rng, pen.colour, (0.26, 0.50, 0.22)
    pen.stroke(0.5, 0.4, 0.5, 1.0, 0.07, leaf)
    pen.shape([(0.5, 0.9), (0.16, 0.62), (0.3, 0.88)], leaf)
    pen.shape([(0.5, 0.86), (0.86, 0.6), (0.7, 0.84)], tone(leaf, 1.2))
    if rng.random() < 0.3:
        tulip = [(0.1, 0.0), (0.3, 0.2), (0.5, 0.0), (0.7, 0.2), (0.9, 0.0), (0.86, 0.4), (0.5, 0.56), (0.14, 0.4)]
        pen.shape(tulip, petal, 0.6)
        return
    petals, heart = int(rng.integers(5, 9)), COLOURS["yellow"] if rng.random() < 0.6 else COLOURS["brown"]
    start = rng.random()
    for number in range(petals):
        turn = (start + number / petals) * 2 * math.pi
        x, y = 0.5 + 0.29 * math.cos(turn), 0.28 + 0.17 * math.sin(turn)
        pen.oval(x, y, 0.2, 0.115, tone(petal, 0.85 + 0.3 * (number % 2)))
    pen.oval(0.5, 0.28, 0.16, 0.1, heart)


def mushroom(pen: Pen) -> None:
    """Paint a stem under a domed or pointed cap, often with dots."""
    rng, cap = pen.rng, pen.colour
    pen.shadow(0.35)
    pen.shape([(0.4, 0.45), (0.6, 0.45), (0.66, 1.0), (0.34, 1.0)], (0.93, 0.88, 0.78))
    if rng.random() < 0.6:
        pen.shape([*oval(0.5, 0.5, 0.5, 0.5, 0.5, 1.0), (0.9, 0.58), (0.1, 0.58)], cap, 0.6)
    else:
        pen.shape([(0.5, 0.0), (0.72, 0.22), (1.0, 0.56), (0.5, 0.62), (0.0, 0.56), (0.28, 0.22)], cap, 0.6)
    if rng.random() < 0.75:
        for x, y in ((0.3, 0.36), (0.52, 0.18), (0.72, 0.38), (0.5, 0.44)):
            pen.oval(x, y, 0.07, 0.06, tone(cap, 3.0))


def umbrella(pen: Pen) -> None:
    """Paint a canopy in two colours with a scalloped hem on a long pole."""
    rng, cloth = pen.rng, pen.colour
    other = list(COLOURS.values())[rng.integers(len(COLOURS))]
    pen.stroke(0.5, 0.0, 0.5, 1.0, 0.05, WOOD)
    pen.shape(oval(0.5, 0.5, 0.5, 0.46, 0.5, 1.0), cloth, 0.6)
    for left, right in ((0.14, 0.38), (0.62, 0.86)):
        pen.shape([(0.5, 0.05), (right, 0.5), (left, 0.5)], other)
    for x in (0.125, 0.375, 0.625, 0.875):
        pen.oval(x, 0.49, 0.125, 0.06, cloth if x in (0.125, 0.875) else tone(cloth, 0.85))


def boat(pen: Pen) -> None:
    """Paint a hull with sails, a cabin and funnel, or an open boat with oars."""
    rng, kind = pen.rng, pen.rng.integers(3)
    sail = list(COLOURS.values())[rng.integers(len(COLOURS))]
    if kind == 0:
        pen.stroke(0.46, 0.0, 0.46, 0.8, 0.025, WOOD)
        pen.shape([(0.50, 0.03), (0.50, 0.66), (0.94, 0.66)], sail)
        pen.shape([(0.42, 0.1), (0.42, 0.66), (0.08, 0.66)], tone(sail, 0.82))
    elif kind == 1:
        pen.box(0.24, 0.46, 0.72, 0.76, COLOURS["white"])
        pen.box(0.52, 0.16, 0.66, 0.5, sail)
        for x in (0.30, 0.42, 0.54):
            pen.oval(x, 0.6, 0.04, 0.06, DARK)
    else:
        pen.stroke(0.3, 0.42, 0.44, 0.72, 0.03, WOOD)
        pen.stroke(0.6, 0.42, 0.72, 0.72, 0.03, WOOD)
    top = 0.64 if kind == 2 else 0.72
    pen.shape([(0.0, top), (1.0, top - 0.03), (0.84, 1.0), (0.16, 1.0)], pen.colour, 0.5)
    pen.shape([(0.02, top), (1.0, top - 0.03), (0.97, top + 0.06), (0.05, top + 0.08)], tone(pen.colour, 1.8))


def fish(pen: Pen) -> None:
    """Paint a body with tail, fins, stripes and an eye."""
    rng, body = pen.rng, pen.colour
    fin, high = tone(body, 0.7), rng.uniform(0.30, 0.46)
    pen.shape([(0.26, 0.5), (0.0, 0.14), (0.07, 0.5), (0.0, 0.86)], fin)
    pen.shape([(0.4, 0.5 - high * 0.8), (0.52, 0.02), (0.74, 0.5 - high * 0.7)], fin)
    pen.shape([(0.48, 0.5 + high * 0.8), (0.46, 0.98), (0.68, 0.5 + high * 0.7)], fin)
    pen.oval(0.6, 0.5, 0.4, high, body, 0.6)
    if rng.random() < 0.6:
        stripe = list(COLOURS.values())[rng.integers(len(COLOURS))]
        for x in (0.42, 0.56, 0.7):
            pen.shape(oval(x, 0.5, 0.035, high * 0.82), stripe)
    pen.oval(0.84, 0.42, 0.055, 0.085, COLOURS["white"])
    pen.oval(0.85, 0.42, 0.028, 0.045, DARK)


def bird(pen: Pen) -> None:
    """Paint a bird that flies, wings up, or that stands."""
    rng, body = pen.rng, pen.colour
    wing, beak = tone(body, 0.68), COLOURS["orange"]
    if rng.random() < 0.5:
        pen.shape([(0.5, 0.52), (0.16, 0.0), (0.40, 0.16), (0.68, 0.5)], wing)
        pen.shape([(0.2, 0.62), (0.0, 0.46), (0.02, 0.72)], wing)
        pen.oval(0.48, 0.62, 0.32, 0.2, body, 0.5)
        pen.oval(0.8, 0.5, 0.13, 0.16, body)
        pen.shape([(0.9, 0.44), (1.0, 0.53), (0.9, 0.58)], beak)
        pen.shape([(0.44, 0.6), (0.5, 0.06), (0.66, 0.2), (0.66, 0.62)], tone(wing, 0.85))
        pen.oval(0.84, 0.46, 0.025, 0.035, DARK)
    else:
        for x in (0.44, 0.58):
            pen.stroke(x, 0.78, x, 1.0, 0.03, beak)
        pen.shape([(0.28, 0.6), (0.0, 0.84), (0.1, 0.56)], wing)
        pen.oval(0.46, 0.58, 0.3, 0.26, body, 0.5)
        pen.oval(0.7, 0.26, 0.17, 0.18, body)
        pen.shape([(0.84, 0.2), (1.0, 0.29), (0.84, 0.34)], beak)
        pen.oval(0.4, 0.58, 0.19, 0.15, wing)
        pen.oval(0.75, 0.22, 0.03, 0.035, DARK)


def balloon(pen: Pen) -> None:
    """Paint a toy balloon on a string, or one that carries a basket."""
    rng, skin = pen.rng, pen.colour
    if rng.random() < 0.5:
        wide = rng.uniform(0.36, 0.5)
        pen.stroke(0.5, 0.68, 0.5 + rng.uniform(-0.15, 0.15), 1.0, 0.03, tone(skin, 0.6))
        pen.shape([(0.42, 0.74), (0.5, 0.64), (0.58, 0.74)], tone(skin, 0.75))
        pen.oval(0.5, 0.35, wide, 0.35, skin, 0.8)
        pen.oval(0.5 - wide * 0.42, 0.2, wide * 0.2, 0.09, tone(skin, 2.2))
    else:
        stripe = list(COLOURS.values())[rng.integers(len(COLOURS))]
        for x in (0.38, 0.62):
            pen.stroke(0.5 + (x - 0.5) * 1.8, 0.6, x, 0.86, 0.025, DARK)
        envelope = [*oval(0.5, 0.37, 0.5, 0.37, 0.5, 1.0), (0.94, 0.5), (0.64, 0.77), (0.36, 0.77), (0.06, 0.5)]
        pen.shape(envelope, skin, 0.7)
        pen.shape(oval(0.5, 0.38, 0.30, 0.37), stripe, 0.7)
        pen.shape(oval(0.5, 0.38, 0.12, 0.37), skin, 0.7)
        pen.box(0.37, 0.84, 0.63, 1.0, WOOD)


def sun(pen: Pen) -> None:
    """Paint a disc with rays, or with a ring of light."""
    rng, disc = pen.rng, pen.colour
    if rng.random() < 0.65:
        rays, start = int(rng.integers(8, 14)), rng.random()
        for number in range(rays):
            a, b, c = ((start + (number + step) / rays) * 2 * math.pi for step in (0.18, 0.5, 0.82))
            tips = [(a, 0.33), (b, 0.5), (c, 0.33)]
            pen.shape([(0.5 + r * math.cos(turn), 0.5 + r * math.sin(turn)) for turn, r in tips], tone(disc, 0.92))
    else:
        pen.oval(0.5, 0.5, 0.5, 0.5, tone(disc, 1.9), 0.0)
        pen.oval(0.5, 0.5, 0.42, 0.42, tone(disc, 1.35), 0.0)
    pen.oval(0.5, 0.5, 0.33, 0.33, disc, 0.1)


def cloud(pen: Pen) -> None:
    """Paint puffs over a flat foot."""
    rng = pen.rng
    for x, y, r in ((0.2, 0.72, 0.2), (0.8, 0.74, 0.2), (0.36, 0.46, 0.24), (0.64, 0.5, 0.26), (0.5, 0.64, 0.3)):
        puff = r * rng.uniform(0.85, 1.1)
        pen.oval(x, y, puff, puff * 1.3, tone(pen.colour, rng.uniform(0.93, 1.2)), 0.5)
    pen.box(0.14, 0.74, 0.86, 0.97, tone(pen.colour, 0.93))


class Thing(NamedTuple):
    """How a class of things is painted.

    Attributes:
        painter: Paints one with a pen.
        aspect: Smallest and largest width over height.
        colours: Names of its main colours.
        place: Where it belongs: "ground", "sea" or "sky".
        largest: Largest height, in fractions of the picture's side.
    """

    painter: Callable[[Pen], None]
    aspect: tuple[float, float]
    colours: tuple[str, ...]
    place: str
    largest: float


_ALL: Final = tuple(COLOURS)
THINGS: Final[dict[str, Thing]] = {
    "house": Thing(house, (0.8, 1.3), _ALL, "ground", 0.66),
    "tree": Thing(tree, (0.55, 0.9), ("green", "green", "orange", "yellow", "red", "pink", "brown"), "ground", 0.75),
    "car": Thing(car, (1.8, 2.4), _ALL, "ground", 0.42),
    "boat": Thing(boat, (1.0, 1.5), _ALL, "sea", 0.62),
    "fish": Thing(fish, (1.4, 1.9), _ALL, "sea", 0.52),
    "bird": Thing(bird, (1.0, 1.4), _ALL, "sky", 0.56),
    "balloon": Thing(balloon, (0.6, 0.8), _ALL, "sky", 0.72),
    "flower": Thing(
        flower, (0.55, 0.75), ("red", "orange", "yellow", "blue", "purple", "pink", "white"), "ground", 0.8
    ),
    "sun": Thing(sun, (1.0, 1.0), ("yellow", "yellow", "orange", "red", "white"), "sky", 0.54),
    "cloud": Thing(cloud, (1.6, 2.3), ("white", "white", "grey", "pink", "purple"), "sky", 0.42),
    "mushroom": Thing(mushroom, (0.8, 1.1), ("red", "orange", "yellow", "purple", "white", "brown"), "ground", 0.62),
    "umbrella": Thing(umbrella, (0.8, 1.1), _ALL, "ground", 0.7),
}
"""Painter, shape and place of each class of things."""
