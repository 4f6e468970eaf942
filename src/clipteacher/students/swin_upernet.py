"""Swin T, S and B with UPerNet as students, at the published sizes."""

from __future__ import annotations

from collections.abc import Sequence

from clipteacher.students.smp import SMPStudent

SIZES = ("tiny", "small", "base")
DECODER_CHANNELS = 512


class SwinUPerNetStudent(SMPStudent):
    """UPerNet on a Swin encoder with C channels instead of one per class, at stride 4.

    Source: arXiv 2103.14030, arXiv 1807.10221 and the authors' configurations for ADE20K: windows of 7 × 7, 512
    channels, pooling to 1, 2, 3 and 6. The encoder is timm's, the decoder that of segmentation_models_pytorch.

    Deviation: the published figures of size count an auxiliary head that looks at the third stage in training (0.9 to
    1.2 M parameters); a student has one output, so it is left out.
    Deviation: where a map is no multiple of the window, timm shifts it before it pads it, the authors after.

    Args:
        size: "tiny", "small" or "base".
        channels: C, the width of the teacher's joint space.
        weights: The encoder's first weights: None (random), a local file (of the ImageNet classification at 224² with
            windows of 7, in the authors' names or in timm's), or timm's tag of weights on the hub, such as "ms_in1k".
        mean: Mean of the input's normalisation by channel, for images in [0, 1]. None is ImageNet's.
        std: Its standard deviation, likewise.
        drop_path: Chance of leaving a part of the last block out in training.
        dropout: Share of the decoder's channels that training sets to 0 before the last layer.
        image_size: Side of the training images in pixels; others can be given. It decides one thing: a stage whose map
            is then no larger than a window has windows that are not shifted.

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
        drop_path: float = 0.3,
        dropout: float = 0.1,
        image_size: int = 512,
    ) -> None:
        if size not in SIZES:
            raise ValueError(f"student: got Swin of size {size!r}, expected one of {', '.join(SIZES)}")
        encoder = f"tu-swin_{size}_patch4_window7_224"
        options = {
            "decoder_channels": DECODER_CHANNELS,
            "img_size": image_size,
            "strict_img_size": False,
            "drop_path_rate": drop_path,
        }
        super().__init__("UPerNet", encoder, channels, weights=weights, mean=mean, std=std, options=options)
        self.add_dropout(dropout)
        spec = {"kind": "swin_upernet", "size": size, "channels": channels}
        spec |= {"mean": self._spec["mean"], "std": self._spec["std"]}
        self.describe(**spec, drop_path=drop_path, dropout=dropout, image_size=image_size)
