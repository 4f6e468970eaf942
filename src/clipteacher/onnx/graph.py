"""The whole way from photos to ids as one module, to be written as one ONNX graph."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SegmentationGraph(nn.Module):
    """Pads images, runs a network, brings its scores to the images' size and takes the best name of each pixel.

    The test rule of `clipteacher.inference` for whole images at their own size.

    Deviation: all names' scores come to full size at once, 4·N·H·W bytes, where `DensePrediction` takes a few
    names at a time.

    Args:
        network: Padded images (B, 3, H, W) to class scores (B, N, h, w); with `text_input` to features (B, C, h, w).
        pad_multiple: Images are padded with black at the right and bottom to a multiple of this.
        text_input: Whether the text vectors are an input.
    """

    def __init__(self, network: nn.Module, pad_multiple: int, *, text_input: bool) -> None:
        super().__init__()
        self.network = network
        self.pad_multiple = pad_multiple
        self.text_input = text_input

    def forward(self, images: Tensor, text: Tensor | None = None) -> tuple[Tensor, ...]:
        """Segment images.

        Args:
            images: (B, 3, H, W), float32 in [0, 1], RGB.
            text: T, (N, C), unit vectors, with `text_input` alone.

        Returns:
            Class ids (B, H, W), int64, 0..N-1; class scores Rᵀ T, (B, N, H, W), float32; and with `text_input` the
            length |R| of each pixel's feature, (B, H, W), float32, by which a score is divided to give a cosine.
        """
        height, width = images.shape[2:]
        # Not `-height % multiple`: of a negative number the exporters' remainders are not one.
        size = tuple(
            (side + self.pad_multiple - 1) // self.pad_multiple * self.pad_multiple for side in (height, width)
        )
        made = self.network(F.pad(images, (0, size[1] - width, 0, size[0] - height))).float()

        def full(values: Tensor) -> Tensor:
            return F.interpolate(values, size=size, mode="bilinear", align_corners=False)[:, :, :height, :width]

        if text is None:
            scores = full(made)
            return scores.argmax(dim=1), scores
        scores = full(torch.einsum("bchw,nc->bnhw", made, text))
        lengths = full(torch.linalg.vector_norm(made, dim=1, keepdim=True))[:, 0]
        return scores.argmax(dim=1), scores, lengths
