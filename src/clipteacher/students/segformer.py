"""SegFormer B0 to B5 as students, at the published sizes."""

from __future__ import annotations

from collections.abc import Sequence

from clipteacher.students.smp import SMPStudent

# Channels of the decoder, by the authors' configurations for ADE20K.
DECODER_CHANNELS = {"b0": 256, "b1": 256, "b2": 768, "b3": 768, "b4": 768, "b5": 768}


class SegFormerStudent(SMPStudent):
    """SegFormer with C channels instead of one per class, at stride 4.

    Source: arXiv 2105.15203 and the authors' configurations. Encoder and decoder are those of
    segmentation_models_pytorch, which are the authors'; its own default decoder has 256 channels at every size, where
    the published B2 to B5 have 768. (OpenMMLab's SegFormer has 256 channels everywhere too, and normalises each level:
    another, smaller network.)

    Args:
        size: "b0" to "b5".
        channels: C, the width of the teacher's joint space.
        weights: The encoder's first weights: None (random), a local file (the authors' mit_b0.pth and so on, of the
            ImageNet classification), or "imagenet", the same from the hub.
        mean: Mean of the input's normalisation by channel, for images in [0, 1]. None is ImageNet's.
        std: Its standard deviation, likewise.
        dropout: Share of the decoder's channels that training sets to 0 before the last layer.

    Raises:
        ValueError: Unknown size, or weights that do not fit.
        FileNotFoundError: The file of weights is missing.
    """

    def __init__(
        self,
        size: str = "b0",
        channels: int = 512,
        *,
        weights: str | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        dropout: float = 0.1,
    ) -> None:
        if size not in DECODER_CHANNELS:
            raise ValueError(f"student: got SegFormer of size {size!r}, expected one of {', '.join(DECODER_CHANNELS)}")
        options = {"decoder_segmentation_channels": DECODER_CHANNELS[size]}
        super().__init__("Segformer", f"mit_{size}", channels, weights=weights, mean=mean, std=std, options=options)
        self.add_dropout(dropout)
        mean, std = self._spec["mean"], self._spec["std"]
        self.describe(kind="segformer", size=size, channels=channels, mean=mean, std=std, dropout=dropout)
