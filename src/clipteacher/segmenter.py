"""After training: the student, the words it answers to, and how it is tested. No teacher is needed here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from clipteacher.cached_text import CachedText
from clipteacher.data.photo import Photo, read_photo
from clipteacher.hub import Pretrained
from clipteacher.inference.image import image_tensor
from clipteacher.inference.none import WithLength, check_threshold, with_threshold
from clipteacher.inference.placement import OWN_SIZE
from clipteacher.inference.scores import MAX_SCORES, check_max_scores, class_labels, class_logits
from clipteacher.inference.seen import seen_bias
from clipteacher.protocols.protocol import TestPipeline
from clipteacher.segmentation import NONE, Segmentation
from clipteacher.teachers.protocol import TextEncoder
from clipteacher.vocabulary import check_names, encode_names

if TYPE_CHECKING:
    from clipteacher.compiled import CompiledSegmenter


class Segmenter(Pretrained, nn.Module):
    """A trained student with its vocabulary: photos in, names of their pixels out.

    Args:
        student: The network.
        names: Names that it answers to; a name's position is its id.
        vectors: Their text vectors, (N, C).
        unseen: Those of the names that training never saw; for the record.
        seen: All names that training saw, also such as it does not answer to; None is those of `names` that are not
            `unseen`.
        seen_offset: A constant that is taken from the scores of seen names, see `clipteacher.inference.seen`; 0 takes
            nothing. Other names keep their scores, whether training held them back or they are new words.
        text_spec: Description of the teacher's text tower, for names to come; None where there is none.
        pad_multiple: Input sides are padded to a multiple of this.
        pipeline: Size and windows in which the student sees an image; the default is the whole image at its own size.
        max_scores: Class scores that are brought to full size at once, see `clipteacher.inference.class_labels`: more
            take more memory and change no label.
        text_cache: Keep vectors of new names on disk, see `clipteacher.text_cache`.
        record: What else is known of the model, ready for JSON, such as its protocol and scores; it is saved with it.

    Raises:
        ValueError: Names and vectors do not match in number, a name is both seen and unseen, `max_scores` is not
            positive, or `seen_offset` is no finite number.

    Example:
        >>> segmenter = Segmenter(nn.Identity(), ["red", "green", "blue"], torch.eye(3))
        >>> segmenter.segment(np.full((2, 2, 3), [0.9, 0.1, 0.2])).areas
        {'red': 1.0, 'green': 0.0, 'blue': 0.0}
    """

    vectors: Tensor
    bias: Tensor | None

    def __init__(
        self,
        student: nn.Module,
        names: Sequence[str],
        vectors: Tensor,
        *,
        unseen: Sequence[str] = (),
        seen: Sequence[str] | None = None,
        seen_offset: float = 0.0,
        text_spec: Mapping[str, Any] | None = None,
        pad_multiple: int = 32,
        pipeline: TestPipeline = OWN_SIZE,
        max_scores: int = MAX_SCORES,
        text_cache: bool = True,
        record: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if vectors.ndim != 2 or len(vectors) != len(names):
            raise ValueError(f"segmenter: got {len(names)} names and vectors {tuple(vectors.shape)}, expected (N, C)")
        check_max_scores(max_scores)
        self.student = student
        self.names = tuple(names)
        self.unseen = tuple(unseen)
        self.seen = tuple(name for name in names if name not in self.unseen) if seen is None else tuple(seen)
        if both := sorted(set(self.seen) & set(self.unseen)):
            raise ValueError(f"segmenter: got {both} as seen and as unseen, expected each name in one. Leave seen out.")
        bias = seen_bias(self.names, self.seen, seen_offset)
        self.seen_offset = float(seen_offset)
        self.text_spec = dict(text_spec) if text_spec is not None else None
        self.pad_multiple = pad_multiple
        self.pipeline = pipeline
        self.max_scores = max_scores
        self.text_cache = text_cache
        self.record = dict(record or {})
        self._text: CachedText | None = None
        self.register_buffer("vectors", vectors.detach().float(), persistent=False)
        self.register_buffer("bias", bias, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Segment images (B, 3, H, W), float in [0, 1], into class ids (B, H, W), int64 in 0..N-1."""
        return class_labels(
            self.student,
            self.vectors,
            images,
            self.pad_multiple,
            self.pipeline,
            max_scores=self.max_scores,
            bias=self.bias,
        )

    def segment(
        self,
        photo: Photo,
        names: Sequence[str] | None = None,
        *,
        threshold: float | None = None,
        against: Sequence[str] = (),
        scores: bool = False,
    ) -> Segmentation:
        """Segment one photo in eval mode.

        Args:
            photo: A path, a picture of Pillow's, an array (H, W, 3) or a tensor (3, H, W): all that
                `clipteacher.data.photo.read_photo` takes.
            names: N names, any words; None is the model's own vocabulary.
            threshold: Least cosine, in [-1, 1], between a pixel's feature and its best name; below it the pixel is
                none of the names. None asks for no least. A seen offset is taken off before: a seen name then needs a
                cosine of threshold + offset / |R|.
            against: Words that compete with the names; where one of them is the best, the pixel is none of the names.
                Those among the names count as names: `against=segmenter.names` is a good start.
            scores: Return the names' scores, less the seen offset, at the photo's own size too: N·H·W numbers.

        Returns:
            Ids (H, W), int64, 0..N-1 or `NONE` = -1, with the names. Without `threshold` and `against` every pixel
            has a name.

        Raises:
            DataError: A file cannot be read.
            TypeError: The photo is none of these things.
            ValueError: As `read_photo` and `with_names`, or `threshold` is no cosine.
        """
        (found,) = self.segment_batch([photo], names, threshold=threshold, against=against, scores=scores)
        return found

    def segment_batch(
        self,
        photos: Iterable[Photo],
        names: Sequence[str] | None = None,
        *,
        threshold: float | None = None,
        against: Sequence[str] = (),
        scores: bool = False,
        batch_size: int = 8,
    ) -> list[Segmentation]:
        """Segment photos of any sizes in eval mode; neighbours of one size go through the network together.

        Args:
            photos: Each as `segment` takes it; an iterator may read them as it goes.
            names: As `segment`.
            threshold: As `segment`.
            against: As `segment`.
            scores: As `segment`.
            batch_size: Photos that are read at once.

        Returns:
            What `segment` returns for each, to rounding: ids (H, W) with the names.

        Raises:
            DataError: As `segment`.
            TypeError: As `segment`, or `photos` is one photo.
            ValueError: As `segment`, or `batch_size` is not positive.
        """
        if isinstance(photos, str | PathLike | np.ndarray | Tensor | Image.Image):
            raise TypeError(
                f"photos: got one {type(photos).__name__}, expected a list of photos. Write [photo], or list(batch)."
            )
        if batch_size < 1:
            raise ValueError(f"batch_size: got {batch_size}, expected at least 1. Give 8.")
        check_threshold(threshold)
        model = self if names is None else self.with_names(names)
        if isinstance(against, str):
            check_names(against)
        rivals = [name for name in dict.fromkeys(against) if name not in model.names]
        text = torch.cat([model.vectors, self.with_names(rivals).vectors]) if rivals else model.vectors
        bias = seen_bias((*model.names, *rivals), self.seen, self.seen_offset)
        todo, found = iter(photos), []
        while read := [image_tensor(read_photo(photo)) for photo in islice(todo, batch_size)]:
            for images in _of_one_size(read):
                found += model._segmentations(images, text, bias, threshold, scores)
        return found

    @torch.inference_mode()
    def _segmentations(
        self, images: Tensor, text: Tensor, bias: Tensor | None, threshold: float | None, keep: bool
    ) -> list[Segmentation]:
        """Segment images (B, 3, H, W) by text vectors (N or more, C), those after the N names being none of them.

        The bias holds as many numbers as there are vectors, or is None.
        """
        self.eval()
        student, size = self.student, len(self.names)
        if threshold is not None:
            student, text = WithLength(student), with_threshold(text, threshold)
            bias = bias if bias is None else F.pad(bias, (0, 1))
        images, scores = images.to(self.vectors), None
        given = (student, text, images, self.pad_multiple, self.pipeline)
        if keep:
            logits = class_logits(*given, max_scores=self.max_scores, bias=bias)
            ids, scores = logits.argmax(dim=1), logits[:, :size].float().cpu().numpy()
        else:
            ids = class_labels(*given, max_scores=self.max_scores, bias=bias)
        labels = ids.masked_fill(ids >= size, NONE).cpu().numpy()
        return [
            Segmentation(labels[number], self.names, None if scores is None else scores[number])
            for number in range(len(labels))
        ]

    def with_names(self, names: Sequence[str], text_encoder: TextEncoder | None = None) -> Segmenter:
        """Return a segmenter that shares the student and answers to other names.

        Args:
            names: Any words. Those of the model's own vocabulary need no text tower; vectors of others are kept in
                memory and, unless `text_cache` is off, on disk, so that the tower is built for new words alone.
            text_encoder: Text tower for the others; None builds the one that the teacher had.

        Raises:
            ValueError: As `clipteacher.vocabulary.encode_names`.
        """
        known = dict(zip(self.names, self.vectors.cpu(), strict=True))
        if text_encoder is None and self.text_spec is not None:
            if self._text is None or self._text.spec() != self.text_spec:
                self._text = CachedText(self.text_spec, on_disk=self.text_cache)
            text_encoder = self._text
        vectors = encode_names(names, known, self.text_spec, text_encoder)
        unseen = [name for name in names if name in self.unseen]
        return self._like(names, vectors, unseen, self.pipeline)

    def with_pipeline(self, pipeline: TestPipeline) -> Segmenter:
        """Return a segmenter that shares the student and the words, and is tested in another way."""
        return self._like(self.names, self.vectors, self.unseen, pipeline)

    def with_seen_offset(self, seen_offset: float) -> Segmenter:
        """Return a segmenter that shares the student and the words, and takes another constant from seen scores.

        Args:
            seen_offset: As `Segmenter`.

        Raises:
            ValueError: It is no finite number.
        """
        return self._like(self.names, self.vectors, self.unseen, self.pipeline, seen_offset)

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
            bias=model.bias,
            pad_multiple=model.pad_multiple,
            pipeline=model.pipeline,
            max_scores=model.max_scores,
        )

    def _like(
        self,
        names: Sequence[str],
        vectors: Tensor,
        unseen: Sequence[str],
        pipeline: TestPipeline,
        seen_offset: float | None = None,
    ) -> Segmenter:
        """Return a segmenter of the same student on the same device, without a record; vectors (N, C)."""
        other = Segmenter(
            self.student,
            names,
            vectors,
            unseen=unseen,
            seen=self.seen,
            seen_offset=self.seen_offset if seen_offset is None else seen_offset,
            text_spec=self.text_spec,
            pad_multiple=self.pad_multiple,
            pipeline=pipeline,
            max_scores=self.max_scores,
            text_cache=self.text_cache,
        )
        other._text = self._text
        return other.to(self.vectors.device)


def _of_one_size(images: Sequence[Tensor]) -> Iterator[Tensor]:
    """Stack neighbours of one size: images (3, H, W) to batches (B, 3, H, W), in order."""
    start = 0
    for stop in range(1, len(images) + 1):
        if stop == len(images) or images[stop].shape != images[start].shape:
            yield torch.stack(list(images[start:stop]))
            start = stop
