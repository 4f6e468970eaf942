"""Painters of stuff and things: each paints, stays in bounds and varies."""

import numpy as np
import pytest

from clipteacher.demo.drawn_world.canvas import COLOURS, Canvas, Pen, oval, tone
from clipteacher.demo.drawn_world.stuff import TEXTURES
from clipteacher.demo.drawn_world.things import THINGS


@pytest.mark.parametrize("name", TEXTURES)
def test_textures_have_the_picture_s_shape_and_vary(name: str) -> None:
    many = [TEXTURES[name](np.random.default_rng(seed), 48) for seed in range(12)]
    for texture in many:
        assert texture.shape == (48, 48, 3)
        assert texture.dtype == np.float32
        assert np.isfinite(texture).all()
        assert -0.5 < texture.min() <= texture.max() < 1.8
    means = np.array([texture.mean(axis=(0, 1)) for texture in many])
    assert means.std(axis=0).max() > 0.04  # more than one colour


@pytest.mark.parametrize("name", THINGS)
def test_things_fill_their_box_and_vary(name: str) -> None:
    masks, colours = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        canvas = Canvas(64, rng)
        word = THINGS[name].colours[rng.integers(len(THINGS[name].colours))]
        THINGS[name].painter(Pen(canvas, (32, 60), 52, 52, 7, 1, rng, COLOURS[word]))
        mask = canvas.labels == 7
        assert 0.08 < mask.mean() < 0.85
        assert not mask[:, :2].any()  # the box ends at column 6, parts may stand out a little
        assert not mask[63:].any() or name == "car"
        masks.append(mask)
        colours.append(canvas.image[mask].mean(axis=0))
    assert any(not np.array_equal(masks[0], mask) for mask in masks[1:])
    assert np.std(colours, axis=0).max() > 0.05


def test_a_thing_thinner_than_a_pixel_is_still_in_the_mask() -> None:
    rng = np.random.default_rng(0)
    canvas = Canvas(32, rng)
    Pen(canvas, (16, 30), 8, 20, 2, 1, rng, COLOURS["red"]).stroke(0.5, 0.0, 0.5, 1.0, 0.001, (1.0, 1.0, 1.0))
    assert (canvas.labels == 2).sum() >= 15


def test_tilt_turns_about_the_foot() -> None:
    found = []
    for tilt in (0.0, np.pi / 2):
        canvas = Canvas(64, np.random.default_rng(0))
        pen = Pen(canvas, (32, 32), 4, 24, 2, 1, np.random.default_rng(0), COLOURS["red"], tilt)
        pen.box(0, 0, 1, 1, (1.0, 1.0, 1.0))
        rows, columns = np.nonzero(canvas.labels == 2)
        found.append((np.ptp(rows), np.ptp(columns)))
    assert found[0] == found[1][::-1]
    assert found[0][0] > found[0][1]


def test_tone_and_oval() -> None:
    assert tone((0.5, 0.2, 1.0), 0.5) == (0.25, 0.1, 0.5)
    assert tone((0.5, 0.0, 1.0), 2.0) == (0.75, 0.5, 1.0)
    xs, ys = zip(*oval(1.0, 2.0, 0.5, 0.25), strict=True)
    assert max(xs) == pytest.approx(1.5)
    assert min(ys) == pytest.approx(1.75, abs=0.01)
