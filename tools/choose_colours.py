"""Chooses the colours of class names and writes `src/clipteacher/pictures/colour_table.py`.

    python tools/choose_colours.py            # writes the table, and prints how far apart its colours are
    python tools/choose_colours.py --measure  # prints alone

The table is frozen: run this again only to change it. Names that occur in one list of `LISTS` get colours that differ,
measured by CIEDE2000, as readers with full colour vision, red-blind and green-blind readers see them. Words with a
natural colour stay near it. All other names share 256 colours, each the farthest from all before it.
"""

from __future__ import annotations

import argparse
from itertools import combinations
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from clipteacher.demo.drawn_world import CLASSES
from clipteacher.pictures import colour_table
from clipteacher.pictures.colours import class_colours, colour_key
from clipteacher.protocols.ade20k import ADE20K_150_NAMES
from clipteacher.protocols.coco_stuff import COCO_STUFF_NAMES
from clipteacher.protocols.context import CONTEXT_NAMES
from clipteacher.protocols.msrc21 import MSRC21_NAMES
from clipteacher.protocols.voc import VOC_NAMES
from clipteacher.protocols.words import read_words

LISTS: Final = {
    "drawn world": CLASSES,
    "PASCAL VOC": VOC_NAMES,
    "MSRC-21": MSRC21_NAMES,
    "Cityscapes": read_words("""
        road, sidewalk, building, wall, fence, pole, traffic light, traffic sign, vegetation, terrain, sky, person,
        rider, car, truck, bus, train, motorcycle, bicycle
    """),
    "PASCAL Context": CONTEXT_NAMES,
    "ADE20K": ADE20K_150_NAMES,
    "COCO-Stuff": COCO_STUFF_NAMES,
}
"""Names in one list are told apart."""

NATURE: Final = """
    56b4e9 sky; 56b4e9 sky other; c0d0e8 cloud; c0d0e8 clouds; eef2f6 snow; c4ccd4 fog; f0e442 sun
    0072b2 sea; 2a8fc4 water; 3388aa river; 4466bb lake; 2a8fc4 water other; 66aacc waterfall; 22bbcc swimming pool
    82af3c grass; 13542a tree; 338844 vegetation; 44aa33 plant; 44aa33 plant other; 446622 bush; 55aa22 leaves
    778822 moss; 228855 palm; bbaa44 field; 66bb44 playingfield; bb9955 terrain; 779966 hill; 8877aa mountain
    debc8c sand; 6e7488 road; 9a8fa0 sidewalk; 9a8fa0 pavement; b0a090 path; aa7755 dirt track; ddcc77 straw
    aa8866 ground; aa8866 ground other; 966442 earth; 966442 dirt; 774422 mud; 888078 rock; 999999 stone; aaa099 gravel
    bb4422 brick wall; bb4422 wall brick; 996633 wood; bb8855 floor wood; 885533 wall wood
    ff8811 orange; ffdd33 banana; ee7722 carrot; cc2222 apple; 338833 broccoli; 88bb44 salad; 559933 vegetable
    ee66bb flower; eeb899 face; dd2211 fire hydrant; cc1122 stop sign; 55aa77 pottedplant; e8dcc8 sheep
"""
"""Natural colours; a name's colour stays within CIEDE2000 `NEAR` of its own."""

SAME: Final = """
    aeroplane, airplane, plane; sofa, couch; motorbike, motorcycle; tvmonitor, tv, television receiver, television
    diningtable, dining table; pottedplant, potted plant; sign, signboard, traffic sign; sea, ocean; grass, lawn
    road, street; sand, beach; earth, soil; person, people, pedestrian; bicycle, bike; tree, forest
"""
"""Names that mean the same share a colour; no list has two of them."""

NEAR: Final = 11
LEAST_CHROMA: Final = 22  # names without a natural colour are no greys, which look ignored
RESERVED: Final = (((255, 255, 255), 5), ((0, 0, 0), 16), ((75, 75, 75), 12))
"""White, black and `IGNORE_COLOUR`, with the CIEDE2000 that every colour keeps from them."""

WISHES: Final = ((24, 20, 9, 30), (64, 12, 5.5, 4), (256, 8, 3, 1))
"""For lists of up to so many names: CIEDE2000 to reach with full and with two-colour vision, and weight of a miss."""

OTHERS: Final = 256
"""Number of colours for names without one of their own."""

# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
RED_BLIND: Final = np.array(
    [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
)
GREEN_BLIND: Final = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)
VISIONS: Final = {"full": np.eye(3), "red-blind": RED_BLIND, "green-blind": GREEN_BLIND}
_TO_XYZ: Final = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_WHITE: Final = np.array([0.95047, 1.0, 1.08883])  # D65


