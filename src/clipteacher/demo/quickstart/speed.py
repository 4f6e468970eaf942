"""Images a second at test, one image at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from time import perf_counter

from torch import Tensor

from clipteacher.segmenter.segmenter import Segmenter


def images_per_second(segmenters: Mapping[str, Segmenter], images: Sequence[Tensor]) -> dict[str, float]:
    """Measure segmenters side by side: each image goes through all of them in turn, so that all meet the same machine.

    Args:
        segmenters: What is measured, by name.
        images: Images (3, H, W), float in [0, 1]; at least one. The first is segmented once more beforehand.

    Returns:
        One over the median of the seconds an image, by name.

    Raises:
        ValueError: There is no image.
    """
    if not images:
        raise ValueError("images: got none, expected at least one to measure on")
    seconds: dict[str, list[float]] = {name: [] for name in segmenters}
    for number, image in enumerate([images[0], *images]):
        for name, segmenter in segmenters.items():
            start = perf_counter()
            segmenter.segment(image)
            if number:
                seconds[name].append(perf_counter() - start)
    return {name: 1 / median(values) for name, values in seconds.items()}
