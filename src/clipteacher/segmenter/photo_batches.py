"""Photos read a few at a time, in batches that a network takes at once, and segmented."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from math import prod
from os import PathLike
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from clipteacher.data.photo import Photo, eight_bits, read_photo
from clipteacher.inference.dense_prediction import DensePrediction, Network
from clipteacher.inference.image import float_images, image_tensor
from clipteacher.inference.placement import MOST_PIXELS, input_size
from clipteacher.inference.settings import TestSettings
from clipteacher.inference.text_classifier import TextClassifier
from clipteacher.segmenter.segmentation import NONE, Segmentation


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


@torch.inference_mode()
def segment_photos(
    network: Network,
    photos: Sequence[NDArray[Any]],
    class_names: tuple[str, ...],
    settings: TestSettings,
    classifier: TextClassifier | None = None,
    *,
    like: Tensor,
    return_logits: bool = False,
) -> list[Segmentation]:
    """Segment photos of one size together, as many at once as `clipteacher.inference.placement.MOST_PIXELS` are.

    Args:
        network: In eval mode, see `clipteacher.inference.dense_prediction.Network`.
        photos: Each (H, W, 3), as `read_photo` gives it.
        class_names: N names.
        settings: How photos are tested.
        classifier: The names' classes, and after them any that are none of the names; None where the network gives
            class logits already.
        like: A floating-point tensor of any shape with the network's device and type.
        return_logits: Keep the names' logits at the photos' own size.

    Returns:
        The segmentation of each: ids (H, W), int64, 0..N-1 or `NONE`.
    """
    size = photos[0].shape[0], photos[0].shape[1]
    at_once = max(MOST_PIXELS // max(prod(size), prod(input_size(*size, settings.pipeline))), 1)
    found: list[Segmentation] = []
    for first in range(0, len(photos), at_once):
        some = photos[first : first + at_once]
        images = torch.stack([image_tensor(photo) for photo in some]).to(like.device)
        prediction = DensePrediction(network, float_images(images).to(like), settings)
        logits = prediction.logits(classifier) if return_logits else None
        ids = prediction.labels(classifier) if logits is None else logits.argmax(dim=1)
        labels = ids.masked_fill(ids >= len(class_names), NONE).cpu().numpy()
        kept = [None] * len(some) if logits is None else logits[:, : len(class_names)].float().cpu().numpy()
        found += [
            Segmentation(each, class_names, own, eight_bits(photo))
            for each, own, photo in zip(labels, kept, some, strict=True)
        ]
    return found
