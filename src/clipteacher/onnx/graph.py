"""The way from photos to ids as one module that can be exported for images of any size."""

from __future__ import annotations

import copy

import torch
from timm.models.swin_transformer import SwinTransformerBlock
from torch import Tensor, nn
from torch.nn import functional as F

_MASKED = -100.0  # as timm and the authors mask a pair


class DynamicPool(nn.Module):
    """`nn.AdaptiveAvgPool2d((height, width))` as two products of matrices, which ONNX can do for maps of any size.

    ONNX has no adaptive pooling, and exporters write one down for the size that they saw alone.
    """

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.height, self.width = height, width

    def forward(self, features: Tensor) -> Tensor:
        """Average a map (B, C, h, w), float, into (B, C, height, width)."""
        across = _averages(features.shape[3], self.width, features)
        return _averages(features.shape[2], self.height, features) @ (features @ across.transpose(0, 1))


def _averages(old: int, new: int, like: Tensor) -> Tensor:
    """The matrix (new, old) whose row i averages places ⌊i·old/new⌋ .. ⌈(i+1)·old/new⌉-1, as torch does."""
    row = torch.arange(new, device=like.device).unsqueeze(1)
    place = torch.arange(old, device=like.device).unsqueeze(0)
    inside = ((place >= row * old // new) & (place < ((row + 1) * old + new - 1) // new)).to(like.dtype)
    return inside / inside.sum(dim=1, keepdim=True)


class DynamicSwinBlock(SwinTransformerBlock):
    """timm's Swin block in operations that an export gets right for maps of any size.

    Two of timm's it does not: a mask filled by slices that are counted from the end, and `torch.roll` of a side that
    is no longer than the shift.
    """

    def _attn(self, x: Tensor) -> Tensor:
        """Attend within shifted windows of a map (B, H, W, C), float; the result has its shape."""
        size, (high, wide), channels = x.shape[1:3], self.window_size, x.shape[3]
        # Where each place of a side that is rolled back and forth is from.
        forth, back = (
            [(torch.arange(size[axis], device=x.device) + sign * self.shift_size[axis]) % size[axis] for axis in (0, 1)]
            for sign in (1, -1)
        )
        shifted = x[:, forth[0]][:, :, forth[1]]
        padded = F.pad(shifted, (0, 0, 0, -size[1] % wide, 0, -size[0] % high))
        rows, columns = padded.shape[1] // high, padded.shape[2] // wide
        split = padded.view(-1, rows, high, columns, wide, channels).permute(0, 1, 3, 2, 4, 5)
        attended = self.attn(split.reshape(-1, self.window_area, channels), mask=self._mask(padded))
        joined = attended.view(-1, rows, columns, high, wide, channels).permute(0, 1, 3, 2, 4, 5)
        whole = joined.reshape(-1, rows * high, columns * wide, channels)[:, : size[0], : size[1]]
        result: Tensor = whole[:, back[0]][:, :, back[1]]
        return result

    def _mask(self, padded: Tensor) -> Tensor | None:
        """Which pairs of places of a window came from regions that are no neighbours: (windows, places, places)."""
        if not any(self.shift_size):
            return None
        rows, columns = (
            _region(padded.shape[1 + axis], self.window_size[axis], self.shift_size[axis], padded.device)
            for axis in range(2)
        )
        high, wide = self.window_size
        region = (3 * rows.unsqueeze(1) + columns).view(padded.shape[1] // high, high, padded.shape[2] // wide, wide)
        region = region.permute(0, 2, 1, 3).reshape(-1, self.window_area)
        return (region.unsqueeze(1) != region.unsqueeze(2)).to(padded.dtype) * _MASKED


def _region(side: int, window: int, shift: int, device: torch.device) -> Tensor:
    """The region 0, 1 or 2 of each place along a side, (side,), int64."""
    place = torch.arange(side, device=device)
    return (place >= side - window).long() + (place >= side - shift).long()


def exportable(network: nn.Module) -> nn.Module:
    """Copy a network and put layers that ONNX can do for any size in place of those that it cannot.

    The copy is in eval mode and computes the same, to rounding; the network itself is left as it was.
    """
    # The wrapper is a parent for a network that is a single layer.
    copied = nn.ModuleDict({"network": copy.deepcopy(network).eval()})
    for path, module in list(copied.named_modules()):
        if isinstance(module, nn.AdaptiveAvgPool2d):
            size = module.output_size
            height, width = size if isinstance(size, tuple) else (size, size)
            # A mean over everything can be exported as it is, and None keeps the size.
            if height is not None and width is not None and (height, width) != (1, 1):
                parent, _, name = path.rpartition(".")
                copied.get_submodule(parent).add_module(name, DynamicPool(height, width).eval())
        elif type(module) is SwinTransformerBlock:
            module.__class__ = DynamicSwinBlock
    return copied["network"]


class SegmentationGraph(nn.Module):
    """Pads images, runs a network, brings its logits to the images' size and takes the best name of each pixel.

    The test rule of `clipteacher.inference` for whole images at their own size.

    Deviation: the logits of all names come to full size at once, 4·N·H·W bytes, where `DensePrediction` takes a few
    names at a time.

    Args:
        network: Padded images (B, 3, H, W) to class logits (B, N, h, w); with `text_input` to features (B, C, h, w).
        pad_multiple: Images are padded with black at the right and bottom to a multiple of this.
        text_input: Whether the text features are an input.
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
            Class ids (B, H, W), int64, 0..N-1; class logits Rᵀ T, (B, N, H, W), float32; and with `text_input` the
            length |R| of each pixel's feature, (B, H, W), float32, by which a logit is divided to give a cosine.
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
            logits = full(made)
            return logits.argmax(dim=1), logits
        logits = full(torch.einsum("bchw,nc->bnhw", made, text))
        lengths = full(torch.linalg.vector_norm(made, dim=1, keepdim=True))[:, 0]
        return logits.argmax(dim=1), logits, lengths
