"""A segmenter of two halves that needs no training, for the parts of the page that need no browser."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from clipteacher.segmenter.segmenter import Segmenter

NAMES = ("dark", "light", "odd, one")


class Brightness(nn.Module):
    """Features (B, 3, h, w): one channel for dark pixels, one for light ones, and one that never wins."""

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, 3, H, W) to features (B, 3, H, W)."""
        grey = images.mean(dim=1, keepdim=True)
        return torch.cat([1 - grey, grey, torch.full_like(grey, 0.2)], dim=1)


@pytest.fixture
def segmenter() -> Segmenter:
    return Segmenter(Brightness(), NAMES, torch.eye(3), unseen=("light",))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "results"
    made.mkdir()
    return made


NASTY = (
    "<script>window.hacked=1</script>",
    "<img src=x onerror=window.hacked=1>",
    "\"><svg onload='window.hacked=1'>",
    "' onmouseover='window.hacked=1",
    "</bdi></th></table><h1>taken</h1>",
    "${window.hacked=1}",
    "{{value}}",
    "[link](javascript:window.hacked=1) **bold** `code`",
    "&lt;b&gt; &amp;",
    "🐈 قط desrever",
)
