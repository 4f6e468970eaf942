"""Shapes into a mask: who lies on top, and which way is up."""

from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.convert.drawn import TURNED, write_photo

from clipteacher.convert.annotated import AnnotatedPhoto, Shape
from clipteacher.convert.painting import paint
from clipteacher.data.files import DataError, read_image

IDS = {"table": 0, "cup": 1, "other": 255}


def block(label: str | None, top: int, left: int, bottom: int, right: int) -> Shape:
    def draw(height: int, width: int) -> NDArray[np.bool_]:
        mask = np.zeros((height, width), dtype=bool)
        mask[top:bottom, left:right] = True
        return mask

    return Shape(label, f"shape {label}", draw)


def photo(file: Path, *shapes: Shape, size: tuple[int, int] | None = (8, 12)) -> AnnotatedPhoto:
    return AnnotatedPhoto(file, PurePosixPath(file.name), size, shapes)


def by_hand(shapes: list[Shape], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Pixel by pixel: of the shapes that have it the smallest one, of equal ones the last."""
    masks = [shape.draw(*size) for shape in shapes]
    expected = np.full(size, 255, dtype=np.uint8)
    for pixel in np.ndindex(size):
        holders = [(int(mask.sum()), -number) for number, mask in enumerate(masks) if mask[pixel]]
        if holders:
            label = shapes[-min(holders)[1]].label
            expected[pixel] = 255 if label is None else IDS[label]
    return expected


def test_the_smaller_one_lies_on_top_in_any_order(tmp_path: Path) -> None:
    file = write_photo(tmp_path / "a.png")
    shapes = [
        block("cup", 2, 2, 4, 4),
        block("table", 0, 0, 8, 8),
        block(None, 3, 3, 6, 9),
        block("cup", 5, 5, 7, 7),
        block("table", 6, 6, 8, 8),
    ]
    for order in (shapes, shapes[::-1]):
        assert np.array_equal(paint(photo(file, *order), IDS)[0], by_hand(order, (8, 12)))
    mask = paint(photo(file, *shapes), IDS)[0]
    assert mask.dtype == np.uint8
    assert (mask[2, 2], mask[0, 0], mask[7, 11]) == (1, 0, 255)
    assert mask[4, 4] == 255, "what is to be ignored lies on top of larger things as well"


def test_shapes_without_pixels_are_told(tmp_path: Path) -> None:
    file = write_photo(tmp_path / "a.png")
    painted = paint(photo(file, block("cup", 3, 3, 3, 9), block("other", 0, 0, 1, 1)), IDS)
    assert painted[1] == ["shape cup"]
    assert (painted[0] == 255).all()


@pytest.mark.parametrize("orientation", TURNED)
def test_a_photo_on_its_side(orientation: int, tmp_path: Path) -> None:
    """The mask fits the upright photo, whether it was annotated upright or, by its size, as it is stored."""
    file = write_photo(tmp_path / "a.jpg", orientation=orientation)
    upright = TURNED[orientation]
    assert read_image(file).shape[:2] == upright
    mask = paint(photo(file, block("cup", 0, 0, 2, 3), size=upright), IDS)[0]
    assert mask.shape == upright
    assert (mask[:2, :3] == 1).all()
    assert (mask == 1).sum() == 6
    assert paint(photo(file, block("cup", 0, 0, 2, 3), size=None), IDS)[0].tolist() == mask.tolist()
    stored = paint(photo(file, block("cup", 0, 0, 2, 3), size=(8, 12)), IDS)[0]
    assert stored.shape == upright
    corner = {3: (slice(2), slice(3)), 6: (slice(3), slice(-2, None)), 8: (slice(-3, None), slice(2))}[orientation]
    assert (stored[corner] == 1).all()
    assert (stored == 1).sum() == 6


def test_the_turned_mask_turns_as_the_photo_does(tmp_path: Path) -> None:
    for orientation in (5, 6, 7, 8):
        file = write_photo(tmp_path / f"{orientation}.png", orientation=orientation)
        stored = np.asarray(read_image(write_photo(tmp_path / "plain.png")))
        bright = stored[..., 0] > 128

        def draw(height: int, width: int, bright: NDArray[np.bool_] = bright) -> NDArray[np.bool_]:
            return bright

        mask = paint(photo(file, Shape("cup", "", draw), size=(8, 12)), IDS)[0]
        assert np.array_equal(mask == 1, read_image(file)[..., 0] > 128)


def test_files_that_do_not_fit(tmp_path: Path) -> None:
    file = write_photo(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a\.png: got 12x8 .* expected 24x16.*resized"):
        paint(photo(file, size=(16, 24)), IDS)
    (tmp_path / "b.png").write_bytes(b"no photo")
    with pytest.raises(DataError, match=r"b\.png: cannot be opened"):
        paint(photo(tmp_path / "b.png"), IDS)
