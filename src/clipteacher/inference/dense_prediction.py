"""The one way from a network and images to labels, logits and features at the photos' own size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final, NamedTuple, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

from clipteacher.inference.bilinear import resized, shares
from clipteacher.inference.cell_labels import cell_labels, serves, worthwhile
from clipteacher.inference.cells import Side, cells_along
from clipteacher.inference.image import float_images
from clipteacher.inference.placement import input_size, windows
from clipteacher.inference.settings import TestSettings
from clipteacher.inference.stride_logits import StrideLogits
from clipteacher.inference.text_classifier import TextClassifier

Network: TypeAlias = Callable[[Tensor], Tensor]
"""Images (B, 3, H, W), float in [0, 1], to features (B, C, h, w) or class logits (B, N, h, w): a student, a teacher's
dense tokens, a closed-set network, or an ONNX session."""


_FEW: Final = 8
"""Classes of which one after the other is compared, faster than by torch's `max` over them."""


class Best(NamedTuple):
    """The best class of a group at every pixel.

    Attributes:
        values: Its logit, (B, H, W), floating point; -inf where the group has no class.
        ids: Its id among all classes, (B, H, W), int64; the first of several that are equal, -1 in an empty group.
    """

    values: Tensor
    ids: Tensor

    def or_better(self, later: Best) -> Best:
        """Take the higher logit at every pixel, (B, H, W); of equal ones the earlier stays."""
        wins = later.values > self.values
        return Best(torch.where(wins, later.values, self.values), torch.where(wins, later.ids, self.ids))


class _Window(NamedTuple):
    """A part of the images, and the network's output for it, (B, C, h, w), float32."""

    top: int
    left: int
    height: int
    width: int
    padded: tuple[int, int]
    output: Tensor

    def full_size(self, logits: Tensor) -> Tensor:
        """Bring logits (B, n, h, w) to the window's size, (B, n, height, width)."""
        return resized(logits, self.padded)[:, :, : self.height, : self.width]


