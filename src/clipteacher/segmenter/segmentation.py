"""The segmentation of one photo: a class name for every pixel, and a picture of it. Numpy and Pillow; no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from clipteacher.pictures import overlay, save_picture
from clipteacher.pictures.overlays import NONE_OF_THESE

NONE: Final = -1
"""Id of a pixel that is none of the names."""


@dataclass(frozen=True, eq=False)
class Segmentation:
    """The names of a photo's pixels.

    Attributes:
        labels: Ids (H, W), int64: positions in `class_names`, 0..N-1, or `NONE`.
        class_names: The N names that were asked for.
        logits: Class logits Rᵀ T, less the calibration, at the photo's own size, (N, H, W), float32; None where they
            were not asked for. They are no probabilities: a higher one is a better match, and they may be negative.
        photo: The photo, (H, W, 3), uint8, RGB, to draw on; None where it is not kept.

    Raises:
        ValueError: Labels or logits have another shape or type, or an id is no position in `class_names`.

    Example:
        >>> found = Segmentation(np.array([[0, 1], [1, NONE]]), ("cat", "old chair"))
        >>> found.areas, found.none_area
        ({'cat': 0.25, 'old chair': 0.5}, 0.25)
    """

    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    logits: NDArray[np.float32] | None = None
    photo: NDArray[np.uint8] | None = None

    def __post_init__(self) -> None:
        """Check that the parts fit."""
        labels, names = self.labels, self.class_names
        if labels.ndim != 2 or labels.dtype != np.int64 or not labels.size:
            raise ValueError(f"labels: got {labels.dtype} {labels.shape}, expected int64 (H, W). Give one photo's ids.")
        if labels.min() < NONE or labels.max() >= len(names):
            raise ValueError(
                f"labels: got ids {labels.min()}..{labels.max()}, expected {NONE}..{len(names) - 1}. Give a name for "
                "each id."
            )
        if self.logits is not None and self.logits.shape != (len(names), *labels.shape):
            raise ValueError(
                f"logits: got shape {self.logits.shape}, expected {(len(names), *labels.shape)}. Give one map a name."
            )

    def __repr__(self) -> str:
        """Return the size and the share of each name, not the arrays.

        Example:
            >>> Segmentation(np.array([[0, 0], [0, NONE]]), ("cat",))
            Segmentation(2x2 pixels: cat 75.0%, none of these 25.0%)
        """
        shares = [(name, share) for name, share in (*self.areas.items(), (NONE_OF_THESE, self.none_area)) if share]
        height, width = self.labels.shape
        return f"Segmentation({width}x{height} pixels: {', '.join(f'{name} {share:.1%}' for name, share in shares)})"

    @property
    def areas(self) -> dict[str, float]:
        """Share of the photo's pixels by name, 0..1, in the order of the names; what is none of them counts too."""
        counts = np.bincount(self.labels[self.labels != NONE], minlength=len(self.class_names))
        return {name: int(count) / self.labels.size for name, count in zip(self.class_names, counts, strict=True)}

    @property
    def none_area(self) -> float:
        """Share of the pixels that are none of the names, 0..1."""
        return float(np.mean(self.labels == NONE))

    def mask(self, name: str) -> NDArray[np.bool_]:
        """Return where a name is.

        Args:
            name: One of `class_names`.

        Returns:
            (H, W), bool.

        Raises:
            ValueError: It is not one of the names.
        """
        if name not in self.class_names:
            raise ValueError(
                f"name: got {name!r}, expected one of {', '.join(self.class_names)}. Ask `segment` for it."
            )
        mask: NDArray[np.bool_] = self.labels == self.class_names.index(name)
        return mask

    def plot(self, *, opacity: float = 0.55) -> Image.Image:
        """Draw the photo with its classes in colour, and a legend with the area of each and of what is none of them.

        A name has the same colour in every picture, see `clipteacher.pictures.class_colours`.
        Pixels that are none of the names are hatched.

        A notebook shows the picture; elsewhere `.show()` opens it.

        Args:
            opacity: Weight of the colours, 0 (the photo alone) to 1 (colours alone).

        Returns:
            An RGB picture, at least as wide as the photo and higher by the legend. Without a photo, on white.

        Raises:
            ValueError: `opacity` is not in 0..1.
        """
        photo = self.photo if self.photo is not None else np.full((*self.labels.shape, 3), 255, dtype=np.uint8)
        return overlay(photo, self.labels, self.class_names, opacity=opacity, ignore=NONE)

    def save(self, path: str | Path, *, opacity: float = 0.55) -> None:
        """Write the picture that `plot` draws, whole or not at all.

        Args:
            path: The file; its suffix, such as .png or .jpg, is the format.
            opacity: As `plot`.

        Raises:
            OSError: The disk refuses it.
            ValueError: As `plot`, or Pillow writes no format of that suffix.
        """
        save_picture(self.plot(opacity=opacity), path)
