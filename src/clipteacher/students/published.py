"""The students of the paper: how each is named, and the size that its authors published for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

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
        """Build it with C channels, the width of the teacher's joint space, and weights as its class takes them."""
        return self.student(**self.arguments, channels=channels, weights=weights)


def _auxiliary(channels: int) -> float:
    return (channels * 256 * 9 + 2 * 256 + 257 * 150) / 1e6


_segnext = partial(PublishedStudent, student=SegNeXtStudent, stride=8, source="arXiv 2209.08575", every_product=True)
_segformer = partial(PublishedStudent, student=SegFormerStudent, stride=4, source="arXiv 2105.15203")
_swin = partial(
    PublishedStudent,
    student=SwinUPerNetStudent,
    stride=4,
    flops_size=(512, 2048),
    source="github.com/SwinTransformer/Swin-Transformer-Semantic-Segmentation",
)
_deeplab = partial(PublishedStudent, student=DeepLabV3PlusStudent, stride=4, auxiliary=_auxiliary(1024))
_DEEPLAB_50 = "arXiv 2105.15203 (parameters), arXiv 2107.06278 (FLOPs)"

PAPER_STUDENTS: tuple[PublishedStudent, ...] = (
    _segnext("SegNeXt-T", arguments={"size": "tiny"}, parameters=4.3, flops=6.6),
    _segnext("SegNeXt-S", arguments={"size": "small"}, parameters=13.9, flops=15.9),
    _segnext("SegNeXt-B", arguments={"size": "base"}, parameters=27.6, flops=34.9),
    _segnext("SegNeXt-L", arguments={"size": "large"}, parameters=48.9, flops=70.0),
    _segformer("SegFormer-B0", arguments={"size": "b0"}, parameters=3.8, flops=8.4),
    _segformer("SegFormer-B1", arguments={"size": "b1"}, parameters=13.7, flops=15.9),
    _segformer("SegFormer-B2", arguments={"size": "b2"}, parameters=27.5, flops=62.4),
    _segformer("SegFormer-B3", arguments={"size": "b3"}, parameters=47.3, flops=79.0),
    _segformer("SegFormer-B4", arguments={"size": "b4"}, parameters=64.1, flops=95.7),
    _segformer("SegFormer-B5", arguments={"size": "b5"}, parameters=84.7, flops=111.6),
    _swin("Swin-T + UPerNet", arguments={"size": "tiny"}, parameters=60, flops=945, auxiliary=_auxiliary(384)),
    _swin("Swin-S + UPerNet", arguments={"size": "small"}, parameters=81, flops=1038, auxiliary=_auxiliary(384)),
    _swin("Swin-B + UPerNet", arguments={"size": "base"}, parameters=121, flops=1188, auxiliary=_auxiliary(512)),
    _deeplab("DeepLabV3+ R50", arguments={"depth": 50}, parameters=43.7, flops=177, source=_DEEPLAB_50),
    _deeplab("DeepLabV3+ R101", arguments={"depth": 101}, parameters=62.7, flops=255.1, source="arXiv 2105.15203"),
)
