"""SegNeXt T, S, B and L as students, and the checkpoints that its authors released."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from clipteacher.students.segnext.hamburger import NMF, LightHamHead
from clipteacher.students.segnext.mscan import MSCAN
from clipteacher.students.student import DescribedStudent
from clipteacher.utils.weights import load_strictly, read_weights

RATIOS = (8, 8, 4, 4)
TRAIN_STEPS, EVAL_STEPS = 6, 7
# Channels and blocks of the encoder's stages; channels and bases of the decoder; drop path of the encoder's last block.
# arXiv 2209.08575, table 2, and the authors' configurations for ADE20K, which alone state the last two.
SIZES = {
    "tiny": ((32, 64, 160, 256), (3, 3, 5, 2), 256, 16, 0.1),
    "small": ((64, 128, 320, 512), (2, 2, 4, 2), 256, 16, 0.1),
    "base": ((64, 128, 320, 512), (3, 3, 12, 3), 512, 64, 0.1),
    "large": ((64, 128, 320, 512), (3, 5, 27, 3), 1024, 64, 0.3),
}
# Layers that name classes: ImageNet's in the encoder's checkpoints, the data set's in the networks'.
CLASSIFIER = ("head.weight", "head.bias")
LAST_LAYER = ("decode_head.conv_seg.weight", "decode_head.conv_seg.bias")
# Ours alone: the last layer has the teacher's channels, and the bases for testing are fixed.
OURS = ("last.weight", "last.bias", "decode_head.hamburger.ham.bases")


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
        widths, depths, decoder, rank, published = SIZES[size]
        drop_path = published if drop_path is None else drop_path
        spec = {"kind": "segnext", "size": size, "channels": channels, "mean": mean, "std": std}
        self.describe(**spec, drop_path=drop_path, dropout=dropout, seed=seed)
        self.backbone = MSCAN(widths, RATIOS, depths, drop_path)
        ham = NMF(decoder, rank, TRAIN_STEPS, EVAL_STEPS, seed)
        self.decode_head = LightHamHead(widths[1:], decoder, ham)
        self.dropout = nn.Dropout2d(dropout)
        self.last = nn.Conv2d(decoder, channels, 1)
        if weights is not None:
            load_checkpoint(self, weights)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, 3, H, W), float in [0, 1], to features (B, C, ⌈H/8⌉, ⌈W/8⌉)."""
        # Depthwise convolutions are faster so, on a CPU too.
        maps = self.backbone(self.normalized(images).contiguous(memory_format=torch.channels_last))
        features: Tensor = self.last(self.dropout(self.decode_head(maps[1:])))
        return features


def load_checkpoint(student: nn.Module, path: str | Path) -> None:
    """Load a checkpoint of SegNeXt's authors into a `SegNeXtStudent`, strictly.

    Two kinds are known, by their names: the encoder of the ImageNet classification (mscan_t.pth and so on), and a whole
    network of mmsegmentation 0.x, such as the one for ADE20K. Their layers that name classes (`head`, and
    `decode_head.conv_seg`) are left in the file; the student's last layer and its bases for testing stay as they are.
    Every other tensor, of the file and of the network, has its counterpart under the same name, or nothing is loaded.

    Args:
        student: The network.
        path: The file: a state dict, bare or under "state_dict", read without unpickling code.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It holds no state dict, or tensors that are missing, unknown or of another shape.
    """
    state = read_weights(path)
    if any(name.startswith("backbone.") for name in state):
        load_strictly(student, state, str(path), left_in_file=LAST_LAYER, left_as_is=OURS)
    else:
        load_strictly(student.get_submodule("backbone"), state, str(path), left_in_file=CLASSIFIER)
