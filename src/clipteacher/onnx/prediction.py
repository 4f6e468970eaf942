"""From a photo to logits at its own size, around a network that takes arrays: `DensePrediction` without PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from clipteacher.inference.placement import input_size, windows
from clipteacher.onnx.resizing import resized
from clipteacher.protocols.protocol import TestPipeline

ArrayNetwork: TypeAlias = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""An image (3, H, W), float32 in [0, 1], to class logits (N, H, W), float32, at the image's own size."""


def image_array(photo: NDArray[Any]) -> NDArray[np.float32]:
    """Turn a photo of `read_photo`, (H, W, 3), uint8 or float32, into an image (3, H, W), float32 in [0, 1]."""
    values = np.ascontiguousarray(photo.transpose(2, 0, 1), dtype=np.float32)
    return values / np.float32(255) if photo.dtype == np.uint8 else values


def predicted_logits(network: ArrayNetwork, image: NDArray[np.float32], pipeline: TestPipeline) -> NDArray[np.float32]:
    """Predict the logits of every class, what `DensePrediction` gives for such a network, before they are resized.

    Args:
        network: It does its own padding.
        image: (3, H, W), float32 in [0, 1].
        pipeline: Size and windows in which the network sees the image.

    Returns:
        (N, h, w), float32, at the size of `clipteacher.inference.placement.input_size`: where windows overlap, their
        mean.

    Example:
        >>> image = np.ones((3, 5, 7), dtype=np.float32)
        >>> pipeline = TestPipeline(short_side=20, mode="slide", crop=12, stride=9)
        >>> predicted_logits(lambda part: part[:2] / 2, image, pipeline).shape
        (2, 20, 28)
    """
    size = input_size(image.shape[1], image.shape[2], pipeline)
    given = resized(image, size, antialias=True)
    placed = windows(*size, pipeline)
    if len(placed) == 1:
        return network(given)
    totals: list[NDArray[np.float32]] = []
    counts = np.zeros(size, dtype=np.float32)
    for top, left, bottom, right in placed:
        logits = network(np.ascontiguousarray(given[:, top:bottom, left:right]))
        totals = totals or [np.zeros((len(logits), *size), dtype=np.float32)]
        totals[0][:, top:bottom, left:right] += logits
        counts[top:bottom, left:right] += 1
    return totals[0] / counts


def best_class(logits: NDArray[np.float32], size: tuple[int, int]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Find the best class of each pixel at a size, one class after the other: never all of them in full size.

    Args:
        logits: (N, h, w), float32, of one class at least.
        size: Height and width H, W in pixels.

    Returns:
        Its id (H, W), int64, 0..N-1, the first of several that are equal; and its logit (H, W), float32.

    Example:
        >>> ids, values = best_class(np.array([[[0.0]], [[2.0]]], dtype=np.float32), (1, 3))
        >>> ids.tolist(), values.tolist()
        ([[1, 1, 1]], [[2.0, 2.0, 2.0]])
    """
    best = resized(logits[:1], size)[0].copy()
    ids = np.zeros(size, dtype=np.int64)
    for number in range(1, len(logits)):
        (values,) = resized(logits[number : number + 1], size)
        ids[values > best] = number
        np.maximum(best, values, out=best)
    return ids, best
