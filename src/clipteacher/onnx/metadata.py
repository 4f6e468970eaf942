"""Metadata of an ONNX file: strings by name, as the format has them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from clipteacher.inference.settings import TestSettings
from clipteacher.pictures.colours import class_colours
from clipteacher.protocols.protocol import TestPipeline

FORMAT: Final = "2"
"""Version of these entries, under `clipteacher_format`."""


@dataclass(frozen=True, eq=False, kw_only=True)
class OnnxMetadata:
    """The entries of a file that `export_onnx` wrote.

    Attributes:
        version: Of clipteacher that wrote it.
        class_names: Names whose positions are the ids; with `text_features` those that the file knows by itself.
        unseen: Those of them that training had no masks of.
        settings: How the model is tested. The graph pads by itself and takes a whole image at its own size;
            `OnnxSegmenter` does the rest. With the names compiled in, the graph has subtracted the calibration; a graph
            that takes text features does not know the names, and leaves it to `OnnxSegmenter` or to who runs it alone.
        normalisation: Of the input, which is done inside the graph: mean and standard deviation by channel where the
            student has them, for images in [0, 1]. For the record.
        text_features: Those of the names, (N, C), float32, where the graph takes them as an input; else None.
        seen: Names that the model was trained on, where the calibration is not 0; else empty.
    """

    version: str
    class_names: tuple[str, ...]
    unseen: tuple[str, ...]
    settings: TestSettings
    normalisation: Mapping[str, Any]
    text_features: NDArray[np.float32] | None
    seen: tuple[str, ...] = ()

    def entries(self) -> dict[str, str]:
        """Return the entries: JSON, but for `text_features`, base64 of float32 in rows, little end first."""
        entries = {
            "clipteacher_format": FORMAT,
            "clipteacher_version": self.version,
            "class_names": _json(self.class_names),
            "unseen": _json(self.unseen),
            "colours": _json(class_colours(self.class_names).tolist()),
            "pad_multiple": str(self.settings.pad_multiple),
            "test_pipeline": _json(asdict(self.settings.pipeline)),
            "normalisation": _json(self.normalisation),
        }
        if self.settings.calibration:
            entries |= {"seen": _json(self.seen), "calibration": _json(self.settings.calibration)}
        if self.text_features is not None:
            entries["text_features"] = base64.b64encode(self.text_features.astype("<f4").tobytes()).decode("ascii")
        return entries

    @classmethod
    def of(cls, entries: Mapping[str, str]) -> OnnxMetadata:
        """Read the entries of a file.

        Raises:
            ValueError: They are not those of `clipteacher export`, or of a format that this version does not know.
        """
        if entries.get("clipteacher_format") != FORMAT:
            got = entries.get("clipteacher_format", "no entry clipteacher_format")
            raise ValueError(
                f"got {got}, expected format {FORMAT} of `clipteacher export`. Export the model with this version of "
                "clipteacher; networks of others run with onnxruntime alone."
            )
        try:
            class_names = _names(entries["class_names"])
            text_features = None
            if "text_features" in entries:
                stored = np.frombuffer(base64.b64decode(entries["text_features"], validate=True), dtype="<f4")
                text_features = stored.astype(np.float32).reshape(len(class_names), -1)
            return cls(
                version=entries["clipteacher_version"],
                class_names=class_names,
                unseen=_names(entries["unseen"]),
                settings=TestSettings(
                    TestPipeline(**json.loads(entries["test_pipeline"])),
                    pad_multiple=int(entries["pad_multiple"]),
                    calibration=json.loads(entries.get("calibration", "0.0")),
                ),
                normalisation=json.loads(entries["normalisation"]),
                text_features=text_features,
                seen=_names(entries.get("seen", "[]")),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"the entries are damaged ({type(error).__name__}: {error}). Export the model again."
            ) from error


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _names(entry: str) -> tuple[str, ...]:
    names = json.loads(entry)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"got {names!r}, expected a list of names")
    return tuple(names)


def first_line(error: Exception) -> str:
    """Return an error's kind and the first line of what it says; onnxruntime and torch.onnx say pages."""
    return f"{type(error).__name__}: {next((line for line in str(error).splitlines() if line.strip()), '')}"
