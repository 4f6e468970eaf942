"""Bilinear resizing as `clipteacher.inference` does it, in numpy and Pillow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def resize_photo(photo: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Resize a photo, antialiased where it becomes smaller, as torch's `interpolate(antialias=True)` to rounding.

    Args:
        photo: (H, W, 3), float32.
        height: Rows that come out.
        width: Columns that come out.

    Returns:
        (height, width, 3), float32.
    """
    # One channel at a time as floats: Pillow resizes colours in 8 bits only.
    channels = [Image.fromarray(np.ascontiguousarray(photo[..., channel])) for channel in range(photo.shape[2])]
    return np.stack([np.asarray(c.resize((width, height), Image.Resampling.BILINEAR)) for c in channels], axis=-1)


def resize_scores(scores: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Resize maps without antialiasing, as torch's `interpolate(mode="bilinear", align_corners=False)` to rounding.

    Args:
        scores: (N, H, W), float32.
        height: Rows that come out.
        width: Columns that come out.

    Returns:
        (N, height, width), float32.

    Example:
        >>> resize_scores(np.arange(4, dtype=np.float32).reshape(1, 4, 1), 2, 1).ravel().tolist()
        [0.5, 2.5]
    """
    for axis, new in ((1, height), (2, width)):
        old = scores.shape[axis]
        if old != new:
            place = np.maximum((np.arange(new) + 0.5) * old / new - 0.5, 0)
            lower = place.astype(np.int64)
            share = (place - lower).astype(np.float32).reshape((-1, 1) if axis == 1 else (-1,))
            upper = np.minimum(lower + 1, old - 1)
            scores = scores.take(lower, axis) * (1 - share) + scores.take(upper, axis) * share
    return scores
