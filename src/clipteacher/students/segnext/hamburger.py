"""Hamburger, SegNeXt's decoder: global context by a non-negative matrix factorisation (NMF)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

GROUPS = 32
EPSILON = 1e-6


def nmf(features: Tensor, bases: Tensor, steps: int) -> Tensor:
    """Rebuild a non-negative matrix from its low-rank factors X ≈ D Cᵀ, found by multiplicative updates.

    Source: arXiv 2109.04553 (Hamburger), the NMF with multiplicative updates: C ← C ⊙ XᵀD / C(DᵀD), then
    D ← D ⊙ XC / D(CᵀC), `steps` times from C = softmax(XᵀD), and once more C at the end.

    Args:
        features: X, (B, D, N), float, non-negative: D channels, N positions.
        bases: The first D, (B, D, R), float, non-negative.
        steps: How often both factors are updated. Gradients go through all updates.

    Returns:
        D Cᵀ, (B, D, N), float, non-negative.
    """
    coefficients = torch.softmax(features.transpose(1, 2) @ bases, dim=-1)
    for _ in range(steps):
        coefficients = _update_coefficients(features, bases, coefficients)
        gram = coefficients.transpose(1, 2) @ coefficients
        bases = bases * (features @ coefficients) / (bases @ gram + EPSILON)
    coefficients = _update_coefficients(features, bases, coefficients)
    return bases @ coefficients.transpose(1, 2)


def _update_coefficients(features: Tensor, bases: Tensor, coefficients: Tensor) -> Tensor:
    gram = bases.transpose(1, 2) @ bases
    return coefficients * (features.transpose(1, 2) @ bases) / (coefficients @ gram + EPSILON)


class NMF(nn.Module):
    """The ham: each image's map is replaced by its low-rank approximation.

    Deviation: the authors draw the first bases at random at every call, at test too, so that a network's result differs
    from call to call and with the batch that an image is in. Here training draws them again for each image, as they do;
    at test they are one fixed set, the same for every image, drawn once from `seed` and kept in the buffer `bases`.
    Deviation: under autocast the factorisation stays in float32; its quotients of sums do not bear half precision.

    Args:
        channels: D.
        rank: R, the number of bases.
        train_steps: Updates in training.
        eval_steps: Updates at test.
        seed: From which the bases for testing are drawn.

    Attributes:
        bases: (1, D, R), float32, non-negative, columns of length 1.
    """

    bases: Tensor

    def __init__(self, channels: int, rank: int, train_steps: int, eval_steps: int, seed: int) -> None:
        super().__init__()
        self.train_steps = train_steps
        self.eval_steps = eval_steps
        drawn = torch.rand(1, channels, rank, generator=torch.Generator().manual_seed(seed), device="cpu")
        self.register_buffer("bases", F.normalize(drawn, dim=1).to(torch.get_default_device()))

    def forward(self, features: Tensor) -> Tensor:
        """Approximate a map (B, D, h, w), float, non-negative; the result has its shape and type."""
        flat = features.flatten(2)
        if self.training:
            shape = (flat.shape[0], *self.bases.shape[1:])
            bases = F.normalize(torch.rand(shape, device=flat.device), dim=1)
        else:
            bases = self.bases.float().expand(flat.shape[0], -1, -1)  # not len(), which an export would freeze
        steps = self.train_steps if self.training else self.eval_steps
        kind = flat.device.type
        if torch.amp.is_autocast_available(kind):
            with torch.autocast(kind, enabled=False):
                rebuilt = nmf(flat.float(), bases, steps)
        else:
            rebuilt = nmf(flat.float(), bases, steps)
        return rebuilt.to(features.dtype).reshape(features.shape)


class ConvNorm(nn.Sequential):
    """A 1 × 1 convolution, group normalisation and ReLU: (B, C, h, w), float, to (B, C', h, w).

    Its tensors have the names of the authors' checkpoints.

    Args:
        channels: Channels that go in.
        out_channels: Channels that come out.
        norm: Whether there is a normalisation; without it the convolution has a bias.
        activation: Whether there is a ReLU.
    """

    conv: nn.Conv2d
    gn: nn.GroupNorm

    def __init__(self, channels: int, out_channels: int, *, norm: bool = True, activation: bool = True) -> None:
        conv = nn.Conv2d(channels, out_channels, 1, bias=not norm)
        nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
        if conv.bias is not None:
            nn.init.zeros_(conv.bias)
        super().__init__(OrderedDict(conv=conv))
        if norm:
            self.gn = nn.GroupNorm(GROUPS, out_channels)
        if activation:
            self.relu = nn.ReLU()


class Hamburger(nn.Module):
    """Two slices of bread, 1 × 1 convolutions, around the ham, and a shortcut.

    Args:
        channels: Channels of the map.
        ham: The factorisation.
    """

    def __init__(self, channels: int, ham: NMF) -> None:
        super().__init__()
        self.ham_in = ConvNorm(channels, channels, norm=False, activation=False)
        self.ham = ham
        self.ham_out = ConvNorm(channels, channels, activation=False)

    def forward(self, features: Tensor) -> Tensor:
        """Add global context to a map (B, C, h, w), float; the result has its shape and is non-negative."""
        context: Tensor = self.ham_out(self.ham(F.relu(self.ham_in(features))))
        return F.relu(features + context)


class LightHamHead(nn.Module):
    """SegNeXt's decoder without its last layer: the maps of strides 8, 16 and 32 become one of stride 8.

    Source: arXiv 2209.08575, section 3.2, figure 3 (c).

    Args:
        in_channels: Channels of the maps, finest first.
        channels: Channels of the decoder.
        ham: The factorisation, for `channels` channels.
    """

    def __init__(self, in_channels: Sequence[int], channels: int, ham: NMF) -> None:
        super().__init__()
        self.squeeze = ConvNorm(sum(in_channels), channels)
        self.hamburger = Hamburger(channels, ham)
        self.align = ConvNorm(channels, channels)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Decode maps (B, C_i, h_i, w_i), float, finest first, into (B, C, h_0, w_0), non-negative."""
        size = maps[0].shape[2:]
        resized = [F.interpolate(level, size=size, mode="bilinear", align_corners=False) for level in maps]
        out: Tensor = self.align(self.hamburger(self.squeeze(torch.cat(resized, dim=1))))
        return out
