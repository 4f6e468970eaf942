"""From a segmenter to an ONNX file."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from clipteacher.onnx.agreement import OnnxError, check_agreement, drawn_images
from clipteacher.onnx.exportable import exportable
from clipteacher.onnx.graph import SegmentationGraph
from clipteacher.onnx.metadata import OnnxMetadata
from clipteacher.onnx.packages import needed
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.utils.atomic_files import write_atomically
from clipteacher.version import __version__

OPSETS: Final = (17, 18, 19, 20)
"""Versions of ONNX's operators that can be written: 17 is the first with layer normalisation."""

OPSET: Final = 17
"""The default, which runtimes since 2022 know."""

_TRACED: Final = (2, 90, 150)  # batch, height and width; no side is a multiple of a stride, so that all is padded
_AXES: Final = {
    "images": {0: "batch", 2: "height", 3: "width"},
    "text": {0: "names"},
    "labels": {0: "batch", 1: "height", 2: "width"},
    "scores": {0: "batch", 1: "names", 2: "height", 3: "width"},
    "lengths": {0: "batch", 1: "height", 2: "width"},
}


def export_onnx(segmenter: Segmenter, path: str | Path, *, text_input: bool = False, opset: int = OPSET) -> float:
    """Write a segmenter as one ONNX file, whole or not at all.

    The graph takes `images` (B, 3, H, W), float32, RGB in [0, 1], batch, height and width as one likes, and gives
    `labels` (B, H, W), int64, and `scores` (B, N, H, W), float32; normalisation, padding, enlarging and the choice of
    the best name are inside. With `text_input` it takes `text`, (N, C), too, for any number of names, and gives
    `lengths` (B, H, W). The metadata holds the rest, see `OnnxMetadata`.

    Before the file appears onnx checks it and onnxruntime runs it against PyTorch, see `check_agreement`.

    It is traced (torch.onnx's `dynamo=False`): for our students that takes seconds where torch.export takes minutes,
    gives the same labels, and needs no further package.

    A calibration is folded into the last layer, so that `scores` and `labels` have it. With `text_input` the graph
    does not know which names its vectors are of: its outputs are without, and the metadata has offset and seen names.

    Deviation: the graph alone takes a whole image at its own size, whatever the segmenter's pipeline. A shorter side
    and windows are left to who runs it; `OnnxSegmenter` does as the pipeline says.

    Args:
        segmenter: It is left as it was. Its names are the file's.
        path: The file, ending in .onnx; its folder is made where it is missing.
        text_input: Make the text vectors an input.
        opset: One of `OPSETS`.

    Returns:
        The smallest share of pixels, of three sizes, whose name is PyTorch's.

    Raises:
        ImportError: A package of the extra `onnx` is missing.
        OnnxError: The student cannot be written, or its ONNX does not agree with it.
        ValueError: The path does not end in .onnx or is a folder, or the opset is none of those.
    """
    path = _checked_path(path, opset)
    needed("onnxruntime")
    onnx: Any = needed("onnx")
    student, vectors = copy.deepcopy(segmenter.student).cpu(), segmenter.text_features.cpu()
    model = Segmenter(
        student,
        segmenter.class_names,
        vectors,
        unseen=segmenter.unseen,
        seen=segmenter.seen,
        settings=segmenter.settings,
    ).eval()
    graph = _graph(model, text_input)
    metadata = _metadata(model, text_input)
    shares: list[float] = []

    def write(temporary: Path) -> None:
        _trace(graph, model, temporary, opset)
        made = onnx.load(str(temporary))
        onnx.helper.set_model_props(made, metadata.entries())
        made.producer_name, made.producer_version = "clipteacher", metadata.version
        made.doc_string = "images: RGB in [0, 1]; labels: positions in the entry `names`. See docs/guides/onnx.md."
        onnx.save(made, str(temporary))
        shares.append(check_agreement(temporary, model, text_input=text_input))

    write_atomically(path, write)
    return shares[0]


def _checked_path(path: str | Path, opset: int) -> Path:
    """Check what can be checked before the network runs."""
    path = Path(path)
    if path.suffix.lower() != ".onnx" or path.is_dir():
        raise ValueError(
            f"onnx: got {str(path)!r}, expected the name of a file that ends in .onnx. Name it model.onnx."
        )
    if opset not in OPSETS:
        raise ValueError(f"opset: got {opset}, expected one of {OPSETS}. Leave it out for {OPSET}.")
    return path


def _graph(model: Segmenter, text_input: bool) -> SegmentationGraph:
    network = model.student
    if not text_input:
        network = model.to_closed_set().network
    return SegmentationGraph(exportable(network), model.settings.pad_multiple, text_input=text_input).eval()


def _metadata(model: Segmenter, text_input: bool) -> OnnxMetadata:
    normalisation: dict[str, Any] = {"inside": True, "input": "RGB in [0, 1]"}
    for name in ("mean", "std"):
        value = getattr(model.student, name, None)
        if isinstance(value, Tensor):
            normalisation[name] = value.flatten().tolist()
    return OnnxMetadata(
        version=__version__,
        names=model.class_names,
        unseen=model.unseen,
        settings=model.settings,
        normalisation=normalisation,
        vectors=model.text_features.numpy() if text_input else None,
        seen=model.seen if model.settings.calibration else (),
    )


def _trace(graph: SegmentationGraph, model: Segmenter, path: Path, opset: int) -> None:
    inputs = (drawn_images(*_TRACED), model.text_features) if graph.text_input else (drawn_images(*_TRACED),)
    given = ["images", "text"] if graph.text_input else ["images"]
    made = ["labels", "scores", "lengths"] if graph.text_input else ["labels", "scores"]
    try:
        with torch.inference_mode(False), torch.no_grad(), warnings.catch_warnings():
            # Of tracing itself, and of each size read as a number; what comes out is checked at other sizes.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                graph,
                inputs,
                str(path),
                dynamo=False,
                opset_version=opset,
                input_names=given,
                output_names=made,
                dynamic_axes={name: _AXES[name] for name in (*given, *made)},
            )
    except Exception as error:  # a network of your own may raise anything
        line = next((line for line in str(error).splitlines() if line.strip()), "")
        raise OnnxError(
            f"onnx: {type(model.student).__name__} cannot be written with opset {opset} ({type(error).__name__}: "
            f"{line}). Expected a network of operations that torch.onnx knows; try a higher opset."
        ) from error