def cielab(rgb: NDArray[np.integer], vision: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIELAB of sRGB colours (N, 3), 0..255, under a kind of vision; (N, 3), float64."""
    part = rgb / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    xyz = np.clip(linear @ vision.T, 0, 1) @ _TO_XYZ.T / _WHITE
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


def ciede2000(one: NDArray[np.float64], two: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIEDE2000 of CIELAB colours (..., 3) that broadcast; (...). Notation of Sharma, Wu and Dalal 2005."""
    (l1, a1, b1), (l2, a2, b2) = np.moveaxis(one, -1, 0), np.moveaxis(two, -1, 0)
    mean = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    stretch = 1.5 - 0.5 * np.sqrt(mean**7 / (mean**7 + 25.0**7))
    c1, c2 = np.hypot(stretch * a1, b1), np.hypot(stretch * a2, b2)
    h1, h2 = (np.arctan2(b, stretch * a) % (2 * np.pi) for a, b in ((a1, b1), (a2, b2)))
    grey = c1 * c2 == 0
    turn = np.where(grey, 0, (h2 - h1 + np.pi) % (2 * np.pi) - np.pi)
    hue = np.where(grey, h1 + h2, h1 + turn / 2)
    lightness, chroma = (l1 + l2) / 2 - 50, (c1 + c2) / 2
    t = 1 - 0.17 * np.cos(hue - np.pi / 6) + 0.24 * np.cos(2 * hue)
    t += 0.32 * np.cos(3 * hue + np.pi / 30) - 0.20 * np.cos(4 * hue - 63 * np.pi / 180)
    angle = np.pi / 3 * np.exp(-(((np.degrees(hue) % 360 - 275) / 25) ** 2))
    rotation = -2 * np.sin(angle) * np.sqrt(chroma**7 / (chroma**7 + 25.0**7))
    dl = (l2 - l1) / (1 + 0.015 * lightness**2 / np.sqrt(20 + lightness**2))
    dc = (c2 - c1) / (1 + 0.045 * chroma)
    dh = 2 * np.sqrt(c1 * c2) * np.sin(turn / 2) / (1 + 0.015 * chroma * t)
    difference: NDArray[np.float64] = np.sqrt(dl * dl + dc * dc + dh * dh + rotation * dc * dh)
    return difference


def _candidates(given: NDArray[np.int64]) -> NDArray[np.int64]:
    """Colours (M, 3) that are apart from the reserved ones: a grid, and the given ones of nature."""
    levels = np.rint(np.linspace(0, 255, 11)).astype(np.int64)
    grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3)
    colours = np.unique(np.concatenate([grid, given]), axis=0)
    lab = cielab(colours, VISIONS["full"])
    fits = (lab[:, 0] > 25) & (lab[:, 0] < 95)
    for reserved, least in RESERVED:
        fits &= ciede2000(lab, cielab(np.array([reserved]), VISIONS["full"])) > least
    return colours[fits]


def _distances(colours: NDArray[np.int64]) -> list[NDArray[np.float64]]:
    """CIEDE2000 (M, M) of all pairs for each kind of vision, in steps of 1 / 256, so that all machines agree."""
    seen = [cielab(colours, vision) for vision in VISIONS.values()]
    return [np.rint(256 * np.stack([ciede2000(lab, point) for point in lab])) / 256 for lab in seen]


def choose() -> tuple[dict[str, NDArray[np.int64]], NDArray[np.int64]]:
    """Choose all colours.

    Returns:
        The colour of each name that has one of its own, RGB, 0..255; and the colours of all others, (`OTHERS`, 3).
    """
    nature = {name: list(bytes.fromhex(code)) for code, name in (each.split(" ", 1) for each in _items(NATURE))}
    groups = [group.split(", ") for group in _items(SAME)]
    first = {name: group[0] for group in groups for name in group}
    lists = [[first.get(key, key) for key in map(colour_key, names)] for names in LISTS.values()]
    names = list(dict.fromkeys(name for each in lists for name in each))
    colours = _candidates(np.array(list(nature.values())))
    distances = _distances(colours)
    lab = cielab(colours, VISIONS["full"])
    # What it costs to give a name a colour by itself, and beside each other colour.
    alone = np.zeros((len(names), len(colours)), dtype=np.int64)
    for i, name in enumerate(names):
        if name in nature:
            away = ciede2000(lab, cielab(np.array([nature[name]]), VISIONS["full"]))
            alone[i] = np.where(away > NEAR, 10**9, np.rint(60 * np.clip(away - 4, 0, None) ** 2))
        else:
            alone[i] = np.where(np.hypot(lab[:, 1], lab[:, 2]) < LEAST_CHROMA, 10**9, 0)
    beside = [
        _miss(distances[0], full, weight) + _miss(distances[1], blind, weight) + _miss(distances[2], blind, weight)
        for _, full, blind, weight in WISHES
    ]
    chosen = _assign(alone, beside, _neighbours(lists, names), [name in nature for name in names])
    own = {name: colours[chosen[names.index(first.get(name, name))]] for name in {*names, *first}}
    vivid = np.hypot(lab[:, 1], lab[:, 2]) > LEAST_CHROMA
    return dict(sorted(own.items())), colours[_spread(distances, vivid)]


