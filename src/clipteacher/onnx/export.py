"""From a segmenter to an ONNX file whose labels are PyTorch's."""

from __future__ import annotations

import copy
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn import functional as F

from clipteacher.inference.dense_prediction import DensePrediction
from clipteacher.inference.seen_gate import net_calibration
from clipteacher.inference.settings import TestSettings
from clipteacher.inference.text_classifier import TextClassifier
from clipteacher.onnx.graph import SegmentationGraph, exportable
from clipteacher.onnx.metadata import OnnxMetadata, first_line
from clipteacher.onnx.opsets import OPSET, OPSETS
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.utils.atomic_files import write_atomically
from clipteacher.utils.packages import needed
from clipteacher.version import __version__

_LEAST_AGREEMENT: Final = 0.999  # share of the pixels that must have the same name
# Batch, height and width of images. No side of the traced one is a multiple of a stride, so that all is padded; none of
# those on which the file is checked is what the graph was traced with.
_TRACED: Final = (2, 90, 150)
_CHECKED: Final = ((1, 64, 96), (2, 33, 131), (1, 161, 114))
_AXES: Final = {
    "images": {0: "batch", 2: "height", 3: "width"},
    "text_features": {0: "names"},
    "labels": {0: "batch", 1: "height", 2: "width"},
    "logits": {0: "batch", 1: "names", 2: "height", 3: "width"},
    "lengths": {0: "batch", 1: "height", 2: "width"},
}


class OnnxError(ValueError):
    """A student that cannot be written as ONNX, or whose ONNX does not say what it says."""


def export_onnx(segmenter: Segmenter, path: str | Path, *, text_input: bool = False, opset: int = OPSET) -> float:
    """Write a segmenter as one ONNX file, whole or not at all.

    The graph takes `images` (B, 3, H, W), float32, RGB in [0, 1], of any batch, height and width, and gives
    `labels` (B, H, W), int64, and `logits` (B, N, H, W), float32; normalisation, padding, enlarging and the choice of
    the best name are inside. With `text_input` it takes `text_features`, (N, C), too, for any number of names, and
    gives `lengths` (B, H, W). The metadata holds the rest, see `OnnxMetadata`.

    Before the file appears onnx checks it and onnxruntime runs it against PyTorch on drawn images of three sizes.

    It is traced (torch.onnx's `dynamo=False`): for our students that takes seconds where torch.export takes minutes,
    gives the same labels, and needs no further package.

    A calibration is folded into the last layer, so that `logits` and `labels` have it. With `text_input` the graph
    does not know whose text features it gets: its outputs are without, and the metadata has calibration and seen names.

    Deviation: the graph alone takes a whole image at its own size, whatever the segmenter's pipeline. A shorter side
    and windows are left to who runs it; `OnnxSegmenter` does as the pipeline says.

    Args:
        segmenter: It is left as it was. Its names are the file's.
        path: The file, ending in .onnx; its folder is made where it is missing.
        text_input: Make the text features an input.
        opset: One of `OPSETS`.

    Returns:
        The smallest share of pixels, of three sizes, whose name is PyTorch's.

    Raises:
        ImportError: A package of the extra `onnx` is missing.
        OnnxError: The student cannot be written, or its ONNX does not agree with it.
        ValueError: The path does not end in .onnx or is a folder, or the opset is none of those.
    """
    _check_arguments(Path(path), opset)
    student, text_features = copy.deepcopy(segmenter.student).cpu().float(), segmenter.text_features.cpu()
    model = Segmenter(
        student,
        segmenter.class_names,
        text_features,
        unseen=segmenter.unseen,
        seen=segmenter.seen,
        settings=segmenter.settings,
        gate=segmenter.gate,
    ).eval()
    shares: list[float] = []

    def write(temporary: Path) -> None:
        _trace(model, temporary, text_input, opset)
        _add_metadata(model, temporary, text_input)
        shares.append(_agreement(model, temporary, text_input))

    write_atomically(path, write)
    return shares[0]


def _check_arguments(path: Path, opset: int) -> None:
    """Check what can be checked before the network runs."""
    if path.suffix.lower() != ".onnx" or path.is_dir():
        raise ValueError(
            f"onnx: got {str(path)!r}, expected the name of a file that ends in .onnx. Name it model.onnx."
        )
    if opset not in OPSETS:
        raise ValueError(f"opset: got {opset}, expected one of {OPSETS}. Leave it out for {OPSET}.")
    for package in ("onnx", "onnxruntime"):
        needed(package, package, "onnx")


