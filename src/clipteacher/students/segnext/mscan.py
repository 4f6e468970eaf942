"""MSCAN, SegNeXt's encoder: multi-scale convolutional attention in four stages."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STRIP_LENGTHS = (7, 11, 21)
LAYER_SCALE = 1e-2


class MultiScaleConvAttention(nn.Module):
    """Depth-wise convolutions of several shapes, whose sum gates the input.

    Source: arXiv 2209.08575, equations (1) and (2):
    Att = Conv1x1(Σ_{i=0..3} Scale_i(DWConv(F))), Out = Att ⊗ F, with Scale_0 the identity and Scale_i a pair of strips
    1 × k and k × 1, k = 7, 11, 21. Names of the parts are those of the authors' checkpoints.

    Args:
        channels: Channels of the map.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(channels, channels, 5, padding=2, groups=channels)
        for index, length in enumerate(STRIP_LENGTHS):
            for step, kernel in ((1, (1, length)), (2, (length, 1))):
                padding = (kernel[0] // 2, kernel[1] // 2)
                strip = nn.Conv2d(channels, channels, kernel, padding=padding, groups=channels)
                self.add_module(f"conv{index}_{step}", strip)
        self.conv3 = nn.Conv2d(channels, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Gate a map (B, C, h, w), float; the result has its shape."""
        local: Tensor = self.conv0(features)
        attention = local
        for index in range(len(STRIP_LENGTHS)):
            strips = self.get_submodule(f"conv{index}_1")(local)
            attention = attention + self.get_submodule(f"conv{index}_2")(strips)
        gated: Tensor = self.conv3(attention) * features
        return gated


class Attention(nn.Module):
    """Multi-scale attention between two 1 × 1 convolutions, with a shortcut.

    Args:
        channels: Channels of the map.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.proj_1 = nn.Conv2d(channels, channels, 1)
        self.spatial_gating_unit = MultiScaleConvAttention(channels)
        self.proj_2 = nn.Conv2d(channels, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Attend within a map (B, C, h, w), float; the result has its shape."""
        attended: Tensor = self.proj_2(self.spatial_gating_unit(F.gelu(self.proj_1(features))))
        return attended + features


class FeedForward(nn.Module):
    """Widen, mix neighbours by a depth-wise convolution, narrow.

    Args:
        channels: Channels of the map.
        ratio: How much wider the middle is.
    """

    def __init__(self, channels: int, ratio: int) -> None:
        super().__init__()
        wide = channels * ratio
        self.fc1 = nn.Conv2d(channels, wide, 1)
        self.dwconv = nn.Sequential(OrderedDict(dwconv=nn.Conv2d(wide, wide, 3, padding=1, groups=wide)))
        self.fc2 = nn.Conv2d(wide, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, C, h, w), float, to the same shape."""
        out: Tensor = self.fc2(F.gelu(self.dwconv(self.fc1(features))))
        return out


class DropPath(nn.Module):
    """Stochastic depth (arXiv 1603.09382): a part is left out for some images in training, and scaled for the others.

    As timm's, to the bit; timm itself takes seconds to load, which a trained student need not wait for.

    Args:
        drop_prob: Chance that the part is left out for an image.
    """

    def __init__(self, drop_prob: float) -> None:
        super().__init__()
        self.drop_prob = drop_prob

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, C, h, w), float, to the same shape."""
        if not self.drop_prob or not self.training:
            return features
        keep = 1 - self.drop_prob
        kept = features.new_empty(len(features), 1, 1, 1).bernoulli_(keep)
        return features * (kept.div_(keep) if keep else kept)


class Block(nn.Module):
    """One layer of MSCAN: attention, then feed-forward, each scaled, dropped at random by image, and added.

    Args:
        channels: Channels of the map.
        ratio: How much wider the middle of the feed-forward part is.
        drop_path: Chance that a part is left out for an image in training.
    """

    def __init__(self, channels: int, ratio: int, drop_path: float) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(channels)
        self.attn = Attention(channels)
        self.drop_path = DropPath(drop_path)
        self.norm2 = nn.BatchNorm2d(channels)
        self.mlp = FeedForward(channels, ratio)
        self.layer_scale_1 = nn.Parameter(torch.full((channels,), LAYER_SCALE))
        self.layer_scale_2 = nn.Parameter(torch.full((channels,), LAYER_SCALE))

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, C, h, w), float, to the same shape."""
        attended = self.layer_scale_1[:, None, None] * self.attn(self.norm1(features))
        features = features + self.drop_path(attended)
        mixed = self.layer_scale_2[:, None, None] * self.mlp(self.norm2(features))
        out: Tensor = features + self.drop_path(mixed)
        return out


def stem(channels: int) -> nn.Sequential:
    """Two 3 × 3 convolutions of stride 2 at the network's entrance: (B, 3, H, W), float, to (B, C, ⌈H/4⌉, ⌈W/4⌉)."""
    half = channels // 2
    first = nn.Conv2d(3, half, 3, stride=2, padding=1), nn.BatchNorm2d(half), nn.GELU()
    second = nn.Conv2d(half, channels, 3, stride=2, padding=1), nn.BatchNorm2d(channels)
    return nn.Sequential(OrderedDict(proj=nn.Sequential(*first, *second)))


def downsample(channels: int, out_channels: int) -> nn.Sequential:
    """A 3 × 3 convolution of stride 2 between two stages: (B, C, h, w), float, to (B, C', ⌈h/2⌉, ⌈w/2⌉)."""
    conv = nn.Conv2d(channels, out_channels, 3, stride=2, padding=1)
    return nn.Sequential(OrderedDict(proj=conv, norm=nn.BatchNorm2d(out_channels)))


class MSCAN(nn.Module):
    """SegNeXt's encoder: maps at strides 4, 8, 16 and 32.

    Source: arXiv 2209.08575, section 3.1 and table 2; names of the parts are those of the authors' checkpoints.

    Args:
        channels: Channels of each stage.
        ratios: How much wider the feed-forward parts of each stage are.
        depths: Blocks of each stage.
        drop_path: Chance of leaving a part out in the last block; it grows linearly from 0 in the first.
    """

    def __init__(self, channels: Sequence[int], ratios: Sequence[int], depths: Sequence[int], drop_path: float) -> None:
        super().__init__()
        steps = max(sum(depths) - 1, 1)
        number = 0
        for stage, (width, ratio, depth) in enumerate(zip(channels, ratios, depths, strict=True)):
            entry = downsample(channels[stage - 1], width) if stage else stem(width)
            rates = [drop_path * (number + index) / steps for index in range(depth)]
            self.add_module(f"patch_embed{stage + 1}", entry)
            self.add_module(f"block{stage + 1}", nn.Sequential(*(Block(width, ratio, rate) for rate in rates)))
            self.add_module(f"norm{stage + 1}", nn.LayerNorm(width))
            number += depth
        self.stages = len(channels)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels // module.groups
                nn.init.normal_(module.weight, std=math.sqrt(2 / fan_out))
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Map normalised images (B, 3, H, W), float, to maps (B, C_i, ⌈H/s_i⌉, ⌈W/s_i⌉), s = 4, 8, 16, 32."""
        features, maps = images, []
        for stage in range(1, self.stages + 1):
            features = self.get_submodule(f"block{stage}")(self.get_submodule(f"patch_embed{stage}")(features))
            norm = self.get_submodule(f"norm{stage}")
            features = norm(features.permute(0, 2, 3, 1)).permute(0, 3, 1, 2).contiguous()
            maps.append(features)
        return maps
