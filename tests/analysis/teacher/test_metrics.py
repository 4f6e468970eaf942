"""Metrics of names, against counts by hand."""

import math

import numpy as np
import pytest

from clipteacher.analysis.teacher.metrics import cosine_matrix, name_metrics
from clipteacher.analysis.teacher.predict import TeacherPredictions

NAMES = ("sky", "sofa", "couch", "yeti", "wall")


def predictions() -> TeacherPredictions:
    confusion = np.zeros((5, 5), dtype=np.int64)
    confusion[0] = [60, 0, 0, 0, 40]
    confusion[1] = [0, 10, 30, 5, 5]
    confusion[2] = [0, 0, 50, 0, 0]
    ranks = np.array([[0, 1, 2, 3, 4], [4, 0, 1, 2, 3], [1, 2, 3, 4, 0], [0, 4, 3, 2, 1]])
    shown = np.array([[1, 0, 0, 0, 0], [1, 1, 1, 0, 0], [0, 1, 0, 0, 0], [1, 0, 0, 0, 0]], dtype=bool)
    text_features = np.array([[1, 0, 0], [0, 1, 0], [0, 1, 0.1], [0, 0, 1], [1, 0, 1]], dtype=np.float32)
    return TeacherPredictions(confusion, np.array([0.3, 0.1, 0.3, 0.1, 0.2]), ranks, shown, text_features)


def test_names_with_masks() -> None:
    sky, sofa, couch, _, _ = name_metrics(NAMES, predictions())
    assert (sky.photos, sofa.photos, couch.photos) == (3, 2, 1)
    assert (sky.IoU, sky.recall, sky.precision) == (0.6, 0.6, 1.0)
    assert (sofa.IoU, sofa.recall, sofa.precision) == (0.2, 0.2, 1.0)
    assert (couch.IoU, couch.recall, couch.precision) == (50 / 80, 1.0, 50 / 80)
    assert sofa.predicted_as == (("couch", 0.6), ("yeti", 0.1), ("wall", 0.1))
    assert sky.predicted_as == (("wall", 0.4),)
    assert couch.predicted_as == ()


def test_names_without_masks() -> None:
    *_, yeti, wall = name_metrics(NAMES, predictions())
    for each in (yeti, wall):
        assert each.photos == 0
        assert all(map(math.isnan, (each.IoU, each.recall, each.precision, each.high_shown)))
        assert each.predicted_as == ()
    assert (yeti.high_other, wall.high_other) == (0, 0.25), "of all photos"
    assert yeti.pixels == 0.1


def test_ranks_by_cls() -> None:
    sky, sofa, couch, _, _ = name_metrics(NAMES, predictions())
    # A fifth of five names is the first place.
    assert (sky.high_shown, sky.high_other) == (2 / 3, 0)
    assert (sofa.high_shown, sofa.high_other) == (0.5, 0)
    assert (couch.high_shown, couch.high_other) == (0, 0)


def test_nearest_names() -> None:
    found = name_metrics(NAMES, predictions())
    assert [each.nearest for each in found] == ["wall", "couch", "sofa", "wall", "sky"]
    assert found[1].cosine == pytest.approx(1 / math.sqrt(1.01))
    cosines = cosine_matrix(np.array([[2, 0], [0, 3], [-1, 0]], dtype=np.float32))
    assert cosines.tolist() == [[1, 0, -1], [0, 1, 0], [-1, 0, 1]]


def test_one_name_alone() -> None:
    one = TeacherPredictions(
        np.array([[4]]), np.array([1.0]), np.array([[0]]), np.array([[True]]), np.ones((1, 2), np.float32)
    )
    (each,) = name_metrics(("sky",), one)
    assert (each.nearest, each.IoU, each.high_shown) == (None, 1.0, 1.0)
    assert math.isnan(each.cosine)
    assert math.isnan(each.high_other)
    assert dict(name_metrics(NAMES, predictions())[1].predicted_as) == {"couch": 0.6, "yeti": 0.1, "wall": 0.1}
