"""From a photo to logits at its own size, around a network that takes arrays: `DensePrediction` without PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clipteacher.inference.placement import resized_size, windows
from clipteacher.onnx.resizing import resized
from clipteacher.protocols.protocol import TestPipeline

ArrayNetwork: TypeAlias = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""An image (3, H, W), float32 in [0, 1], to class logits (N, H, W), float32, at the image's own size."""


def image_array(photo: NDArray[Any]) -> NDArray[np.float32]:
    """Turn a photo of `read_photo`, (H, W, 3), uint8 or float32, into an image (3, H, W), float32 in [0, 1]."""
    values = np.ascontiguousarray(photo.transpose(2, 0, 1), dtype=np.float32)
    return values / np.float32(255) if photo.dtype == np.uint8 else values


def predicted_logits(network: ArrayNetwork, image: NDArray[np.float32], pipeline: TestPipeline) -> NDArray[np.float32]:
    """Predict the logits of every class at every pixel: what `DensePrediction` gives for such a network, to rounding.

    Args:
        network: It does its own padding.
        image: (3, H, W), float32 in [0, 1].
        pipeline: Size and windows in which the network sees the image.

    Returns:
        (N, H, W), float32: where windows overlap, their mean.

    Example:
        >>> image = np.ones((3, 5, 7), dtype=np.float32)
        >>> pipeline = TestPipeline(short_side=20, mode="slide", crop=12, stride=9)
        >>> predicted_logits(lambda part: part[:2] / 2, image, pipeline).shape
        (2, 5, 7)
    """
    own_size = image.shape[1], image.shape[2]
    input_size = resized_size(*own_size, pipeline.short_side)
    given = resized(image, input_size, antialias=True)
    placed = windows(*input_size, pipeline)
    if len(placed) == 1:
        return resized(network(given), own_size)
    totals: list[NDArray[np.float32]] = []
    counts = np.zeros(input_size, dtype=np.float32)
    for top, left, bottom, right in placed:
        logits = network(np.ascontiguousarray(given[:, top:bottom, left:right]))
        totals = totals or [np.zeros((len(logits), *input_size), dtype=np.float32)]
        totals[0][:, top:bottom, left:right] += logits
        counts[top:bottom, left:right] += 1
    return resized(totals[0] / counts, own_size)
