"""Shapes drawn into one mask: the smaller one is on top, and the mask is upright, as its photo is."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from clipteacher.convert.annotated import AnnotatedPhoto
from clipteacher.data.files import DataError
from clipteacher.protocols.splits import IGNORE

_TURNS: Final = {
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What turns a photo upright whose EXIF orientation swaps its sides (Exif 2.3, tag 0x0112)."""


class Painted(NamedTuple):
    """A painted mask.

    Attributes:
        mask: Class ids (H, W), uint8, values 0..N-1, 255 = not labelled; the size of the upright photo.
        blank: Shapes that cover no pixel, by file and position.
    """

    mask: NDArray[np.uint8]
    blank: list[str]


def paint(photo: AnnotatedPhoto, ids: Mapping[str, int]) -> Painted:
    """Paint the mask of a photo.

    Where shapes overlap, the one that covers fewer pixels is on top; of two equal ones, the one drawn later. So a cup
    on a table is a cup, in whatever order they were drawn. Shapes to be ignored are treated like all others, with 255.

    Shapes are assumed to be drawn on the upright photo; if the tool's size shows that they were drawn on the photo as
    stored, on its side, the mask is rotated.

    Args:
        photo: The photo and its shapes.
        ids: Class id, or 255 = ignore, by label.

    Returns:
        The mask.

    Raises:
        DataError: The photo cannot be opened, or its shapes were drawn on another size.
    """
    upright, stored, orientation = _sizes(photo)
    size = photo.size or upright
    if size not in (upright, stored):
        raise DataError(
            f"{photo.file}: got {upright[1]}x{upright[0]} (width x height), expected {size[1]}x{size[0]}, on which its "
            "shapes were drawn. The photo was resized since then: put the original here, or annotate this one."
        )
    mask = np.full(size, IGNORE, dtype=np.uint8)
    blank, regions = [], []
    for shape in photo.shapes:
        drawn = shape.draw(*size)
        rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
        if not len(rows):
            blank.append(shape.where)
            continue
        # Only the box is kept: a large photo may have hundreds of shapes.
        box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        region = drawn[box].copy()
        label_id = IGNORE if shape.label is None else ids[shape.label]
        regions.append((int(region.sum()), box, region, label_id))
    for _, box, region, label_id in sorted(regions, key=lambda each: -each[0]):
        mask[box][region] = label_id
    if size != upright:
        mask = np.asarray(Image.fromarray(mask).transpose(_TURNS[orientation]))
    return Painted(mask, blank)


def _sizes(photo: AnnotatedPhoto) -> tuple[tuple[int, int], tuple[int, int], int]:
    """Return height and width of the upright photo and of the stored one, and its EXIF orientation."""
    try:
        with Image.open(photo.file if photo.content is None else io.BytesIO(photo.content)) as image:
            orientation = int(image.getexif().get(ExifTags.Base.Orientation, 1))
            stored = image.height, image.width
    except Exception as error:  # a decoder may raise almost anything on broken bytes
        raise DataError(
            f"{photo.file}: cannot be opened ({type(error).__name__}: {error}), expected a photo. Save it again, or "
            "remove its annotations."
        ) from error
    upright = stored[::-1] if orientation in _TURNS else stored
    return upright, stored, orientation
