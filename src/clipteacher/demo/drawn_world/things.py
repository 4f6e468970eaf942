"""The things of the drawn world: how they are painted, how large they are and where they belong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from clipteacher.demo.drawn_world.at_sea_and_aloft import balloon, bird, boat, cloud, fish, sun
from clipteacher.demo.drawn_world.on_land import car, flower, house, mushroom, tree, umbrella
from clipteacher.demo.drawn_world.pen import COLOURS, Pen


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
