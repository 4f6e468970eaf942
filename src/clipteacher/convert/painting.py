"""Shapes painted into masks: which lies on top, and which way is up."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

from clipteacher.convert.annotated import AnnotatedPhoto
from clipteacher.data.files import DataError
from clipteacher.protocols.splits import IGNORE


def paint(photo: AnnotatedPhoto, ids: Mapping[str, int]) -> tuple[NDArray[np.uint8], list[str]]:
    """Paint the mask of a photo.

    Where shapes overlap, the one that covers fewer pixels is on top; of two equal ones, the one drawn later. So a cup
    on a table is a cup, in whatever order they were drawn. Shapes to be ignored are treated like all others, with 255.

    Shapes are assumed to be drawn on the upright photo; if the tool's size shows that they were drawn on the photo as
    stored, on its side, the mask is rotated.

    Args:
        photo: The photo and its shapes.
        ids: Class id, or 255 = ignore, by label.

    Returns:
        Class ids (H, W), uint8, values 0..N-1, 255 = not labelled, in the size of the upright photo; and the shapes
        that cover no pixel, by file and position.

    Raises:
        DataError: The photo cannot be opened, or its shapes were drawn on another size.
    """
    upright, stored, orientation = photo_sizes(photo.file, photo.content)
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
    return mask if size == upright else turned(mask, orientation), blank


def turned(mask: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Turn a mask (H, W), uint8, that was drawn on the photo as stored, as the photo's EXIF orientation turns it."""
    picture = Image.fromarray(mask)
    picture.getexif()[ExifTags.Base.Orientation] = orientation
    return np.asarray(ImageOps.exif_transpose(picture))


def photo_sizes(file: Path, content: bytes | None = None) -> tuple[tuple[int, int], tuple[int, int], int]:
    """Return height and width of the upright photo and of the stored one, and its EXIF orientation.

    Raises:
        DataError: It cannot be opened.
    """
    try:
        with Image.open(file if content is None else io.BytesIO(content)) as image:
            orientation = int(image.getexif().get(ExifTags.Base.Orientation, 1))
            stored = image.height, image.width
    except Exception as error:  # a decoder may raise almost anything on broken bytes
        raise DataError(
            f"{file}: cannot be opened ({type(error).__name__}: {error}), expected a photo. Save it again, or "
            "remove its annotations."
        ) from error
    # 5 to 8 swap the sides (Exif 2.3, tag 0x0112).
    return stored[::-1] if 5 <= orientation <= 8 else stored, stored, orientation
