"""What `clipteacher segment --onnx` opens in place of a model's folder."""

from __future__ import annotations

from jsonargparse import Namespace

from clipteacher.onnx.segmenter import OnnxSegmenter
from clipteacher.protocols.splits import listed_names


def open_onnx(given: Namespace) -> tuple[OnnxSegmenter, list[str]]:
    """Open an ONNX file with its words, and the words that compete with them; every word is checked here.

    Args:
        given: `onnx`, `classes`, `background_prompts`, `background_own`, `threshold` of `clipteacher segment`.

    Raises:
        FileNotFoundError: There is no such file.
        ImportError: onnxruntime is not installed.
        ValueError: It is no file of `clipteacher export`, lacks a name, or takes no threshold.
    """
    segmenter = OnnxSegmenter(given.onnx)
    segmenter.check_threshold(given.threshold)
    background = list(listed_names(given.background_prompts)) if given.background_prompts is not None else []
    if background:
        segmenter.with_names(background)
    background += segmenter.class_names if given.background_own else ()
    if given.classes is not None:
        segmenter = segmenter.with_names(listed_names(given.classes))
    return segmenter, background
