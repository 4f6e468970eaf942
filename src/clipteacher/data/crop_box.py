"""Position of a training sample in its photo, by which a crop's tokens are found in the photo's."""

from __future__ import annotations

from typing import Any, Final, NamedTuple


class CropBox(NamedTuple):
    """A crop of a photo that was resized first. torch's default collation makes a column of each field.

    Attributes:
        photo: Path of the photo's file.
        height: Height of the resized photo in pixels.
        width: Its width.
        top: First row of the crop.
        left: First column of the crop.
        rows: Rows of the photo in the crop; a sample with more has padding below.
        columns: Columns of the photo in the crop; a sample with more has padding to the right.
        flipped: Whether the crop was flipped horizontally, after it was taken and before it was padded.
    """

    photo: str
    height: int
    width: int
    top: int
    left: int
    rows: int
    columns: int
    flipped: bool


NOWHERE: Final = CropBox("", 0, 0, 0, 0, 0, 0, False)
"""The box of a sample that comes from no photo on disk."""


def whole(photo: str, height: int, width: int) -> CropBox:
    """Return the box of a whole photo at its own size.

    Example:
        >>> whole("a.png", 20, 30)[1:]
        (20, 30, 0, 0, 20, 30, False)
    """
    return CropBox(photo, height, width, 0, 0, height, width, False)


def separate(boxes: Any) -> list[CropBox]:  # noqa: ANN401 (collation makes lists and tensors of a CropBox's fields)
    """Separate the boxes of a collated batch: from columns, B paths and tensors (B,) on any device.

    Example:
        >>> from torch.utils.data import default_collate
        >>> two = [whole("a.png", 20, 30), whole("b.png", 10, 10)]
        >>> separate(default_collate(two)) == two
        True
    """
    photos, *columns = boxes
    return [CropBox(photo, *row) for photo, *row in zip(photos, *(column.tolist() for column in columns), strict=True)]