def _miss(distance: NDArray[np.float64], wish: float, weight: float) -> NDArray[np.int64]:
    """Cost of distances (M, M) below a wish; far below it costs much more."""
    part = np.clip(1 - distance / wish, 0, 1)
    return np.rint(1000 * weight * (part**2 + 20 * part**4)).astype(np.int64)


def _items(text: str) -> list[str]:
    """Items of a text, separated by semicolons or new lines."""
    return [item.strip() for item in text.replace("\n", ";").split(";") if item.strip()]


def _neighbours(lists: list[list[str]], names: list[str]) -> list[list[NDArray[np.int64]]]:
    """For each name and each of `WISHES`, the positions of the names beside it; the strictest wish of a pair counts."""
    wish = np.full((len(names), len(names)), len(WISHES))
    for each in lists:
        number = next(number for number, (count, *_) in enumerate(WISHES) if len(each) <= count)
        if len(set(each)) < len(each):
            raise SystemExit(f"SAME: a list has two names of one group: {sorted(n for n in each if each.count(n) > 1)}")
        places = [names.index(name) for name in each]
        wish[np.ix_(places, places)] = np.minimum(wish[np.ix_(places, places)], number)
    np.fill_diagonal(wish, len(WISHES))
    return [[np.flatnonzero(row == number) for number in range(len(WISHES))] for row in wish]


def _assign(
    alone: NDArray[np.int64],
    beside: list[NDArray[np.int64]],
    neighbours: list[list[NDArray[np.int64]]],
    natural: list[bool],
) -> NDArray[np.int64]:
    """Give each name the cheapest colour, those of nature and of short lists first, until none wants another."""
    chosen = np.full(len(alone), -1)
    order = sorted(range(len(alone)), key=lambda i: (not natural[i], -len(neighbours[i][0]), -len(neighbours[i][-1])))
    changed = True
    while changed:
        changed = False
        for i in order:
            cost = alone[i].copy()
            for table, near in zip(beside, neighbours[i], strict=True):
                cost += table[chosen[near][chosen[near] >= 0]].sum(axis=0)
            if chosen[i] < 0 or cost.min() < cost[chosen[i]]:
                chosen[i], changed = int(np.argmin(cost)), True
    return chosen


def _spread(distances: list[NDArray[np.float64]], allowed: NDArray[np.bool_]) -> list[int]:
    """Positions of `OTHERS` allowed colours, each the farthest from all before it; the blind count 2.5 times."""
    apart = np.min([distance * scale for distance, scale in zip(distances, (1, 2.5, 2.5), strict=True)], axis=0)
    chosen = [int(np.argmax(allowed))]
    least = np.where(allowed, apart[chosen[0]], -1)
    while len(chosen) < OTHERS:
        chosen.append(int(np.argmax(least)))
        least = np.minimum(least, apart[chosen[-1]])
    return chosen


def _code(colour: NDArray[np.int64]) -> str:
    """Colour (3,) as six digits."""
    return bytes(map(int, colour)).hex()


def table() -> str:
    """Return the text of `colour_table.py`."""
    own, others = choose()
    items = [f"{_code(colour)} {name}" for name, colour in own.items()]
    lines, codes = [""], [_code(colour) for colour in others]
    for item in items:
        lines += [""] if len(lines[-1]) + len(item) > 116 else []
        lines[-1] += f"; {item}" if lines[-1] else item
    known = "\n".join(lines)
    rest = "\n".join(" ".join(codes[start : start + 16]) for start in range(0, OTHERS, 16))
    return f'''"""The colours of class names: written by tools/choose_colours.py, which says how they are chosen."""

from typing import Final

KNOWN: Final = """
{known}
"""
"""Names that have a colour of their own, after it."""

OTHERS: Final = """
{rest}
"""
"""Colours of all other names."""
'''


def measured() -> str:
    """Return a table in Markdown: how far apart the colours of each list are, as `class_colours` gives them."""
    lines = [
        "| list | names | least CIEDE2000 | red-blind | green-blind | pairs below 5 |",
        "|---|---|---|---|---|---|",
    ]
    for title, names in LISTS.items():
        one, two = np.array(list(combinations(range(len(names)), 2))).T
        apart = []
        for vision in VISIONS.values():
            lab = cielab(class_colours(names).astype(np.int64), vision)
            apart.append(ciede2000(lab[one], lab[two]))
        least = " | ".join(f"{each.min():.1f}" for each in apart)
        below = ", ".join(str(int((each < 5).sum())) for each in apart)
        lines.append(f"| {title} | {len(names)} | {least} | {below} of {len(one)} |")
    return "\n".join(lines)


def main() -> None:
    """Write the table, unless it is only to be measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", action="store_true", help="print how far apart the colours are, and write nothing")
    if parser.parse_args().measure:
        print(measured())
        return
    path = Path(colour_table.__file__)
    path.write_text(table(), encoding="utf-8")
    print(f"wrote {path.name}; --measure says how far apart its colours are")


if __name__ == "__main__":
    main()