def _trace(model: Segmenter, path: Path, text_input: bool, opset: int) -> None:
    """Write the graph, without metadata."""
    network = model.student if text_input else model.to_closed_set().network
    graph = SegmentationGraph(exportable(network), model.settings.pad_multiple, text_input=text_input).eval()
    inputs = {"images": drawn_images(*_TRACED)} | ({"text_features": model.text_features} if text_input else {})
    made = ["labels", "logits", *(["lengths"] if text_input else [])]
    try:
        with torch.inference_mode(False), torch.no_grad(), warnings.catch_warnings():
            # Of tracing itself, and of each size read as a number; what comes out is checked at other sizes.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                graph,
                tuple(inputs.values()),
                str(path),
                dynamo=False,
                opset_version=opset,
                input_names=list(inputs),
                output_names=made,
                dynamic_axes={name: _AXES[name] for name in (*inputs, *made)},
            )
    except Exception as error:  # a network of your own may raise anything
        raise OnnxError(
            f"onnx: {type(model.student).__name__} cannot be written with opset {opset} ({first_line(error)}). "
            "Expected a network of operations that torch.onnx knows; try a higher opset."
        ) from error


def _add_metadata(model: Segmenter, path: Path, text_input: bool) -> None:
    """Add to a file what it says of itself."""
    normalisation: dict[str, Any] = {"inside": True, "input": "RGB in [0, 1]"}
    for name in ("mean", "std"):
        value = getattr(model.student, name, None)
        if isinstance(value, Tensor):
            normalisation[name] = value.flatten().tolist()
    # The gate is in the text features of seen names, and its offset in the calibration.
    settings = replace(model.settings, calibration=net_calibration(model.settings.calibration, model.gate))
    metadata = OnnxMetadata(
        version=__version__,
        class_names=model.class_names,
        unseen=model.unseen,
        settings=settings,
        normalisation=normalisation,
        text_features=model.classifier.text_features.numpy() if text_input else None,
        seen=model.seen if settings.calibration else (),
    )
    onnx = needed("onnx", "onnx", "onnx")
    made = onnx.load(str(path))
    onnx.helper.set_model_props(made, metadata.entries())
    made.producer_name, made.producer_version = "clipteacher", metadata.version
    made.doc_string = "images: RGB in [0, 1]; labels: positions in the entry `class_names`. See docs/guides/onnx.md."
    onnx.save(made, str(path))


def drawn_images(batch: int, height: int, width: int) -> Tensor:
    """Draw blobs of colour with noise, the same each time: (batch, 3, height, width), float32 in [0, 1]."""
    generator = torch.Generator().manual_seed(height * width)
    coarse = torch.rand(batch, 3, 6, 8, generator=generator)
    smooth = F.interpolate(coarse, size=(height, width), mode="bilinear", align_corners=False)
    return (smooth + 0.1 * torch.randn(smooth.shape, generator=generator)).clamp(0, 1)


def _agreement(model: Segmenter, path: Path, text_input: bool) -> float:
    """Return the smallest share of pixels to which a file gives the segmenter's name, at three sizes; check it.

    Where the text features are an input, another number of them is given at the second size, and the graph knows of no
    calibration.
    """
    shares, whole = [], TestSettings(pad_multiple=model.settings.pad_multiple)
    try:
        needed("onnx", "onnx", "onnx").checker.check_model(str(path), full_check=True)
        runtime = needed("onnxruntime", "onnxruntime", "onnx")
        session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        for number, size in enumerate(_CHECKED):
            images, text, bias = drawn_images(*size), model.classifier.text_features, model.bias
            given = {"images": images.numpy()}
            if text_input:
                text, bias = text[: max(1, len(text) // 2)] if number == 1 else text, None
                given["text_features"] = text.numpy()
            (labels,) = session.run(["labels"], given)
            with torch.inference_mode():
                expected = DensePrediction(model.student, images, whole).labels(TextClassifier(text, bias))
            shares.append((torch.from_numpy(labels) == expected).double().mean().item())
    except Exception as error:  # onnx and onnxruntime have an exception for each kind of fault, with no common base
        raise OnnxError(
            f"onnx: the file that was made cannot be used ({first_line(error)}); nothing was written."
        ) from error
    if min(shares) < _LEAST_AGREEMENT:
        worst = _CHECKED[shares.index(min(shares))]
        raise OnnxError(
            f"onnx: {100 * min(shares):.3f} % of the pixels agree with PyTorch for images {worst}, expected at least "
            f"{100 * _LEAST_AGREEMENT:g} %; nothing was written. {type(model.student).__name__} has a size, or a "
            "decision that hangs on one, frozen into its forward: compute it from the input's shape."
        )
    return min(shares)
