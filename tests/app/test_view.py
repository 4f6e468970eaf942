"""The picture on the page: its size, its colours, and that nothing of it is segmented again."""

import numpy as np
import pytest

from clipteacher.app.view import painted, view_of
from clipteacher.pictures import paint
from clipteacher.segmenter.segmentation import NONE


def photo(height: int, width: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        ((60, 80), (60, 80)),
        ((20, 40), (20, 40)),  # twice as large would not go into half of 100
        ((10, 12), (40, 48)),
        ((1, 1), (50, 50)),
        ((100, 100), (100, 100)),
        ((400, 200), (100, 50)),
        ((1, 5000), (1, 100)),
    ],
)
def test_the_longer_side_is_bounded_and_no_side_vanishes(size: tuple[int, int], shown: tuple[int, int]) -> None:
    view = view_of(photo(*size), np.zeros(size, np.int64), side=100)
    assert view.labels.shape == shown
    assert view.photo.shape == (*shown, 3)
    assert view.photo.dtype == np.uint8


def test_ids_are_never_mixed() -> None:
    labels = np.random.default_rng(0).choice([NONE, 0, 700], size=(301, 407))
    view = view_of(photo(301, 407), labels, side=100)
    assert set(np.unique(view.labels)) == {NONE, 0, 700}
    whole = view_of(photo(7, 9), labels[:7, :9], side=40)
    assert np.array_equal(whole.labels, labels[:7, :9].repeat(2, 0).repeat(2, 1))


def test_opacity() -> None:
    labels = np.zeros((30, 30), np.int64)
    labels[:, 15:] = 1
    labels[20:] = NONE
    view = view_of(photo(30, 30), labels, side=30)
    assert np.array_equal(painted(view, 0), view.photo)
    assert np.array_equal(painted(view, 0.5), paint(view.photo, view.labels, opacity=0.5, ignore=NONE))
    assert not np.array_equal(painted(view, 0.5), painted(view, 0.6))
    assert np.array_equal(painted(view, 1)[20:], view.photo[20:]), "what is none of the words stays photo"
    assert len(np.unique(painted(view, 1)[:18, :13].reshape(-1, 3), axis=0)) == 1
    for weight in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="opacity: got"):
            painted(view, weight)
