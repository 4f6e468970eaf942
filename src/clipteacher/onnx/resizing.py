"""Bilinear resizing in numpy: what `torch.nn.functional.interpolate` gives, where there is no PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def resized(maps: NDArray[np.float32], size: tuple[int, int], *, antialias: bool = False) -> NDArray[np.float32]:
    """Bring maps to another size.

    To rounding this is `interpolate(maps, size, mode="bilinear", align_corners=False, antialias=antialias)`.

    Args:
        maps: (C, h, w), float32.
        size: New height and width in pixels, at least 1.
        antialias: Where maps become smaller, average all the pixels that fall into one.

    Returns:
        (C, *size), float32; the maps themselves where they have that size.

    Example:
        >>> resized(np.array([[[0.0, 1.0]]], dtype=np.float32), (1, 4))[0].tolist()
        [[0.0, 0.25, 0.75, 1.0]]
    """
    # Columns and rows one after the other; first those that leave less to do.
    for axis in sorted((1, 2), key=lambda axis: size[axis - 1] / maps.shape[axis]):
        maps = _along(maps, axis, size[axis - 1], antialias)
    return maps


def _along(maps: NDArray[np.float32], axis: int, new: int, antialias: bool) -> NDArray[np.float32]:
    """Resize one axis."""
    if maps.shape[axis] == new:
        return maps
    places, weights = _taps(maps.shape[axis], new, antialias)
    shape = [1] * maps.ndim
    shape[axis] = new
    total: NDArray[np.float32] = maps.take(places[0], axis) * weights[0].reshape(shape)
    for place, weight in zip(places[1:], weights[1:], strict=True):
        part = maps.take(place, axis)
        part *= weight.reshape(shape)
        total += part
    return total


def _taps(old: int, new: int, antialias: bool) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """Places among the old pixels that make up each new one, (K, new), int, and their weights, (K, new).

    The weights are a triangle about the new pixel's centre, in float32 as PyTorch's are.
    """
    scale = np.float32(old / new)
    reach = max(scale, np.float32(1)) if antialias else np.float32(1)
    centre = (np.arange(new, dtype=np.float32) + np.float32(0.5)) * scale
    first = np.maximum((centre - reach + np.float32(0.5)).astype(np.int64), 0)
    last = np.minimum((centre + reach + np.float32(0.5)).astype(np.int64), old)
    places = first + np.arange((last - first).max())[:, np.newaxis]
    distance = np.abs(places.astype(np.float32) - centre + np.float32(0.5)) / reach
    weights = np.where(places < last, np.maximum(1 - distance, 0), 0).astype(np.float32)
    return np.minimum(places, old - 1), weights / weights.sum(axis=0)
