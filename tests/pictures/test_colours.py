"""Colours of classes: a function of the name alone, and a table whose colours can be told apart."""

from __future__ import annotations

import runpy
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from clipteacher.pictures import colour_table
from clipteacher.pictures.colours import IGNORE_COLOUR, class_colours
from clipteacher.protocols.voc import VOC_NAMES

SCRIPT = Path(__file__).parents[2] / "tools" / "choose_colours.py"
OTHERS = np.frombuffer(bytes.fromhex(colour_table.OTHERS), dtype=np.uint8).reshape(-1, 3)
WORDS = (
    "person",
    "cow",
    "bird",
    "sea",
    "water",
    "lake",
    "cat",
    "sky",
    "old chair",
    "🐈",
    "red balloon",
    "potted plants",
)


def colour(name: str) -> tuple[int, ...]:
    return tuple(class_colours([name])[0].tolist())


@pytest.fixture(scope="module")
def tool() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


def test_a_name_has_one_colour_in_any_order_and_beside_any_names() -> None:
    alone = [colour(word) for word in WORDS]
    things = [f"thing {i}" for i in range(700)]
    for names in (WORDS, WORDS[::-1], (*things, *WORDS), (*WORDS, *VOC_NAMES, *WORDS)):
        beside = dict(zip(names, map(tuple, class_colours(names).tolist()), strict=True))
        assert [beside[word] for word in WORDS] == alone


def test_case_blanks_hyphens_and_accents_in_two_signs_do_not_matter() -> None:
    for one, two in (("Old chair", " old   CHAIR"), ("wall-brick", "Wall_Brick"), ("Zu\u0308g", "z\u00fcg")):
        assert colour(one) == colour(two)


def test_words_that_mean_the_same_share_a_colour() -> None:
    for one, two in (("aeroplane", "airplane"), ("pottedplant", "potted plant"), ("trees", "tree"), ("street", "road")):
        assert colour(one) == colour(two)
    assert colour("glass") != colour("glas"), "no plural"


@pytest.mark.parametrize(
    ("name", "natural"),
    [
        *(("sky", (86, 180, 233)), ("grass", (130, 175, 60)), ("road", (110, 116, 136)), ("tree", (19, 84, 42))),
        *(("sea", (0, 114, 178)), ("snow", (238, 242, 246)), ("sand", (222, 188, 140)), ("banana", (255, 221, 51))),
    ],
)
def test_common_words_have_natural_colours(tool: dict[str, Any], name: str, natural: tuple[int, ...]) -> None:
    full = tool["VISIONS"]["full"]
    one, two = (tool["cielab"](np.array([each]), full) for each in (colour(name), natural))
    assert tool["ciede2000"](one, two)[0] <= tool["NEAR"]


def test_a_colour_word_gives_the_colour() -> None:
    red, yellow, blue = (np.array(colour(f"{word} balloon")) for word in ("red", "yellow", "blue"))
    assert (red[0] > red[1:] + 60).all()
    assert yellow[:2].min() > yellow[2] + 60
    assert (blue[2] > blue[:2] + 60).all()
    assert colour("red balloon") != colour("red kite and a long tail"), "not all the same red"


@pytest.mark.parametrize("count", [0, 1, 20, 700])
def test_any_number_of_names(count: int) -> None:
    names = [f"class {i}" for i in range(count)]
    colours = class_colours(names)
    assert colours.shape == (count, 3)
    assert colours.dtype == np.uint8
    assert len(np.unique(colours, axis=0)) >= 0.7 * min(count, 256)
    first = class_colours(names)[:1].copy()
    colours[:] = 0
    assert np.array_equal(class_colours(names)[:1], first), "the result is the caller's own"


def test_any_text_has_a_colour() -> None:
    assert class_colours(["", " ", "\ud800", "x" * 10_000, "s"]).shape == (5, 3)


def test_the_table_is_what_the_script_chooses(tool: dict[str, Any]) -> None:
    assert Path(colour_table.__file__).read_text(encoding="utf-8") == tool["table"]()
    assert IGNORE_COLOUR in [reserved for reserved, _ in tool["RESERVED"]]


