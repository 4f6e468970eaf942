"""Painters of things that swim and fly. Each varies in shape, parts and colour."""

from __future__ import annotations

import math

from clipteacher.demo.drawn_world.pen import COLOURS, DARK, WOOD, Pen, oval, tone


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
        pen.shape(
            [*oval(0.5, 0.37, 0.5, 0.37, 0.5, 1.0), (0.94, 0.5), (0.64, 0.77), (0.36, 0.77), (0.06, 0.5)], skin, 0.7
        )
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
