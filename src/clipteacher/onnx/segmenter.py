"""An ONNX file that `clipteacher export` wrote, used as a segmenter: a session of onnxruntime is one more network."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clipteacher.data.photo import Photo, eight_bits, read_photo
from clipteacher.inference.calibration import calibration_bias
from clipteacher.inference.dense_prediction import DensePrediction, Network
from clipteacher.inference.image import float_images, image_tensor
from clipteacher.inference.text_classifier import check_threshold
from clipteacher.onnx.metadata import OnnxMetadata, first_line
from clipteacher.protocols.words import read_words
from clipteacher.segmenter.segmentation import NONE, Segmentation
from clipteacher.segmenter.vocabulary import check_names
from clipteacher.utils.packages import needed


class OnnxSegmenter:
    """Segments photos with an ONNX file: what `Segmenter` answers, to rounding, in the size and windows of the model.

    Args:
        path: A file that `export_onnx` or `clipteacher export` wrote.
        threads: Threads of a layer's work; None takes as many as onnxruntime thinks good.
        providers: Where onnxruntime may run it, best first.

    Attributes:
        class_names: Names that it answers to; a name's position is its id.
        unseen: Those of them that training had no masks of.
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
            raise ValueError(f"onnx: {path} cannot be read ({first_line(error)}). Export it again.") from error
        try:
            self.metadata = OnnxMetadata.of(self._session.get_modelmeta().custom_metadata_map)
        except ValueError as error:
            raise ValueError(f"onnx: {path}: {error}") from error
        self.class_names = self.metadata.class_names
        self.unseen = self.metadata.unseen

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
        images, about = float_images(image_tensor(read).unsqueeze(0)), self.metadata
        # The graph pads by itself.
        logits = DensePrediction(self._network(text), images, replace(about.settings, pad_multiple=1)).logits()[0]
        if text is None:  # the graph has subtracted the calibration
            maps, lengths = logits[[about.class_names.index(name) for name in (*wanted, *others)]], None
        else:
            maps, lengths = logits[:-1], logits[-1]
            bias = calibration_bias((*wanted, *others), about.seen, about.settings.calibration)
            maps = maps if bias is None else maps + bias[:, None, None]
        best = maps.max(dim=0)
        none = best.indices >= len(wanted)
        if threshold is not None and lengths is not None:
            none |= best.values < threshold * lengths
        return Segmentation(
            best.indices.masked_fill(none, NONE).numpy(),
            wanted,
            maps[: len(wanted)].numpy() if return_logits else None,
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
        given = np.asarray(text_features, dtype=np.float32)
        if given.shape != (len(wanted), stored.shape[1]):
            raise ValueError(
                f"text_features: got shape {given.shape}, expected {(len(wanted), stored.shape[1])}: a row a name, of "
                "the width of the teacher that trained the student."
            )
        return np.concatenate([given, own])

    def _network(self, text: NDArray[np.float32] | None) -> Network:
        """The file as a network: images (1, 3, H, W) to logits (1, N, H, W); with text then the features' length."""

        def run(images: Tensor) -> Tensor:
            given = {"images": images.numpy()}
            if text is None:
                (logits,) = self._session.run(["logits"], given)
                return torch.from_numpy(logits)
            logits, lengths = self._session.run(["logits", "lengths"], given | {"text_features": text})
            return torch.cat([torch.from_numpy(logits), torch.from_numpy(lengths).unsqueeze(1)], dim=1)

        return run
