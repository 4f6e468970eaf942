"""The students of the paper: how each is named, and the size that its authors published for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from torch import nn

from clipteacher.students.deeplabv3plus import DeepLabV3PlusStudent
from clipteacher.students.segformer import SegFormerStudent
from clipteacher.students.segnext import SegNeXtStudent
from clipteacher.students.swin_upernet import SwinUPerNetStudent


@dataclass(frozen=True)
class PublishedStudent:
    """A student of the paper, with 150 classes as its authors counted it.

    Attributes:
        name: As papers call it.
        student: Its class.
        arguments: What makes it this size; `channels` and `weights` come on top.
        stride: Of its features.
        parameters: Published number of parameters, in millions.
        flops: Published multiplications with addition for one image, in units of 10⁹.
        source: Where the figures stand.
        flops_size: Height and width of that image.
        every_product: Whether they count the products by element too, see `count_flops`.
        auxiliary: Parameters among the published ones, in millions, of a head that only training has and a student has
            not: a 3 × 3 convolution from the third stage to 256 channels, its normalisation, and 150 classes.
    """

    name: str
    student: type[nn.Module]
    arguments: Mapping[str, str | int]
    stride: int
    parameters: float
    flops: float
    source: str
    flops_size: tuple[int, int] = (512, 512)
    every_product: bool = False
    auxiliary: float = 0.0

    @property
    def class_path(self) -> str:
        """The class as YAML names it."""
        return f"{self.student.__module__}.{self.student.__qualname__}"

    def build(self, channels: int, weights: str | None = None) -> nn.Module:
        """Build it.

        Args:
            channels: C, the width of the teacher's joint space.
            weights: As its class takes them.
        """
        return self.student(**self.arguments, channels=channels, weights=weights)


def _auxiliary(channels: int) -> float:
    return (channels * 256 * 9 + 2 * 256 + 257 * 150) / 1e6


def _segnext(letter: str, size: str, parameters: float, flops: float) -> PublishedStudent:
    arguments, name = MappingProxyType({"size": size}), f"SegNeXt-{letter}"
    return PublishedStudent(
        name, SegNeXtStudent, arguments, 8, parameters, flops, "arXiv 2209.08575", every_product=True
    )


def _segformer(size: str, parameters: float, flops: float) -> PublishedStudent:
    arguments = MappingProxyType({"size": size})
    name, source = f"SegFormer-{size.upper()}", "arXiv 2105.15203"
    return PublishedStudent(name, SegFormerStudent, arguments, 4, parameters, flops, source)


def _swin(letter: str, size: str, parameters: float, flops: float, third_stage: int) -> PublishedStudent:
    arguments, auxiliary = MappingProxyType({"size": size}), _auxiliary(third_stage)
    name, source = f"Swin-{letter} + UPerNet", "github.com/SwinTransformer/Swin-Transformer-Semantic-Segmentation"
    return PublishedStudent(
        name, SwinUPerNetStudent, arguments, 4, parameters, flops, source, (512, 2048), auxiliary=auxiliary
    )


def _deeplab(depth: int, parameters: float, flops: float, source: str) -> PublishedStudent:
    arguments, name = MappingProxyType({"depth": depth}), f"DeepLabV3+ R{depth}"
    return PublishedStudent(
        name, DeepLabV3PlusStudent, arguments, 4, parameters, flops, source, auxiliary=_auxiliary(1024)
    )


PAPER_STUDENTS: tuple[PublishedStudent, ...] = (
    _segnext("T", "tiny", 4.3, 6.6),
    _segnext("S", "small", 13.9, 15.9),
    _segnext("B", "base", 27.6, 34.9),
    _segnext("L", "large", 48.9, 70.0),
    _segformer("b0", 3.8, 8.4),
    _segformer("b1", 13.7, 15.9),
    _segformer("b2", 27.5, 62.4),
    _segformer("b3", 47.3, 79.0),
    _segformer("b4", 64.1, 95.7),
    _segformer("b5", 84.7, 111.6),
    _swin("T", "tiny", 60, 945, third_stage=384),
    _swin("S", "small", 81, 1038, third_stage=384),
    _swin("B", "base", 121, 1188, third_stage=512),
    _deeplab(50, 43.7, 177, "arXiv 2105.15203 (parameters), arXiv 2107.06278 (FLOPs)"),
    _deeplab(101, 62.7, 255.1, "arXiv 2105.15203"),
)
