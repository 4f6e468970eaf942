"""Colours of classes: a function of the name, and a table whose colours can be told apart."""

from __future__ import annotations

import runpy
from itertools import combinations, permutations
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from clipteacher.pictures import colour_table
from clipteacher.pictures.colours import IGNORE_COLOUR, class_colours

TABLE = np.frombuffer(bytes.fromhex(colour_table.COLOURS), dtype=np.uint8).reshape(-1, 3)
WORDS = ("person", "cow", "bird", "bus", "sheep", "sea", "water", "lake", "cat", "sky")  # several share a first choice


def by_name(names: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    return dict(zip(names, map(tuple, class_colours(names).tolist()), strict=True))


def lab(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """CIELAB of colours (N, 3), D65: another space than the one the table is chosen in."""
    part = rgb.astype(np.float64) / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    xyz = linear @ np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]).T
    scaled = xyz / np.array([0.9505, 1.0, 1.089])
    f = np.where(scaled > 0.008856, np.cbrt(scaled), 7.787 * scaled + 16 / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


def least_distance(points: NDArray[np.float64]) -> float:
    return min(float(np.linalg.norm(a - b)) for a, b in combinations(points, 2))


def test_the_order_of_the_names_does_not_matter() -> None:
    expected = by_name(WORDS)
    for order in (WORDS[::-1], sorted(WORDS), *list(permutations(WORDS))[::90001]):
        assert by_name(tuple(order)) == expected


def test_a_name_keeps_its_colour_beside_other_names() -> None:
    alone = {word: by_name((word,))[word] for word in ("sky", "cat", "old chair", "🐈")}
    things = [f"thing {i}" for i in range(30)]
    others = [name for name in things if by_name((name,))[name] not in alone.values()]
    assert len(others) > 20
    many = by_name((*alone, *others))
    assert {word: many[word] for word in alone} == alone


def test_the_first_of_names_with_one_colour_keeps_it_and_the_others_move() -> None:
    assert by_name(("cow",))["cow"] == by_name(("person",))["person"], "an example of two names with one colour"
    both = by_name(("person", "cow"))
    assert both["cow"] == by_name(("cow",))["cow"]
    assert both["person"] not in (both["cow"], by_name(("cat",))["cat"])
    names = ("cow", "person", *(f"thing {i}" for i in range(40)))
    for name, colour in by_name(names).items():
        same = [other for other in names if by_name((other,))[other] == by_name((name,))[name]]
        assert (colour == by_name((name,))[name]) == (name == min(same)), "a moved name takes no other's colour"


def test_case_and_blanks_do_not_matter() -> None:
    first, second = class_colours(["Old chair"]), class_colours([" old   CHAIR"])
    assert np.array_equal(first, second)
    crane = by_name(("Crane", "crane"))
    assert len(set(crane.values())) == 2
    assert crane == by_name(("crane", "Crane"))


def test_common_words_have_natural_colours() -> None:
    colours = {name: np.array(colour, dtype=int) for name, colour in by_name(("sky", "sea", "grass", "tree")).items()}
    assert all(colours[name].argmax() == channel for name, channel in (("sky", 2), ("sea", 2), ("grass", 1)))
    assert colours["tree"].sum() < colours["grass"].sum()
    assert by_name(("water",))["water"] == by_name(("sea",))["sea"]
    assert len(set(by_name(("water", "sea", "river", "lake")).values())) == 4


@pytest.mark.parametrize("count", [0, 1, 20, 256, 700])
def test_up_to_256_names_differ(count: int) -> None:
    names = [f"class {i}" for i in range(count)]
    colours = class_colours(names)
    assert colours.shape == (count, 3)
    assert colours.dtype == np.uint8
    assert len(np.unique(colours, axis=0)) == min(count, 256)
    first = class_colours(names)[:1].copy()
    colours[:] = 0
    assert np.array_equal(class_colours(names)[:1], first), "the result is the caller's own"


def test_any_text_has_a_colour() -> None:
    assert class_colours(["", " ", "\ud800", "x" * 10_000]).shape == (4, 3)


def test_the_table_is_what_the_script_chooses() -> None:
    script = runpy.run_path(str(Path(__file__).parents[2] / "tools" / "choose_colours.py"))
    assert Path(colour_table.__file__).read_text(encoding="utf-8") == script["table"]()
    assert IGNORE_COLOUR in script["RESERVED"]


def test_the_table_begins_with_okabe_and_ito_and_no_colour_looks_ignored() -> None:
    okabe_ito = "e69f00 56b4e9 009e73 f0e442 0072b2 d55e00 cc79a7"
    assert set(okabe_ito.split()) <= set(colour_table.COLOURS.split()[:13])
    assert len(np.unique(TABLE, axis=0)) == 256
    for reserved in (IGNORE_COLOUR, (255, 255, 255), (0, 0, 0)):
        assert np.linalg.norm(lab(TABLE) - lab(np.array([reserved], dtype=np.uint8)), axis=1).min() > 15


@pytest.mark.parametrize(("count", "least"), [(20, 19), (64, 8), (256, 5)])
def test_colours_of_the_table_are_far_apart(count: int, least: float) -> None:
    assert least_distance(lab(TABLE[:count])) > least


@pytest.mark.parametrize(("count", "least"), [(20, 8), (64, 3.5)])
def test_red_and_green_blind_readers_tell_them_apart(count: int, least: float) -> None:
    # Viénot, Brettel and Mollon 1999 for dichromats, in the space of 8-bit values: not what the table is chosen by.
    linear = (TABLE[:count] / 255) ** 2.2
    to_lms = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]])
    blind = {
        "red": np.array([[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]]),
        "green": np.array([[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]]),
    }
    for matrix in blind.values():
        seen = linear @ (np.linalg.inv(to_lms) @ matrix @ to_lms).T
        assert least_distance(lab(np.rint(255 * np.clip(seen, 0, 1) ** (1 / 2.2)).astype(np.uint8))) > least
