"""An ONNX file that `clipteacher export` wrote, used as a segmenter: numpy and onnxruntime."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clipteacher.data.photo import Photo, read_photo
from clipteacher.inference.none import check_threshold
from clipteacher.inference.placement import resized_size, windows
from clipteacher.inference.seen import seen_bias
from clipteacher.onnx.metadata import OnnxMetadata
from clipteacher.onnx.packages import needed
from clipteacher.onnx.resizing import resize_photo, resize_scores
from clipteacher.segmentation import NONE, Segmentation
from clipteacher.vocabulary import check_names


class OnnxSegmenter:
    """Segments photos with an ONNX file: what `Segmenter` answers, to rounding, in the size and windows of the model.

    Args:
        path: A file that `export_onnx` or `clipteacher export` wrote.
        threads: Threads of a layer's work; None takes as many as onnxruntime thinks good.
        providers: Where onnxruntime may run it, best first.

    Attributes:
        names: Names that it answers to; a name's position is its id.
        unseen: Those of them that training never saw.
        metadata: All that the file says of itself.

    Raises:
        FileNotFoundError: There is no such file.
        ImportError: onnxruntime is not installed.
        ValueError: It cannot be read, or is not one of `clipteacher export`.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        threads: int | None = None,
        providers: Sequence[str] = ("CPUExecutionProvider",),
    ) -> None:
        path, onnxruntime = Path(path), needed("onnxruntime")
        if not path.is_file():
            raise FileNotFoundError(f"onnx: no file {path}. Write it: clipteacher export --model DIR --onnx FILE")
        options = onnxruntime.SessionOptions()
        if threads is not None:
            if threads < 1:
                raise ValueError(f"threads: got {threads}, expected at least 1, or None. Give 2.")
            options.intra_op_num_threads = threads
        try:
            self._session: Any = onnxruntime.InferenceSession(str(path), options, providers=list(providers))
        except Exception as error:  # onnxruntime has an exception for each kind of fault, with no common base
            line = (str(error).splitlines() or [""])[0]
            raise ValueError(
                f"onnx: {path} cannot be read ({type(error).__name__}: {line}). Export it again."
            ) from error
        try:
            self.metadata = OnnxMetadata.of(self._session.get_modelmeta().custom_metadata_map)
        except ValueError as error:
            raise ValueError(f"onnx: {path}: {error}") from error
        self.names = self.metadata.names
        self.unseen = self.metadata.unseen

    def segment(
        self,
        photo: Photo,
        names: Sequence[str] | None = None,
        *,
        vectors: NDArray[np.floating[Any]] | None = None,
        threshold: float | None = None,
        against: Sequence[str] = (),
        scores: bool = False,
    ) -> Segmentation:
        """Segment one photo.

        Args:
            photo: A path, a picture of Pillow's, an array (H, W, 3) or a tensor (3, H, W): all that `read_photo` takes.
            names: N of the file's names, or, with `vectors`, any words; None is all of the file's.
            vectors: Text vectors of `names`, (N, C), unit vectors, for a file that takes them.
            threshold: Least cosine, as `Segmenter.segment`, for a file that takes text vectors.
            against: More of the file's names, which compete and are none of those asked for.
            scores: Return the names' scores at the photo's own size too: N·H·W numbers.

        Returns:
            Ids (H, W), int64, 0..N-1 or `NONE` = -1, with the names.

        Raises:
            DataError: A file cannot be read.
            TypeError: The photo is none of these things.
            ValueError: As `read_photo`; the file lacks a name, or does not take the vectors or the threshold.
        """
        self.check_threshold(threshold)
        for given in (names, against or None):
            if given is not None:
                check_names(given)
        wanted = tuple(self.names if names is None else names)
        rivals = tuple(dict.fromkeys(name for name in against if name not in wanted))
        text = self._text(wanted, rivals, vectors)
        image, bias = _fractions(read_photo(photo)), self._bias((*wanted, *rivals))
        more = scores or rivals or threshold is not None or bias is not None
        if not (more or self._in_pieces(image)) and self._as_it_is(wanted):
            (labels,) = self._session.run(["labels"], self._given(image, text))  # no score is copied out
            return Segmentation(labels[0], wanted)
        found = self._scores(image, text)
        maps, lengths = (found[:-1], found[-1]) if text is not None else (found, None)
        if text is None:
            maps = maps[[self.metadata.names.index(name) for name in (*wanted, *rivals)]]
        if bias is not None:
            maps = maps + bias
        ids = maps.argmax(axis=0).astype(np.int64)
        none = ids >= len(wanted)
        if threshold is not None and lengths is not None:
            none |= maps.max(axis=0) < threshold * lengths
        ids[none] = NONE
        return Segmentation(ids, wanted, np.ascontiguousarray(maps[: len(wanted)]) if scores else None)

    def with_names(self, names: Sequence[str]) -> OnnxSegmenter:
        """Return a segmenter that shares the file and answers to some of its names, in the order that is given.

        Raises:
            ValueError: A string in place of a list, a blank, a name that is given twice, or one that the file lacks.
        """
        check_names(names)
        self._text(tuple(names), (), None)
        other = copy.copy(self)
        other.names = tuple(names)
        other.unseen = tuple(name for name in names if name in self.metadata.unseen)
        return other

    def check_threshold(self, threshold: float | None) -> None:
        """Check a threshold before there is a photo.

        Raises:
            ValueError: It is no cosine in [-1, 1], or the file has no features for it: its names are compiled in.
        """
        check_threshold(threshold)
        if threshold is not None and self.metadata.vectors is None:
            raise ValueError(
                "threshold: got one for a file with its names compiled in, which has no features, expected none. "
                "Export with --text-input."
            )

    def _bias(self, names: tuple[str, ...]) -> NDArray[np.float32] | None:
        """What is left to add to the names' scores, (N, 1, 1): the seen offset, where the graph has not done so."""
        about = self.metadata
        bias = None if about.vectors is None else seen_bias(names, about.seen, about.seen_offset)
        return None if bias is None else bias.numpy()[:, np.newaxis, np.newaxis]

    def _as_it_is(self, wanted: tuple[str, ...]) -> bool:
        """Whether the graph's own labels are positions in the names that are wanted."""
        return self.metadata.vectors is not None or wanted == self.metadata.names

    def _in_pieces(self, image: NDArray[np.float32]) -> bool:
        """Whether the pipeline asks for more than one look at the image (H, W, 3), or for another size."""
        size, pipeline = (image.shape[0], image.shape[1]), self.metadata.pipeline
        return resized_size(*size, pipeline.short_side) != size or len(windows(*size, pipeline)) > 1

    def _text(
        self, wanted: tuple[str, ...], rivals: tuple[str, ...], vectors: NDArray[np.floating[Any]] | None
    ) -> NDArray[np.float32] | None:
        """Text vectors (N, C) of the names and their rivals, or None where they are compiled in."""
        stored = self.metadata.vectors
        if stored is None and vectors is not None:
            raise ValueError("vectors: got some for a file with its names compiled in. Export with --text-input.")
        looked_up = rivals if vectors is not None else (*wanted, *rivals)
        strange = [name for name in looked_up if name not in self.metadata.names]
        if strange:
            fix = (
                "Give their vectors: segment(photo, names, vectors=teacher.encode_text(names).numpy())."
                if stored is not None
                else "Export the model with them: clipteacher export --classes."
            )
            raise ValueError(
                f"classes: {strange} are not among the file's own ({', '.join(self.metadata.names)}). {fix}"
            )
        if stored is None:
            return None
        own = [stored[self.metadata.names.index(name)] for name in looked_up]
        if vectors is None:
            return np.stack(own)
        given = np.asarray(vectors, dtype=np.float32)
        if given.shape != (len(wanted), stored.shape[1]):
            raise ValueError(
                f"vectors: got shape {given.shape}, expected {(len(wanted), stored.shape[1])}: a row a name, of the "
                "width of the teacher that trained the student."
            )
        return np.concatenate([given, *(row[np.newaxis] for row in own)])

    def _given(self, image: NDArray[np.float32], text: NDArray[np.float32] | None) -> dict[str, NDArray[np.float32]]:
        """The graph's inputs for an image (H, W, 3) and vectors (N, C)."""
        images = {"images": np.ascontiguousarray(image.transpose(2, 0, 1)[np.newaxis])}
        return images if text is None else {**images, "text": text}

    def _scores(self, image: NDArray[np.float32], text: NDArray[np.float32] | None) -> NDArray[np.float32]:
        """Scores of an image (H, W, 3) at its own size as the pipeline has it, (N, H, W); with text then |R|."""
        own, pipeline = (image.shape[0], image.shape[1]), self.metadata.pipeline
        size = resized_size(*own, pipeline.short_side)
        if size != own:
            image = resize_photo(image, *size)
        boxes = windows(*size, pipeline)
        if len(boxes) == 1:
            return resize_scores(self._whole(image, text), *own)
        looks = (self._whole(image[top:bottom, left:right], text) for top, left, bottom, right in boxes)
        maps = len(self.metadata.names) if text is None else len(text) + 1
        total, count = np.zeros((maps, *size), dtype=np.float32), np.zeros(size, dtype=np.float32)
        for (top, left, bottom, right), look in zip(boxes, looks, strict=True):
            total[:, top:bottom, left:right] += look
            count[top:bottom, left:right] += 1
        return resize_scores(total / count, *own)

    def _whole(self, image: NDArray[np.float32], text: NDArray[np.float32] | None) -> NDArray[np.float32]:
        """Scores of an image (H, W, 3) seen at once, (N, H, W); with text then the features' length."""
        if text is None:
            scores: NDArray[np.float32] = self._session.run(["scores"], self._given(image, text))[0][0]
            return scores
        scores, lengths = self._session.run(["scores", "lengths"], self._given(image, text))
        return np.concatenate([scores[0], lengths])


def _fractions(photo: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
    """A photo as `read_photo` gives it as fractions of one, (H, W, 3)."""
    return photo.astype(np.float32) / np.float32(255) if photo.dtype == np.uint8 else photo.astype(np.float32)
