"""After training: the student, the words it answers to, and how it is tested. No teacher is needed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from clipteacher.inference.placement import OWN_SIZE
from clipteacher.inference.scores import MAX_SCORES, check_max_scores, class_labels
from clipteacher.protocols.protocol import TestPipeline
from clipteacher.teachers.protocol import TextEncoder
from clipteacher.vocabulary import encode_names


class Segmenter(nn.Module):
    """A trained student with its vocabulary: images in, class ids out.

    Args:
        student: The network.
        names: Names that it answers to; a name's position is its id.
        vectors: Their text vectors, (N, C).
        unseen: Those of the names that training never saw; for the record.
        text_spec: Description of the teacher's text tower, for names to come; None where there is none.
        pad_multiple: Input sides are padded to a multiple of this.
        pipeline: Size and windows in which the student sees an image; the default is the whole image at its own size.
        max_scores: Class scores that are brought to full size at once, see `clipteacher.inference.class_labels`: more
            take more memory and change no label.

    Raises:
        ValueError: Names and vectors do not match in number, or `max_scores` is not positive.
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
        pipeline: TestPipeline = OWN_SIZE,
        max_scores: int = MAX_SCORES,
    ) -> None:
        super().__init__()
        if vectors.ndim != 2 or len(vectors) != len(names):
            raise ValueError(f"segmenter: got {len(names)} names and vectors {tuple(vectors.shape)}, expected (N, C)")
        check_max_scores(max_scores)
        self.student = student
        self.names = tuple(names)
        self.unseen = tuple(unseen)
        self.text_spec = dict(text_spec) if text_spec is not None else None
        self.pad_multiple = pad_multiple
        self.pipeline = pipeline
        self.max_scores = max_scores
        self.register_buffer("vectors", vectors.detach().float(), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Segment images (B, 3, H, W), float in [0, 1], into class ids (B, H, W), int64 in 0..N-1."""
        return class_labels(
            self.student, self.vectors, images, self.pad_multiple, self.pipeline, max_scores=self.max_scores
        )

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
        return self._like(names, vectors, unseen, self.pipeline)

    def with_pipeline(self, pipeline: TestPipeline) -> Segmenter:
        """Return a segmenter that shares the student and the words, and is tested in another way."""
        return self._like(self.names, self.vectors, self.unseen, pipeline)

    def _like(self, names: Sequence[str], vectors: Tensor, unseen: Sequence[str], pipeline: TestPipeline) -> Segmenter:
        """Return a segmenter of the same student on the same device; vectors (N, C)."""
        other = Segmenter(
            self.student,
            names,
            vectors,
            unseen=unseen,
            text_spec=self.text_spec,
            pad_multiple=self.pad_multiple,
            pipeline=pipeline,
            max_scores=self.max_scores,
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
