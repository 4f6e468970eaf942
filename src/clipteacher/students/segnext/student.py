"""SegNeXt T, S, B and L as students."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor, nn

from clipteacher.students.described import DescribedStudent
from clipteacher.students.segnext.checkpoint import load_checkpoint
from clipteacher.students.segnext.hamburger import NMF, LightHamHead
from clipteacher.students.segnext.mscan import MSCAN


@dataclass(frozen=True)
class SegNeXtSize:
    """What differs between SegNeXt's sizes.

    Attributes:
        channels: Channels of the encoder's stages.
        depths: Blocks of the encoder's stages.
        decoder: Channels of the decoder.
        rank: Bases of its factorisation.
        drop_path: The encoder's, in the last block, in training.
    """

    channels: tuple[int, int, int, int]
    depths: tuple[int, int, int, int]
    decoder: int
    rank: int
    drop_path: float


RATIOS = (8, 8, 4, 4)
TRAIN_STEPS, EVAL_STEPS = 6, 7
# arXiv 2209.08575, table 2, and the authors' configurations for ADE20K, which alone state rank and drop_path.
SIZES = {
    "tiny": SegNeXtSize((32, 64, 160, 256), (3, 3, 5, 2), decoder=256, rank=16, drop_path=0.1),
    "small": SegNeXtSize((64, 128, 320, 512), (2, 2, 4, 2), decoder=256, rank=16, drop_path=0.1),
    "base": SegNeXtSize((64, 128, 320, 512), (3, 3, 12, 3), decoder=512, rank=64, drop_path=0.1),
    "large": SegNeXtSize((64, 128, 320, 512), (3, 5, 27, 3), decoder=1024, rank=64, drop_path=0.3),
}


class SegNeXtStudent(DescribedStudent):
    """SegNeXt with C channels instead of one per class, at stride 8.

    Source: arXiv 2209.08575 and the authors' configurations for ADE20K. It takes images of any size. At test the same
    image gives the same features, whatever ran before it; see `NMF` for the deviation that this is.

    Args:
        size: "tiny", "small", "base" or "large": SegNeXt-T, S, B, L.
        channels: C, the width of the teacher's joint space.
        weights: None (random), or a file that the authors released: the encoder of their ImageNet classification, or a
            whole network, of which all but the last layer is taken. See `load_checkpoint`.
        mean: Mean of the input's normalisation by channel, for images in [0, 1]. None is ImageNet's.
        std: Its standard deviation, likewise.
        drop_path: Chance of leaving a part of the last block out in training. None is the authors' for the size.
        dropout: Share of the decoder's channels that training sets to 0 before the last layer.
        seed: From which the decoder's bases for testing are drawn.

    Raises:
        ValueError: Unknown size, or weights that do not fit.
        FileNotFoundError: The file of weights is missing.
    """

    def __init__(
        self,
        size: str = "tiny",
        channels: int = 512,
        *,
        weights: str | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        drop_path: float | None = None,
        dropout: float = 0.1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if size not in SIZES:
            raise ValueError(f"student: got SegNeXt of size {size!r}, expected one of {', '.join(SIZES)}")
        what = SIZES[size]
        mean, std = mean or IMAGENET_DEFAULT_MEAN, std or IMAGENET_DEFAULT_STD
        drop_path = what.drop_path if drop_path is None else drop_path
        self.describe(
            {
                "kind": "segnext",
                "size": size,
                "channels": channels,
                "mean": list(mean),
                "std": list(std),
                "drop_path": drop_path,
                "dropout": dropout,
                "seed": seed,
            }
        )
        self.backbone = MSCAN(what.channels, RATIOS, what.depths, drop_path)
        ham = NMF(what.decoder, what.rank, TRAIN_STEPS, EVAL_STEPS, seed)
        self.decode_head = LightHamHead(what.channels[1:], what.decoder, ham)
        self.dropout = nn.Dropout2d(dropout)
        self.last = nn.Conv2d(what.decoder, channels, 1)
        if weights is not None:
            load_checkpoint(self, weights)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, 3, H, W), float in [0, 1], to features (B, C, ⌈H/8⌉, ⌈W/8⌉)."""
        maps = self.backbone(self.normalized(images))
        features: Tensor = self.last(self.dropout(self.decode_head(maps[1:])))
        return features
