"""DeepLabV3+ R50 and R101 as students, at the published sizes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clipteacher.students.smp import WEIGHT_FILES
from clipteacher.students.student import DescribedStudent
from clipteacher.utils.weights import load_encoder, read_weights

DEPTHS = (50, 101)
OUTPUT_STRIDE = 8
DECODER_CHANNELS, SKIP_CHANNELS = 512, 48
DILATIONS = (12, 24, 36)


def conv_norm(channels: int, out: int, kernel: int = 1, *, dilation: int = 1, groups: int = 1) -> nn.Sequential:
    """Make a convolution that keeps the size, batch normalisation and ReLU: (B, C, h, w), float, to (B, C', h, w)."""
    padding = dilation * (kernel // 2)
    conv = nn.Conv2d(channels, out, kernel, padding=padding, dilation=dilation, groups=groups, bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    return nn.Sequential(conv, nn.BatchNorm2d(out), nn.ReLU())


def separable(channels: int, out_channels: int, dilation: int = 1) -> nn.Sequential:
    """Make a depth-wise 3 × 3 and a 1 × 1 `conv_norm`: (B, C, h, w), float, to (B, C', h, w)."""
    depthwise = conv_norm(channels, channels, 3, dilation=dilation, groups=channels)
    return nn.Sequential(depthwise, conv_norm(channels, out_channels))


class SeparableASPP(nn.Module):
    """DeepLabV3+'s decoder without its last layer: atrous spatial pyramid pooling, then a skip from stride 4.

    Source: arXiv 1802.02611, as OpenMMLab's mmsegmentation has it, whose sizes are the published ones.

    Args:
        skip_channels: Channels of the encoder's map at stride 4.
        in_channels: Channels of its last map.
    """

    def __init__(self, skip_channels: int, in_channels: int) -> None:
        super().__init__()
        width = DECODER_CHANNELS
        self.image_pool = conv_norm(in_channels, width)
        self.pyramid = nn.ModuleList([conv_norm(in_channels, width)])
        self.pyramid.extend(separable(in_channels, width, dilation) for dilation in DILATIONS)
        self.bottleneck = conv_norm((len(self.pyramid) + 1) * width, width, 3)
        self.skip = conv_norm(skip_channels, SKIP_CHANNELS)
        self.fuse = nn.Sequential(separable(width + SKIP_CHANNELS, width), separable(width, width))

    def forward(self, skip: Tensor, features: Tensor) -> Tensor:
        """Decode maps (B, C_1, h, w) and (B, C_4, h', w'), float, into (B, 512, h, w), non-negative."""
        pooled = self.image_pool(F.adaptive_avg_pool2d(features, 1)).expand(-1, -1, *features.shape[2:])
        context = self.bottleneck(torch.cat([pooled, *(branch(features) for branch in self.pyramid)], dim=1))
        fine = self.skip(skip)
        context = F.interpolate(context, size=fine.shape[2:], mode="bilinear", align_corners=False)
        out: Tensor = self.fuse(torch.cat([context, fine], dim=1))
        return out


class DeepLabV3PlusStudent(DescribedStudent):
    """DeepLabV3+ on a ResNet-50 or -101 with C channels instead of one per class, at stride 4.

    Source: arXiv 1802.02611 in the form of OpenMMLab's mmsegmentation (R-50-D8, R-101-D8), with which papers compare: a
    ResNetV1c (three 3 × 3 convolutions at the entrance) of output stride 8, 512 channels, and a dense 3 × 3 convolution
    after the pyramid. `SMPStudent("DeepLabV3Plus", "resnet50")` is a lighter network (256 channels, output stride 16,
    37 in place of 177 GFLOPs at 512²). It takes images of any size.

    Deviation: the published figures of size count an auxiliary head that looks at the third stage in training (2.4 M
    parameters); a student has one output, so it is left out.

    Args:
        depth: 50 or 101.
        channels: C, the width of the teacher's joint space.
        weights: The encoder's first weights: None (random), a local file (in timm's names for resnet50c and resnet101c,
            or in OpenMMLab's for resnet50_v1c), or timm's tag of weights on the hub, as "gluon_in1k".
        mean: Mean of the input's normalisation by channel, for images in [0, 1]. None is ImageNet's.
        std: Its standard deviation, likewise.
        dropout: Share of the decoder's channels that training sets to 0 before the last layer.

    Raises:
        ValueError: Unknown depth, or weights that do not fit.
        FileNotFoundError: The file of weights is missing.
    """

    def __init__(
        self,
        depth: int = 50,
        channels: int = 512,
        *,
        weights: str | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if depth not in DEPTHS:
            raise ValueError(f"student: got DeepLabV3+ of depth {depth!r}, expected one of {DEPTHS}")
        self.describe(kind="deeplabv3plus", depth=depth, channels=channels, mean=mean, std=std, dropout=dropout)
        tag = weights if weights is not None and Path(weights).suffix not in WEIGHT_FILES else None
        name = f"resnet{depth}c" + (f".{tag}" if tag else "")
        try:
            encoder: Any = timm.create_model(
                name, pretrained=tag is not None, features_only=True, out_indices=(1, 4), output_stride=OUTPUT_STRIDE
            )
        except RuntimeError as error:
            raise ValueError(
                f"student: got weights {weights!r} ({error}), expected a file or timm's tag for resnet{depth}c"
            ) from error
        if weights is not None and tag is None:
            load_encoder(encoder, read_weights(weights), weights)
        self.encoder = encoder
        self.decoder = SeparableASPP(*encoder.feature_info.channels())
        self.dropout = nn.Dropout2d(dropout)
        self.last = nn.Conv2d(DECODER_CHANNELS, channels, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, 3, H, W), float in [0, 1], to features (B, C, ⌈H/4⌉, ⌈W/4⌉)."""
        skip, last = self.encoder(self.normalized(images))
        features: Tensor = self.last(self.dropout(self.decoder(skip, last)))
        return features
