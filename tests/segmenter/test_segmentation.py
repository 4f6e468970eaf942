"""The segmentation of one photo: its areas, its masks, its picture, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from clipteacher.pictures import overlay
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
    ("labels", "logits", "message"),
    [
        (LABELS.astype(np.int32), None, "labels: got int32"),
        (LABELS[None], None, r"labels: got int64 \(1, 2, 3\)"),
        (LABELS[:0], None, r"labels: got int64 \(0, 3\)"),
        (LABELS + 1, None, r"labels: got ids 0\.\.3, expected -1\.\.2"),
        (LABELS - 1, None, r"labels: got ids -2\.\.1"),
        (LABELS, np.zeros((2, 2, 3), np.float32), r"logits: got shape \(2, 2, 3\), expected \(3, 2, 3\)"),
    ],
)
def test_parts_that_do_not_fit(labels: NDArray[np.int64], logits: NDArray[np.float32] | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Segmentation(labels, ("cat", "dog", "old chair"), logits)


def drawn(**parts: Any) -> Segmentation:  # noqa: ANN401
    photo = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    labels = np.zeros((40, 60), np.int64)
    labels[:, 30:], labels[:5] = 1, NONE
    return Segmentation(labels, ("cat", "dog"), photo=photo, **parts)


@pytest.mark.parametrize("opacity", [0.0, 0.55, 1.0])
def test_the_picture_is_the_photo_with_its_classes_in_colour(opacity: float) -> None:
    """The photo's part is that of `overlay`, which is tested by itself; pixels of no name are hatched."""
    found = drawn()
    picture = found.plot(opacity=opacity)
    assert picture.mode == "RGB"
    assert picture.width >= 60
    assert picture.height > 40, "a legend"
    photo = found.photo
    assert photo is not None
    expected = overlay(photo, found.labels, found.class_names, opacity=opacity, ignore=NONE)
    assert np.array_equal(np.asarray(picture), np.asarray(expected))
    assert (opacity == 0) == np.array_equal(np.asarray(picture)[:40, :60], photo)
    assert (opacity == 0) == np.array_equal(np.asarray(picture)[:5, :60], photo[:5])


def test_without_a_photo_the_picture_is_on_white() -> None:
    found = drawn()
    picture = np.asarray(Segmentation(found.labels, found.class_names).plot(opacity=0.5))
    assert set(np.unique(picture[:5, :60])) == {165, 188}, "dark grey stripes over white"
    assert (picture[20, 10] != picture[20, 50]).any()


@pytest.mark.parametrize("name", ["found.png", "deep/er/found.png", "found.jpg"])
def test_saving_writes_the_picture(name: str, tmp_path: Path) -> None:
    found = drawn()
    found.save(tmp_path / name, opacity=0.3)
    with Image.open(tmp_path / name) as written:
        assert written.size == found.plot().size
        apart = np.abs(np.asarray(written).astype(int) - np.asarray(found.plot(opacity=0.3)))
    assert apart.max() == 0 if name.endswith("png") else apart.mean() < 30


def test_a_picture_that_cannot_be_drawn_or_saved(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="opacity"):
        drawn().plot(opacity=1.1)
    with pytest.raises(ValueError, match="unknown"):
        drawn().save(tmp_path / "found.unknown")
    assert not list(tmp_path.iterdir())
