"""Colours of classes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from clipteacher.pictures.colours import IGNORE_COLOUR, palette


def lab(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """CIELAB of colours (N, 3), D65: another space than the one the palette is chosen in."""
    part = rgb.astype(np.float64) / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    xyz = linear @ np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]).T
    scaled = xyz / np.array([0.9505, 1.0, 1.089])
    f = np.where(scaled > 0.008856, np.cbrt(scaled), 7.787 * scaled + 16 / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


@pytest.mark.parametrize("count", [1, 2, 20, 21, 256, 1000])
def test_colours_are_distinct_and_no_class_looks_ignored(count: int) -> None:
    colours = palette(count)
    assert colours.shape == (count, 3)
    assert colours.dtype == np.uint8
    assert len(np.unique(colours, axis=0)) == count
    for reserved in (IGNORE_COLOUR, (255, 255, 255), (0, 0, 0)):
        assert np.linalg.norm(lab(colours) - lab(np.array([reserved], dtype=np.uint8)), axis=1).min() > 8


@pytest.mark.parametrize(("count", "least"), [(7, 25), (20, 16), (60, 8)])
def test_the_first_colours_are_far_apart(count: int, least: float) -> None:
    points = lab(palette(count))
    assert min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(points, 2)) > least


def test_neighbouring_ids_differ_clearly() -> None:
    points = lab(palette(1000))
    for step in (1, 2, 3):
        assert np.linalg.norm(points[step:] - points[:-step], axis=1).min() > 20


def test_red_blind_readers_tell_the_first_twenty_apart() -> None:
    # Viénot, Brettel and Mollon 1999 for dichromats, in the space of 8-bit values: not what the palette is chosen by.
    colours = palette(20).astype(np.float64)
    linear = (colours / 255) ** 2.2
    to_lms = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]])
    blind = {
        "red": np.array([[0, 2.02344, -2.52581], [0, 1, 0], [0, 0, 1]]),
        "green": np.array([[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]]),
    }
    for matrix in blind.values():
        seen = linear @ (np.linalg.inv(to_lms) @ matrix @ to_lms).T
        points = lab(np.rint(255 * np.clip(seen, 0, 1) ** (1 / 2.2)).astype(np.uint8))
        assert min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(points, 2)) > 3


def test_a_class_keeps_its_colour_as_classes_are_added() -> None:
    most = palette(300)
    for count in (1, 7, 8, 20, 21, 150):
        assert np.array_equal(palette(count), most[:count])


def test_beyond_a_thousand_the_colours_repeat() -> None:
    assert np.array_equal(palette(1203)[1000:], palette(203))


def test_the_result_is_the_callers_own() -> None:
    palette(5)[:] = 0
    assert palette(5)[0].tolist() == [0, 114, 178]


@pytest.mark.parametrize("count", [0, -1])
def test_no_class_is_an_error(count: int) -> None:
    with pytest.raises(ValueError, match=f"num_classes: got {count}, expected at least 1"):
        palette(count)
