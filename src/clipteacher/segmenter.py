"""After training: the student, the words it answers to, and how it is tested. No teacher is needed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from clipteacher.data.photo import Photo, read_photo
from clipteacher.inference.none import WithLength, check_threshold, with_threshold
from clipteacher.inference.placement import OWN_SIZE
from clipteacher.inference.scores import MAX_SCORES, check_max_scores, class_labels, class_logits
from clipteacher.protocols.protocol import TestPipeline
from clipteacher.segmentation import NONE, Segmentation
from clipteacher.teachers.protocol import TextEncoder
from clipteacher.vocabulary import encode_names

if TYPE_CHECKING:
    from clipteacher.compiled import CompiledSegmenter


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
    def segment(
        self,
        photo: Photo,
        names: Sequence[str] | None = None,
        *,
        threshold: float | None = None,
        scores: bool = False,
    ) -> Segmentation:
        """Segment one photo in eval mode.

        Args:
            photo: A path, a picture of Pillow's, an array (H, W, 3) or a tensor (3, H, W): all that `read_photo` takes.
            names: N names, any words; None is the model's own vocabulary.
            threshold: Least cosine, in [-1, 1], between a pixel's feature and its best name; below it the pixel is
                none of the names. None gives every pixel a name.
            scores: Return the class scores at the photo's own size too: N·H·W numbers.

        Returns:
            Ids (H, W), int64, 0..N-1 or `NONE` = -1, with the names.

        Raises:
            DataError: A file cannot be read.
            TypeError: The photo is none of these things.
            ValueError: As `read_photo` and `with_names`, or `threshold` is no cosine.
        """
        check_threshold(threshold)
        model = self if names is None else self.with_names(names)
        return model._segmentation(_as_tensor(read_photo(photo)), threshold, scores)

    def _segmentation(self, image: Tensor, threshold: float | None, scores: bool) -> Segmentation:
        """Segment an image (3, H, W), float in [0, 1]."""
        self.eval()
        images = image.unsqueeze(0).to(self.vectors)
        student, text = self.student, self.vectors
        if threshold is not None:
            student, text = WithLength(student), with_threshold(text, threshold)
        found = None
        if scores:
            found = class_logits(student, text, images, self.pad_multiple, self.pipeline)[0]
            ids = found.argmax(dim=0)
        else:
            ids = class_labels(student, text, images, self.pad_multiple, self.pipeline, max_scores=self.max_scores)[0]
        labels = ids.masked_fill(ids >= len(self.names), NONE).cpu().numpy()
        return Segmentation(labels, self.names, None if found is None else found[: len(self.names)].cpu().numpy())

    @classmethod
    def from_pretrained(
        cls,
        model: str | Path,
        *,
        revision: str | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
        student: nn.Module | None = None,
    ) -> Segmenter:
        """Load a segmenter from a folder or from the hub.

        Args:
            model: A folder that `save_segmenter` or `save_pretrained` wrote, such as `model/` of a run, or a hub id.
            revision: Branch, tag or commit on the hub.
            cache_dir: Folder for downloads; None is the hub's own.
            local_files_only: Use what was downloaded before, and no network.
            student: The network to fill, where it is one's own.

        Returns:
            The segmenter in eval mode on the CPU.

        Raises:
            ConnectionError: The hub has no such model, or cannot be reached.
            FileNotFoundError: There is no such folder, or a file of it is missing.
            ValueError: As `load_segmenter`.
        """
        from clipteacher.storage import load_segmenter

        return load_segmenter(model, student)

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

    # nn.Module has a method of this name, which compiles a module's code in place; torch.compile(segmenter) still does.
    def compile(self, names: Sequence[str] | None = None) -> CompiledSegmenter:  # type: ignore[override]
        """Compile names into the student: a plain closed-set network with one channel a name.

        Args:
            names: N names, any words; None is the model's own vocabulary.

        Returns:
            The network, a copy that shares nothing with this one: the same prediction, at the cost of a network that
            was built for N classes.

        Raises:
            ValueError: As `with_names`.
        """
        from clipteacher.compiled import CompiledSegmenter

        model = self if names is None else self.with_names(names)
        return CompiledSegmenter(
            model.student,
            model.names,
            model.vectors,
            unseen=model.unseen,
            pad_multiple=model.pad_multiple,
            pipeline=model.pipeline,
            max_scores=model.max_scores,
        )

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


def _as_tensor(photo: NDArray[np.uint8] | NDArray[np.float32]) -> Tensor:
    """Turn a photo (H, W, 3) as `read_photo` gives it into an image (3, H, W), float in [0, 1]."""
    image = torch.from_numpy(photo).permute(2, 0, 1)
    return (image.float() / 255 if image.dtype == torch.uint8 else image).contiguous()