def test_ciede2000_is_that_of_the_published_pairs(tool: dict[str, Any]) -> None:
    # Sharma, Wu and Dalal 2005, table 1: pairs 1, 7, 9, 10, 17, 25 and 34.
    pairs = [
        (50.0, 2.6772, -79.7751, 50.0, 0.0, -82.7485, 2.0425),
        (50.0, 0.0, 0.0, 50.0, -1.0, 2.0, 2.3669),
        (50.0, 2.49, -0.001, 50.0, -2.49, 0.0009, 7.1792),
        (50.0, 2.49, -0.001, 50.0, -2.49, 0.001, 7.1792),
        (50.0, 2.5, 0.0, 73.0, 25.0, -18.0, 27.1492),
        (60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644),
        (2.0776, 0.0795, -1.135, 0.9033, -0.0636, -0.5514, 0.9082),
    ]
    table = np.array(pairs)
    assert tool["ciede2000"](table[:, :3], table[:, 3:6]) == pytest.approx(table[:, 6], abs=5e-5)


@pytest.mark.parametrize(
    ("names", "full", "blind", "close"),
    [
        *(("drawn world", 17, 6.5, 0), ("PASCAL VOC", 16, 8, 0), ("MSRC-21", 16, 7, 0), ("Cityscapes", 17, 8, 0)),
        *(("PASCAL Context", 7.5, 3.5, 0.01), ("ADE20K", 5.5, 2, 0.02), ("COCO-Stuff", 5.5, 1.8, 0.02)),
    ],
)
def test_colours_of_a_list_are_told_apart(
    tool: dict[str, Any], names: str, full: float, blind: float, close: float
) -> None:
    """Least CIEDE2000 of a list, and the part of its pairs that two-colour readers see closer than 5."""
    one, two = np.array(list(combinations(range(len(tool["LISTS"][names])), 2))).T
    for vision, matrix in tool["VISIONS"].items():
        lab = tool["cielab"](class_colours(tool["LISTS"][names]).astype(int), matrix)
        apart = tool["ciede2000"](lab[one], lab[two])
        assert apart.min() > (full if vision == "full" else blind)
        assert (apart < 5).mean() <= (0 if vision == "full" else close)


def seen_by(rgb: NDArray[np.uint8], kind: str) -> NDArray[np.uint8]:
    # Viénot, Brettel and Mollon 1999 for dichromats, in the space of 8-bit values: not what the table is chosen by.
    to_lms = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]])
    blind = {
        "red": np.array([[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]]),
        "green": np.array([[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]]),
    }
    seen = (rgb / 255) ** 2.2 @ (np.linalg.inv(to_lms) @ blind[kind] @ to_lms).T
    rounded: NDArray[np.uint8] = np.rint(255 * np.clip(seen, 0, 1) ** (1 / 2.2)).astype(np.uint8)
    return rounded


@pytest.mark.parametrize("names", ["drawn world", "PASCAL VOC", "MSRC-21", "Cityscapes"])
@pytest.mark.parametrize("kind", ["red", "green"])
def test_another_model_of_colour_blindness_agrees(tool: dict[str, Any], names: str, kind: str) -> None:
    lab = tool["cielab"](seen_by(class_colours(tool["LISTS"][names]), kind).astype(int), tool["VISIONS"]["full"])
    one, two = np.array(list(combinations(range(len(lab)), 2))).T
    assert tool["ciede2000"](lab[one], lab[two]).min() > 3


def test_no_colour_looks_ignored(tool: dict[str, Any]) -> None:
    known = [list(bytes.fromhex(item[:6])) for item in colour_table.KNOWN.strip().replace("\n", "; ").split("; ")]
    assert len(np.unique(OTHERS, axis=0)) == 256
    full = tool["VISIONS"]["full"]
    lab = tool["cielab"](np.array([*known, *OTHERS.tolist()]), full)
    for reserved, least in ((IGNORE_COLOUR, 12), ((255, 255, 255), 5), ((0, 0, 0), 16)):
        assert tool["ciede2000"](lab, tool["cielab"](np.array([reserved]), full)).min() > least
