"""The class logits of all windows at the network's stride, made when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from clipteacher.inference.text_classifier import TextClassifier


class StrideLogits:
    """Class logits from the network's output for each window.

    Features do not grow with the number of names: with more names than channels, they are what is kept, and logits are
    made a few at a time. Otherwise all logits are made once.

    Args:
        outputs: Of each window, (B, C, h, w), float32, row by row.
        across: Windows in a row.
        classifier: The names; None where the output is class logits already.

    Attributes:
        num_classes: N.
        shape: Positions of all windows together, rows · h and across · w: window after window along either side.
    """

    def __init__(self, outputs: Sequence[Tensor], across: int, classifier: TextClassifier | None) -> None:
        self._across = across
        if classifier is not None and len(classifier.text_features) <= outputs[0].shape[1]:
            outputs, classifier = [classifier.logits(output) for output in outputs], None
        self._outputs, self._classifier = outputs, classifier
        self.num_classes = outputs[0].shape[1] if classifier is None else classifier.num_classes
        height, width = outputs[0].shape[2:]
        self.shape = (len(outputs) // across * height, across * width)

    def of(self, ids: Tensor | slice) -> list[Tensor]:
        """Return the logits of some classes for each window, (B, n, h, w).

        Args:
            ids: A slice with a start and a stop, or ids (n,), int64, ascending.
        """
        if self._classifier is None:
            return [output[:, ids] for output in self._outputs]
        if isinstance(ids, slice):
            return [self._classifier.logits(output, ids.start, ids.stop) for output in self._outputs]
        chosen = self._classifier.chosen(ids)
        return [chosen.logits(output) for output in self._outputs]

    def at(self, image: int, rows: Tensor, columns: Tensor) -> Tensor:
        """Return the logits of every class at some positions of one image.

        Args:
            image: 0..B-1.
            rows: (r,), int64, ascending, in the first side of `shape`.
            columns: (c,), int64, ascending, in the second.

        Returns:
            (N, r, c), float32; it may be a view.
        """
        lines = []
        for line, own_rows in enumerate(
            _by_window(rows, self._outputs[0].shape[2], len(self._outputs) // self._across)
        ):
            windows = self._outputs[line * self._across :]
            across = _by_window(columns, self._outputs[0].shape[3], self._across)
            cuts = [
                _chosen(_chosen(window[image], 1, own_rows), 2, own_columns)
                for window, own_columns in zip(windows, across, strict=False)
            ]
            lines.append(_joined(cuts, 2))
        joined = _joined(lines, 1)
        return joined if self._classifier is None else self._classifier.logits(joined[None])[0]


def _by_window(positions: Tensor, length: int, windows: int) -> list[Tensor]:
    """Divide positions along a side among its windows, each of a length, and count them from each window's first."""
    return [positions[positions // length == window] - window * length for window in range(windows)]


def _chosen(maps: Tensor, dim: int, positions: Tensor) -> Tensor:
    """Choose positions (n,), ascending, along a dimension of maps (C, h, w): a view where they follow on each other."""
    if len(positions) and int(positions[-1] - positions[0]) + 1 == len(positions):
        return maps.narrow(dim, int(positions[0]), len(positions))
    return maps.index_select(dim, positions)


def _joined(maps: Sequence[Tensor], dim: int) -> Tensor:
    """Join maps along a dimension; a single one stays a view."""
    return maps[0] if len(maps) == 1 else torch.cat(list(maps), dim=dim)