class DensePrediction:
    """What a network predicts for images of one size: it runs once, and its output can be used for any number of calls.

    The network sees the images in the size and windows of the settings, within the bound of `placement.input_size`.
    Only class logits are brought to full size, a few classes at a time, and never features.

    Source: the test rule of arXiv 2310.02296, argmax over c of Rᵀ T_c; resizing and windows as mmseg 0.x.

    Deviation: an image is made smaller with antialiasing, as `Augment` makes it in training; mmcv does without.

    Args:
        network: A student, or another network, see `Network`.
        images: (B, 3, H, W), float in [0, 1], or uint8 in 0..255.
        settings: How photos are tested. The calibration plays no part here: it belongs to names, see `TextClassifier`.

    Example:
        >>> photos = torch.rand(1, 3, 5, 7)
        >>> prediction = DensePrediction(lambda images: images[:, :, ::4, ::4], photos)
        >>> prediction.labels(TextClassifier(torch.eye(3))).shape, prediction.logits().shape
        (torch.Size([1, 5, 7]), torch.Size([1, 3, 5, 7]))
    """

    def __init__(self, network: Network, images: Tensor, settings: TestSettings = TestSettings()) -> None:
        images, pipeline, multiple = float_images(images), settings.pipeline, settings.pad_multiple
        self.settings = settings
        self._count = len(images)
        self._own_size = (images.shape[2], images.shape[3])
        self._input_size = input_size(*self._own_size, pipeline)
        if self._input_size != self._own_size:
            images = F.interpolate(images, size=self._input_size, mode="bilinear", align_corners=False, antialias=True)
        self._windows: list[_Window] = []
        for top, left, bottom, right in windows(*self._input_size, pipeline):
            height, width = bottom - top, right - left
            padded = F.pad(images[:, :, top:bottom, left:right], (0, -width % multiple, 0, -height % multiple))
            size = (padded.shape[2], padded.shape[3])
            self._windows.append(_Window(top, left, height, width, size, network(padded).float()))

    @property
    def features(self) -> tuple[Tensor, ...]:
        """The network's output for each window, (B, C, h, w), float32, in the order of `placement.windows`."""
        return tuple(window.output for window in self._windows)

    def logits(self, classifier: TextClassifier | None = None) -> Tensor:
        """Return the logits of every class at every pixel.

        Args:
            classifier: The names; None where the network's output is class logits already.

        Returns:
            (B, N, H, W), float32; with a threshold N + 1, the last one for none of the names.
        """
        stride = self._stride_logits(classifier)
        logits = self._windows[0].output.new_empty(self._count, stride.num_classes, *self._own_size)
        for first, last, some in self._tiles(stride):
            logits[:, first:last] = some
        return logits

    def labels(self, classifier: TextClassifier | None = None) -> Tensor:
        """Label every pixel with its best class, without the logits of all classes in memory.

        With many names or on a large photo, on a CPU, most pixels are labelled by the positions of the network's output
        around them, and only names that may win are brought to full size, see `clipteacher.inference.cell_labels`.

        Args:
            classifier: As `logits`.

        Returns:
            Class ids (B, H, W), int64: the argmax of `logits`, the first of several that are equal. With more names
            than channels, a product of matrices rounds by its size, so that the label may be another one where two
            logits differ by no more than this.

        Raises:
            ValueError: There is no class.
        """
        stride = self._stride_logits(classifier)
        labels = self._labels_by_cells(stride)
        return self._enlarged_labels(stride) if labels is None else labels

    def best_of(self, groups: Sequence[Sequence[int]], classifier: TextClassifier | None = None) -> tuple[Best, ...]:
        """Find the best class of each group at every pixel, by the same logits, to the bit, as `logits`.

        Args:
            groups: Ids of the classes in each group, ascending, 0..N-1.
            classifier: As `logits`.

        Returns:
            The best of each group.
        """
        shape, like = (self._count, *self._own_size), self._windows[0].output
        nothing = Best(like.new_full(shape, -torch.inf), like.new_full(shape, -1, dtype=torch.int64))
        bests = [nothing] * len(groups)
        for first, last, logits in self._tiles(self._stride_logits(classifier)):
            for number, group in enumerate(groups):
                columns = torch.tensor([each - first for each in group if first <= each < last], device=logits.device)
                if len(columns):
                    values, places = logits[:, columns].max(dim=1)
                    bests[number] = bests[number].or_better(Best(values, columns[places] + first))
        return tuple(bests)

    def _stride_logits(self, classifier: TextClassifier | None) -> StrideLogits:
        across = sum(window.top == self._windows[0].top for window in self._windows)
        return StrideLogits(self.features, across, classifier)

    def _labels_by_cells(self, stride: StrideLogits) -> Tensor | None:
        """Label by cells, an image at a time; None where all classes should be enlarged."""
        device, classes, most = self._windows[0].output.device, stride.num_classes, self.settings.max_logits
        pixels = self._own_size[0] * self._own_size[1]
        positions = sum(output[0, 0].numel() for output in self.features)
        # Not measured on GPUs, which enlarge fast, and would wait for each of the many small steps.
        if device.type != "cpu" or not worthwhile(classes, pixels, positions) or torch.compiler.is_compiling():
            return None
        rows, columns = self._sides()
        if not serves(rows, columns, classes, most):
            return None
        found = []
        for image in range(self._count):
            one = cell_labels(partial(stride.at, image), rows, columns, classes, most)
            if one is None:
                return None
            found.append(one)
        labels = torch.stack([each.labels for each in found])
        doubt = torch.cat([each.doubt + number * each.labels.numel() for number, each in enumerate(found)])
        doubt = torch.unique(doubt)
        if len(doubt):
            in_question = torch.unique(torch.cat([each.classes for each in found]))
            labels.view(-1)[doubt] = self._enlarged_labels(stride, in_question, doubt)
        return labels

    def _sides(self) -> tuple[Side, Side]:
        """The cells from top to bottom and from left to right."""
        first = self._windows[0]
        rows = [(window.top, window.top + window.height) for window in self._windows if window.left == first.left]
        columns = [(window.left, window.left + window.width) for window in self._windows if window.top == first.top]
        down, across = (
            cells_along(shares(spans, positions, padded, own, device=first.output.device))
            for spans, positions, padded, own in zip(
                (rows, columns), first.output.shape[2:], first.padded, self._own_size, strict=True
            )
        )
        return down, across

    def _enlarged_labels(
        self, stride: StrideLogits, classes: Tensor | None = None, pixels: Tensor | None = None
    ) -> Tensor:
        """Label pixels with the best of some classes, each of them enlarged.

        Args:
            stride: The logits at the network's stride.
            classes: Ids (n,), int64, ascending, at least one; None is all.
            pixels: b · H · W + y · W + x, (D,), int64; None is all.

        Returns:
            Class ids, int64: (D,), or (B, H, W) for all pixels.
        """
        best: Best | None = None
        for first, _, logits in self._tiles(stride, classes):
            some = logits.detach()
            if pixels is not None:
                area = some[0, 0].numel()
                some = some.flatten(2)[pixels // area, :, pixels % area]
            best = _best_yet(best, some, first)
        if best is None:
            raise ValueError("labels: got no class, expected at least one name")
        ids = best.ids.long()
        return ids if classes is None else classes[ids]

    def _tiles(self, stride: StrideLogits, classes: Tensor | None = None) -> Iterator[tuple[int, int, Tensor]]:
        """Yield logits (B, last - first, H, W) at the photos' own size, of runs first..last-1 of the classes.

        Each run has at most `max_logits` numbers, but one class at least.
        """
        sides = (self._own_size, self._input_size, *(window.padded for window in self._windows))
        pixels = self._count * max(height * width for height, width in sides)
        step, count = (
            max(self.settings.max_logits // pixels, 1),
            stride.num_classes if classes is None else len(classes),
        )
        for first in range(0, count, step):
            last = min(first + step, count)
            parts = stride.of(slice(first, last) if classes is None else classes[first:last])
            yield first, last, resized(self._joined(parts), self._own_size)

    def _joined(self, parts: Sequence[Tensor]) -> Tensor:
        """Logits at the size that the network is given: the mean over the windows that hold a pixel."""
        if len(self._windows) == 1:
            return self._windows[0].full_size(parts[0])
        total = parts[0].new_zeros(self._count, parts[0].shape[1], *self._input_size)
        counts = total.new_zeros(self._input_size)
        for window, logits in zip(self._windows, parts, strict=True):
            place = (slice(window.top, window.top + window.height), slice(window.left, window.left + window.width))
            total[..., *place] += window.full_size(logits)
            counts[place] += 1
        return total.div_(counts)


def _best_yet(best: Best | None, logits: Tensor, first: int) -> Best:
    """Keep the best of what was found, ids in int32, and of classes first.. with logits (B, n, H, W) or (D, n).

    What was found is written over: on a large photo to make new tensors takes longer than to compare.
    """
    if logits.shape[1] > _FEW:
        values, ids = logits.max(dim=1)
        ids = (ids + first).int()
        if best is None:
            return Best(values, ids)
        wins = values > best.values
        torch.where(wins, ids, best.ids, out=best.ids)
        torch.where(wins, values, best.values, out=best.values)
        return best
    if best is None:
        values = logits[:, 0].clone()
        best = Best(values, torch.full_like(values, first, dtype=torch.int32))
    for number, values in enumerate(logits.unbind(dim=1), first):
        wins = values > best.values
        best.ids.masked_fill_(wins, number)
        torch.where(wins, values, best.values, out=best.values)
    return best
