"""The picture on the page: small enough to be sent again whenever the opacity moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from clipteacher.pictures import paint
from clipteacher.segmenter.segmentation import NONE


@dataclass(frozen=True, eq=False)
class View:
    """A photo and its ids at the size of the page.

    Attributes:
        photo: The photo (h, w, 3), uint8, RGB, 0..255.
        labels: Ids (h, w), int32, values 0..N-1, or `NONE`.
    """

    photo: NDArray[np.uint8]
    labels: NDArray[np.int32]


def view_of(photo: NDArray[np.uint8], labels: NDArray[np.integer[Any]], side: int) -> View:
    """Bring a photo and its ids to the size of the page.

    A large photo is made smaller. A small one is enlarged by a whole number, as long as half of `side` holds it, for
    borders between words, a pixel wide, would else be thick.

    Args:
        photo: The photo (H, W, 3), uint8, RGB, 0..255.
        labels: Ids (H, W), integer, values 0..N-1, or `NONE`.
        side: Pixels of the longer side at most.

    Returns:
        The photo smoothed, the ids never: each is that of the nearest pixel.
    """
    height, width = labels.shape
    longer = max(height, width)
    scale = side / longer if longer > side else max(1, side // 2 // longer)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = Image.fromarray(photo).resize(size, Image.Resampling.LANCZOS)
    ids = Image.fromarray(labels.astype(np.int32)).resize(size, Image.Resampling.NEAREST)
    return View(np.asarray(picture), np.asarray(ids))


def painted(view: View, opacity: float) -> NDArray[np.uint8]:
    """Lay the colours over the photo.

    Args:
        view: The photo and its ids.
        opacity: Weight of the colours, 0 (the photo alone) to 1 (colours alone).

    Returns:
        The picture (h, w, 3), uint8, RGB; pixels of `NONE` stay photo.

    Raises:
        ValueError: `opacity` is no number from 0 to 1.
    """
    return paint(view.photo, view.labels, opacity=opacity, ignore=NONE)
