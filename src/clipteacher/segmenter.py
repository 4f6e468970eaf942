"""After training: the student, the words it answers to, and how both lie on disk. No teacher is needed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clipteacher.teachers.protocol import TextEncoder
from clipteacher.vocabulary import encode_names


def class_logits(student: nn.Module, text: Tensor, images: Tensor, pad_multiple: int) -> Tensor:
    """Score every pixel against every name: Rᵀ T, brought to the images' size.

    Only the class scores are brought to full size, never the features.

    Source: the test rule of arXiv 2310.02296, argmax over c of Rᵀ T_c.

    Args:
        student: The network, images (B, 3, H, W) in [0, 1] to features (B, C, h, w).
        text: T, (N, C), unit vectors.
        images: (B, 3, H, W), float in [0, 1].
        pad_multiple: Images are padded with black at the right and bottom to a multiple of this, which most encoders
            ask for; the padding is cut off again.

    Returns:
        (B, N, H, W), floating point.
    """
    height, width = images.shape[2:]
    padded = F.pad(images, (0, -width % pad_multiple, 0, -height % pad_multiple))
    scores = torch.einsum("bchw,nc->bnhw", student(padded).float(), text)
    full = F.interpolate(scores, size=padded.shape[2:], mode="bilinear", align_corners=False)
    return full[:, :, :height, :width]


class Segmenter(nn.Module):
    """A trained student with its vocabulary: images in, class ids out.

    Args:
        student: The network.
        names: Names that it answers to; a name's position is its id.
        vectors: Their text vectors, (N, C).
        unseen: Those of the names that training never saw; for the record.
        text_spec: Description of the teacher's text tower, for names to come; None where there is none.
        pad_multiple: Input sides are padded to a multiple of this.

    Raises:
        ValueError: Names and vectors do not match in number.
    """

    vectors: Tensor

    def __init__(
        self,
        student: nn.Module,
        names: Sequence[str],
        vectors: Tensor,
        *,
        unseen: Sequence[str] = (),
        text_spec: Mapping[str, Any] | None = None,
        pad_multiple: int = 32,
    ) -> None:
        super().__init__()
        if vectors.ndim != 2 or len(vectors) != len(names):
            raise ValueError(f"segmenter: got {len(names)} names and vectors {tuple(vectors.shape)}, expected (N, C)")
        self.student = student
        self.names = tuple(names)
        self.unseen = tuple(unseen)
        self.text_spec = dict(text_spec) if text_spec is not None else None
        self.pad_multiple = pad_multiple
        self.register_buffer("vectors", vectors.detach().float(), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Segment images (B, 3, H, W), float in [0, 1], into class ids (B, H, W), int64 in 0..N-1."""
        return class_logits(self.student, self.vectors, images, self.pad_multiple).argmax(dim=1)

    @torch.inference_mode()
    def segment(self, image: Tensor) -> Tensor:
        """Segment one image in eval mode.

        Args:
            image: (3, H, W), floating point, RGB in [0, 1].

        Returns:
            Class ids (H, W), int64, values 0..N-1, on the CPU.

        Raises:
            TypeError: The image is no tensor.
            ValueError: It has another shape, or is not of floating point.
        """
        _check_image(image)
        self.eval()
        ids: Tensor = self(image.unsqueeze(0).to(self.vectors))[0]
        return ids.cpu()

    def with_names(self, names: Sequence[str], text_encoder: TextEncoder | None = None) -> Segmenter:
        """Return a segmenter that shares the student and answers to other names.

        Args:
            names: Any words. Those of the model's own vocabulary need no text tower.
            text_encoder: Text tower for the others; None builds the one that the teacher had.

        Raises:
            ValueError: As `clipteacher.vocabulary.encode_names`.
        """
        known = dict(zip(self.names, self.vectors.cpu(), strict=True))
        vectors = encode_names(names, known, self.text_spec, text_encoder)
        unseen = [name for name in names if name in self.unseen]
        other = Segmenter(
            self.student, names, vectors, unseen=unseen, text_spec=self.text_spec, pad_multiple=self.pad_multiple
        )
        return other.to(self.vectors.device)


def _check_image(image: object) -> None:
    """Check that an image is a tensor (3, H, W) of floating point."""
    if not isinstance(image, Tensor):
        raise TypeError(
            f"image: got {type(image).__name__}, expected a tensor (3, H, W), float in [0, 1]. From an array (H, W, 3) "
            "of uint8: torch.from_numpy(array).permute(2, 0, 1) / 255."
        )
    if image.ndim != 3 or image.shape[0] != 3 or image.numel() == 0:
        if image.ndim == 4:
            fix = "Give one image at a time; a batch goes to segmenter.eval()(images)."
        elif image.ndim == 3 and image.shape[2] == 3:
            fix = "Put the channels first: image.permute(2, 0, 1)."
        else:
            fix = "Give three channels, red, green and blue, and at least one pixel."
        raise ValueError(f"image: got shape {tuple(image.shape)}, expected (3, H, W). {fix}")
    if not image.is_floating_point():
        raise ValueError(
            f"image: got {image.dtype}, expected floating point in [0, 1]. Divide 8-bit images by 255: image / 255."
        )
