"""What a segmenter says of one photo: a name for every pixel. Numpy alone; no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

NONE: Final = -1
"""Id of a pixel that is none of the names."""


@dataclass(frozen=True, eq=False)
class Segmentation:
    """The names of a photo's pixels.

    Attributes:
        labels: Ids (H, W), int64: positions in `names`, 0..N-1, or `NONE`.
        names: The N names that were asked for.
        scores: Class scores Rᵀ T at the photo's own size, (N, H, W), float32, or None where they were not asked for.
            A model's seen offset is taken off. They are no probabilities: a higher one is a better match, and they may
            be negative.

    Raises:
        ValueError: Labels or scores have another shape or type, or an id is no position in `names`.

    Example:
        >>> found = Segmentation(np.array([[0, 1], [1, NONE]]), ("cat", "old chair"))
        >>> found.areas, found.none_area
        ({'cat': 0.25, 'old chair': 0.5}, 0.25)
    """

    labels: NDArray[np.int64]
    names: tuple[str, ...]
    scores: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        """Check that the parts fit."""
        labels, names = self.labels, self.names
        if labels.ndim != 2 or labels.dtype != np.int64 or not labels.size:
            raise ValueError(f"labels: got {labels.dtype} {labels.shape}, expected int64 (H, W). Give one photo's ids.")
        if labels.min() < NONE or labels.max() >= len(names):
            raise ValueError(
                f"labels: got ids {labels.min()}..{labels.max()}, expected {NONE}..{len(names) - 1}. Give a name for "
                "each id."
            )
        if self.scores is not None and self.scores.shape != (len(names), *labels.shape):
            raise ValueError(
                f"scores: got shape {self.scores.shape}, expected {(len(names), *labels.shape)}. Give one map a name."
            )

    @property
    def areas(self) -> dict[str, float]:
        """Share of the photo's pixels by name, 0..1, in the order of the names; what is none of them counts too."""
        counts = np.bincount(self.labels[self.labels != NONE], minlength=len(self.names))
        return {name: int(count) / self.labels.size for name, count in zip(self.names, counts, strict=True)}

    @property
    def none_area(self) -> float:
        """Share of the pixels that are none of the names, 0..1."""
        return float(np.mean(self.labels == NONE))

    def mask(self, name: str) -> NDArray[np.bool_]:
        """Return where a name is.

        Args:
            name: One of `names`.

        Returns:
            (H, W), bool.

        Raises:
            ValueError: It is not one of the names.
        """
        if name not in self.names:
            raise ValueError(f"name: got {name!r}, expected one of {', '.join(self.names)}. Ask `segment` for it.")
        mask: NDArray[np.bool_] = self.labels == self.names.index(name)
        return mask
