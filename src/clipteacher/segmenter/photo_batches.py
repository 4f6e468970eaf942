"""Photos read a few at a time, in batches that a network takes at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from clipteacher.data.photo import Photo, read_photo


def read_batches(photos: Iterable[Photo], batch_size: int) -> Iterator[list[NDArray[Any]]]:
    """Read photos in order; neighbours of one size and type form a batch.

    Args:
        photos: Each as `read_photo` takes it; an iterator may read them as it goes.
        batch_size: Photos that are read at once.

    Yields:
        Photos (H, W, 3) of one size, uint8 or float32, at most `batch_size`.

    Raises:
        DataError: A file cannot be read.
        TypeError: `photos` is one photo, or a photo is none of these things.
        ValueError: As `read_photo`, or `batch_size` is not positive.
    """
    if isinstance(photos, str | PathLike | np.ndarray | Tensor | Image.Image):
        raise TypeError(
            f"photos: got one {type(photos).__name__}, expected a list of photos. Write [photo], or list(batch)."
        )
    if batch_size < 1:
        raise ValueError(f"batch_size: got {batch_size}, expected at least 1. Give 8.")
    todo = iter(photos)
    while read := [read_photo(photo) for photo in islice(todo, batch_size)]:
        for _, some in groupby(read, key=lambda photo: (photo.shape, photo.dtype)):
            yield list(some)
