"""What `clipteacher segment --onnx` opens in place of a model's folder."""

from __future__ import annotations

from jsonargparse import Namespace

from clipteacher.onnx.segmenter import OnnxSegmenter
from clipteacher.protocols.splits import listed_names


def open_onnx(given: Namespace) -> tuple[OnnxSegmenter, list[str]]:
    """Open an ONNX file with its words, and the words that compete with them; every word is checked here.

    Args:
        given: Arguments of `clipteacher segment`: `onnx`, `classes`, `against`, `against_own`, `threshold`.

    Raises:
        FileNotFoundError: There is no such file.
        ImportError: onnxruntime is not installed.
        ValueError: It is no file of `clipteacher export`, lacks a name, or takes no threshold.
    """
    segmenter = OnnxSegmenter(given.onnx)
    segmenter.check_threshold(given.threshold)
    against = list(listed_names(given.against)) if given.against is not None else []
    if against:
        segmenter.with_names(against)
    against += segmenter.class_names if given.against_own else ()
    if given.classes is not None:
        segmenter = segmenter.with_names(listed_names(given.classes))
    return segmenter, against
