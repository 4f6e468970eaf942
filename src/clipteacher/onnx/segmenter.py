"""An ONNX file that `clipteacher export` wrote, used as a segmenter: onnxruntime, numpy and Pillow, no PyTorch."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from clipteacher.data.photo import Photo, eight_bits, read_photo
from clipteacher.inference.calibration import calibration_array
from clipteacher.inference.threshold import check_threshold
from clipteacher.onnx.metadata import OnnxMetadata, first_line
from clipteacher.onnx.prediction import ArrayNetwork, best_class, image_array, predicted_logits
from clipteacher.onnx.resizing import resized
from clipteacher.protocols.words import read_words
from clipteacher.segmenter.segmentation import NONE, Segmentation
from clipteacher.segmenter.vocabulary import check_names
from clipteacher.utils.packages import needed

_UNIT: Final = 1e-3  # how far the length of a unit vector is from 1


class OnnxSegmenter:
    """Segments photos with an ONNX file: what `Segmenter` answers, to rounding, in the size and windows of the model.

    Args:
        path: A file that `export_onnx` or `clipteacher export` wrote.
        threads: Threads of a layer's work; None takes as many as onnxruntime thinks good.
        providers: Where onnxruntime may run it, best first.

    Attributes:
        class_names: Names that it answers to; a name's position is its id.
        unseen: Those of them that training had no masks of.
        settings: How photos are tested.
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
        path, onnxruntime = Path(path), needed("onnxruntime", "onnxruntime", "onnx")
        self._path = path
        if not path.is_file():
            raise FileNotFoundError(f"onnx: no file {path}. Write it: clipteacher export --model DIR --onnx FILE")
        options = onnxruntime.SessionOptions()
        if threads is not None:
            if threads < 1:
                raise ValueError(f"threads: got {threads}, expected at least 1, or None. Give 2.")
            options.intra_op_num_threads = threads
        if set(providers) == {"CPUExecutionProvider"}:
            options.log_severity_level = 4  # what it logs, it raises too; of a GPU it logs why it is not used
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(path), options, providers=list(providers), enable_fallback=False
            )
        except Exception as error:  # onnxruntime has an exception for each kind of fault, with no common base
            raise ValueError(f"onnx: {path} cannot be read ({first_line(error)}). Export it again.") from error
        try:
            self.metadata = OnnxMetadata.of(self._session.get_modelmeta().custom_metadata_map)
        except UnicodeDecodeError as error:
            raise ValueError(f"onnx: {path}: the entries are damaged ({error}). Export the model again.") from error
        except ValueError as error:
            raise ValueError(f"onnx: {path}: {error}") from error
        _check_graph(self._session, path, self.metadata)
        self.class_names = self.metadata.class_names
        self.unseen = self.metadata.unseen
        self.settings = self.metadata.settings

    def segment(
        self,
        photo: Photo,
        class_names: Sequence[str] | str | None = None,
        *,
        text_features: NDArray[np.floating[Any]] | None = None,
        threshold: float | None = None,
        background_prompts: Sequence[str] | str = (),
        return_logits: bool = False,
    ) -> Segmentation:
        """Segment one photo.

        Args:
            photo: A path, a picture of Pillow's, an array (H, W, 3) or a tensor (3, H, W): all that `read_photo` takes.
            class_names: N of the file's names, or, with `text_features`, any words, in a list or one text, as
                `Segmenter.segment` takes them; None is all of the file's.
            text_features: Those of `class_names`, (N, C), unit vectors, for a file that takes them.
            threshold: Least cosine, as `Segmenter.segment`, for a file that takes text features.
            background_prompts: More of the file's names, which compete with those asked for.
            return_logits: Return the names' logits at the photo's own size too: N·H·W numbers.

        Returns:
            Ids (H, W), int64, 0..N-1 or `NONE` = -1, with the names.

        Raises:
            DataError: A file cannot be read.
            TypeError: The photo is none of these things.
            ValueError: As `read_photo`; the file lacks a name, or does not take the text features or the threshold.
        """
        self.check_threshold(threshold)
        wanted = self.class_names if class_names is None else check_names(class_names)
        others = tuple(name for name in read_words(background_prompts, "background_prompts") if name not in wanted)
        text, read = self._text(wanted, others, text_features), read_photo(photo)
        about = self.metadata
        logits = predicted_logits(self._network(text), image_array(read), self.settings.pipeline)
        size = (read.shape[0], read.shape[1])
        if text is None:  # the graph has subtracted the calibration
            order = [about.class_names.index(name) for name in (*wanted, *others)]
            maps, lengths = logits if order == list(range(len(logits))) else logits[order], None
        else:
            maps, lengths = logits[:-1], logits[-1]
            bias = calibration_array((*wanted, *others), about.seen, self.settings.calibration)
            maps = maps if bias is None else maps + bias[:, np.newaxis, np.newaxis]
        labels, best = best_class(maps, size)
        labels[labels >= len(wanted)] = NONE
        if threshold is not None and lengths is not None:
            labels[best < threshold * resized(lengths[np.newaxis], size)[0]] = NONE
        return Segmentation(
            labels,
            wanted,
            resized(maps[: len(wanted)], size) if return_logits else None,
            eight_bits(read),
        )

    def with_names(self, names: Sequence[str] | str) -> OnnxSegmenter:
        """Return a segmenter that shares the file and answers to some of its names, in the order that is given.

        Raises:
            TypeError, ValueError: As `clipteacher.segmenter.vocabulary.check_names`, or the file lacks a name.
        """
        asked = check_names(names)
        self._text(asked, (), None)
        other = copy.copy(self)
        other.class_names = asked
        other.unseen = tuple(name for name in asked if name in self.metadata.unseen)
        return other

    def check_threshold(self, threshold: float | None) -> None:
        """Check a threshold before there is a photo.

        Raises:
            ValueError: It is no cosine in [-1, 1], or the file has no features for it: its names are compiled in.
        """
        check_threshold(threshold)
        if threshold is not None and self.metadata.text_features is None:
            raise ValueError(
                "threshold: got one for a file with its names compiled in, which has no features, expected none. "
                "Export with --text-input."
            )

    def _text(
        self, wanted: tuple[str, ...], others: tuple[str, ...], text_features: NDArray[np.floating[Any]] | None
    ) -> NDArray[np.float32] | None:
        """Text features (N, C) of the names and their others, or None where they are compiled in."""
        stored = self.metadata.text_features
        if stored is None and text_features is not None:
            raise ValueError("text_features: got some for a file with its names compiled in. Export with --text-input.")
        looked_up = others if text_features is not None else (*wanted, *others)
        if strange := [name for name in looked_up if name not in self.metadata.class_names]:
            fix = (
                "Give their text features: segment(photo, names, text_features=teacher.encode_text(names).numpy())."
                if stored is not None
                else "Export the model with them: clipteacher export --classes."
            )
            raise ValueError(
                f"classes: {strange} are not among the file's own ({', '.join(self.metadata.class_names)}). {fix}"
            )
        if stored is None:
            return None
        own = stored[[self.metadata.class_names.index(name) for name in looked_up]]
        if text_features is None:
            return own
        given = np.array(text_features, dtype=np.float32)
        if given.shape != (len(wanted), stored.shape[1]):
            raise ValueError(
                f"text_features: got shape {given.shape}, expected {(len(wanted), stored.shape[1])}: a row a name, of "
                "the width of the teacher that trained the student."
            )
        if not np.isfinite(given).all():
            raise ValueError("text_features: got NaN or infinity, expected unit vectors. Encode the names again.")
        # A seen name of a model with a gate has it in its text features, which are no unit vector then.
        for row, name in enumerate(wanted):
            if name in self.metadata.seen and name in self.metadata.class_names:
                known = stored[self.metadata.class_names.index(name)]
                given[row] = known if abs(float(np.linalg.norm(known)) - 1) > _UNIT else given[row]
        return np.concatenate([given, own])

    def _network(self, text: NDArray[np.float32] | None) -> ArrayNetwork:
        """The file as a network: an image (3, H, W) to logits (N, H, W); with text then the features' length."""
        wanted = ["logits"] if text is None else ["logits", "lengths"]
        names = len(self.metadata.class_names if text is None else text)

        def run(image: NDArray[np.float32]) -> NDArray[np.float32]:
            given = {"images": image[np.newaxis]} | ({} if text is None else {"text_features": text})
            try:
                logits, *lengths = (output[0] for output in self._session.run(wanted, given))
            except Exception as error:  # onnxruntime has an exception for each kind of fault, with no common base
                raise ValueError(
                    f"onnx: {self._path} cannot run on an image of {image.shape[2]}x{image.shape[1]} "
                    f"({first_line(error)}). Give a smaller photo where memory is short; else export the model again."
                ) from error
            if len(logits) != names:
                raise ValueError(
                    f"onnx: {self._path} gives {len(logits)} logits a pixel, expected {names}, one for each name. "
                    "Export the model again."
                )
            return np.concatenate([logits, *(each[np.newaxis] for each in lengths)]) if lengths else logits

        return run


def _check_graph(session: Any, path: Path, about: OnnxMetadata) -> None:  # noqa: ANN401 (onnxruntime is not typed)
    """Check that a graph takes and gives what its entries promise."""
    takes, gives = ({each.name for each in some} for some in (session.get_inputs(), session.get_outputs()))
    text = about.text_features is not None
    inputs, outputs = {"images"} | ({"text_features"} if text else set()), {"logits"} | ({"lengths"} if text else set())
    if takes != inputs or not outputs <= gives:
        raise ValueError(
            f"onnx: {path}: got a graph from {', '.join(sorted(takes))} to {', '.join(sorted(gives))}, expected one "
            f"from {', '.join(sorted(inputs))} to {', '.join(sorted(outputs))}. Export the model again."
        )
