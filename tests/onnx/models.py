"""Segmenters with random weights that the tests of ONNX share."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clipteacher.inference.placement import OWN_SIZE
from clipteacher.inference.settings import TestSettings
from clipteacher.protocols.protocol import TestPipeline
from clipteacher.segmenter.segmenter import Segmenter

WIDTH = 24
NAMES = ("sky", "cat", "sea", "old chair", "tree")


def vectors(count: int = len(NAMES), width: int = WIDTH) -> Tensor:
    return F.normalize(torch.randn(count, width, generator=torch.Generator().manual_seed(1)), dim=1)


def own(*more: nn.Module) -> nn.Sequential:
    """A network of one's own at stride 4."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=4, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, WIDTH, 3, padding=1), *more
    )


def segmenter(student: nn.Module | None = None, pipeline: TestPipeline = OWN_SIZE) -> Segmenter:
    return Segmenter(student or own(), NAMES, vectors(), unseen=["cat"], settings=TestSettings(pipeline))


def photo(height: int, width: int, seed: int = 0) -> Tensor:
    """Blobs of colour with noise, (3, H, W), in steps of 8 bits."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 5, 7, generator=generator)
    smooth = F.interpolate(coarse, size=(height, width), mode="bilinear")[0]
    noisy = (smooth + 0.05 * torch.randn(3, height, width, generator=generator)).clamp(0, 1)
    return (noisy * 255).round() / 255
