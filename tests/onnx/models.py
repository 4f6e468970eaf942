"""Segmenters with random weights that the tests of ONNX, closed sets and calibration share."""

from typing import Any

from tests.stand_ins import convolutions, unit_vectors
from tests.stand_ins import smooth_photo as photo
from torch import Tensor, nn

from clipteacher.inference.settings import TestSettings
from clipteacher.segmenter.segmenter import Segmenter

__all__ = ["NAMES", "WIDTH", "own", "photo", "segmenter", "vectors"]

WIDTH = 24
NAMES = ("sky", "cat", "sea", "old chair", "tree")


def vectors(count: int = len(NAMES), width: int = WIDTH) -> Tensor:
    return unit_vectors(count, width)


def own(*more: nn.Module) -> nn.Sequential:
    """A network of your own at stride 4."""
    return convolutions(WIDTH, *more)


def segmenter(student: nn.Module | None = None, **settings: Any) -> Segmenter:  # noqa: ANN401
    """A segmenter of five names, one of them unseen; further arguments are fields of `TestSettings`."""
    return Segmenter(student or own(), NAMES, vectors(), unseen=["cat"], settings=TestSettings(**settings))
