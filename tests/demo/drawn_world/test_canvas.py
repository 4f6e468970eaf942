"""The canvas: picture and mask agree about what covers what."""

import numpy as np
import pytest

from clipteacher.demo.drawn_world.canvas import Canvas, noise

SQUARE = [(4.0, 4.0), (12.0, 4.0), (12.0, 12.0), (4.0, 12.0)]


@pytest.fixture
def canvas() -> Canvas:
    return Canvas(32, np.random.default_rng(0))


def test_paint_takes_image_label_and_object(canvas: Canvas) -> None:
    canvas.paint(SQUARE, (1.0, 0.5, 0.25), class_id=3, number=2, gloss=0.0)
    assert (canvas.labels[5:11, 5:11] == 3).all()
    assert (canvas.objects[5:11, 5:11] == 2).all()
    assert (canvas.labels[14:] == 0).all()
    inside = canvas.image[5:11, 5:11].mean(axis=(0, 1))
    assert inside == pytest.approx([1.0, 0.5, 0.25], rel=0.2)


def test_what_is_painted_over_is_gone_from_picture_and_mask(canvas: Canvas) -> None:
    canvas.paint(SQUARE, (1.0, 0.0, 0.0), class_id=3, number=1)
    canvas.paint(SQUARE, (0.0, 0.0, 1.0), class_id=4, number=2)
    assert 3 not in canvas.labels
    assert canvas.image[8, 8, 0] == pytest.approx(0.0, abs=1e-6)


def test_half_covered_pixels_belong_to_the_shape_and_less_do_not(canvas: Canvas) -> None:
    # Pillow fills a polygon's edge too, a quarter of a pixel here.
    canvas.paint([(4.0, 4.0), (8.5, 4.0), (8.5, 8.0), (4.0, 8.0)], (1.0, 1.0, 1.0), class_id=1, number=1)
    assert canvas.labels[5, 8] == 1  # three quarters of it are covered
    assert canvas.labels[8, 5] == 0  # a quarter is
    assert 0 < canvas.image[8, 5, 0] < canvas.image[5, 8, 0]


@pytest.mark.parametrize("shift", [-40.0, 40.0])
def test_shapes_beyond_the_edge_are_cut_off(canvas: Canvas, shift: float) -> None:
    canvas.paint([(x + shift, y) for x, y in SQUARE], (1.0, 1.0, 1.0), class_id=1, number=1)
    assert (canvas.labels == 0).all()


def test_shadows_darken_and_leave_labels(canvas: Canvas) -> None:
    canvas.cover([(-0.1, -0.1), (1.1, -0.1), (1.1, 1.1), (-0.1, 1.1)], np.ones((32, 32, 3), np.float32), class_id=5)
    canvas.darken(SQUARE, 0.5)
    assert (canvas.labels == 5).all()
    assert canvas.image[8, 8, 0] == pytest.approx(0.5)
    assert canvas.image[20, 20, 0] == pytest.approx(1.0)


def test_noise_is_smooth_and_of_the_picture_s_size() -> None:
    field = noise(np.random.default_rng(0), 64, 4, 4)
    assert field.shape == (64, 64)
    assert np.abs(np.diff(field, axis=0)).max() < 0.3
    assert field.std() > 0.1
