"""What is said of one photo: its areas, its masks, and what is refused."""

import numpy as np
import pytest
from numpy.typing import NDArray

from clipteacher.segmenter.segmentation import NONE, Segmentation

LABELS = np.array([[0, 2, 2], [NONE, 2, 0]])


def test_areas_are_shares_of_the_whole_photo_in_the_order_of_the_names() -> None:
    found = Segmentation(LABELS, ("cat", "dog", "old chair"))
    counted = {name: sum(int(label) == i for label in LABELS.flat) / 6 for i, name in enumerate(found.class_names)}
    assert found.areas == counted == {"cat": 2 / 6, "dog": 0, "old chair": 3 / 6}
    assert list(found.areas) == ["cat", "dog", "old chair"]
    assert found.none_area == 1 / 6
    assert sum(found.areas.values()) + found.none_area == pytest.approx(1)


def test_all_none_and_one_pixel() -> None:
    nothing = Segmentation(np.full((3, 4), NONE), ("cat",))
    assert (nothing.areas, nothing.none_area) == ({"cat": 0.0}, 1.0)
    assert Segmentation(np.zeros((1, 1), np.int64), ("cat",)).areas == {"cat": 1.0}


def test_masks_by_name() -> None:
    found = Segmentation(LABELS, ("cat", "dog", "old chair"))
    assert found.mask("old chair").tolist() == [[False, True, True], [False, True, False]]
    assert found.mask("cat").dtype == np.bool_
    assert not found.mask("dog").any()
    with pytest.raises(ValueError, match="name: got 'cow', expected one of cat, dog, old chair"):
        found.mask("cow")


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        (LABELS.astype(np.int32), None, "labels: got int32"),
        (LABELS[None], None, r"labels: got int64 \(1, 2, 3\)"),
        (LABELS[:0], None, r"labels: got int64 \(0, 3\)"),
        (LABELS + 1, None, r"labels: got ids 0\.\.3, expected -1\.\.2"),
        (LABELS - 1, None, r"labels: got ids -2\.\.1"),
        (LABELS, np.zeros((2, 2, 3), np.float32), r"logits: got shape \(2, 2, 3\), expected \(3, 2, 3\)"),
    ],
)
def test_parts_that_do_not_fit(labels: NDArray[np.int64], scores: NDArray[np.float32] | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Segmentation(labels, ("cat", "dog", "old chair"), scores)
