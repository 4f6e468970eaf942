"""Whether an ONNX file gives the labels that PyTorch gives."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from clipteacher.inference.dense_prediction import DensePrediction
from clipteacher.inference.settings import TestSettings
from clipteacher.inference.text_classifier import TextClassifier
from clipteacher.onnx.packages import needed
from clipteacher.segmenter.segmenter import Segmenter

LEAST_AGREEMENT: Final = 0.999
"""Share of the pixels that must have the same name."""

CHECKED_SIZES: Final = ((1, 64, 96), (2, 33, 131), (1, 161, 114))
"""Batch, height and width of the images on which both are run: none is what the graph was traced with."""


class OnnxError(ValueError):
    """A student that cannot be written as ONNX, or whose ONNX does not say what it says."""


def drawn_images(batch: int, height: int, width: int) -> Tensor:
    """Draw blobs of colour with noise, the same each time.

    Returns:
        Images (batch, 3, height, width), float32 in [0, 1].
    """
    generator = torch.Generator().manual_seed(height * width)
    coarse = torch.rand(batch, 3, 6, 8, generator=generator)
    smooth = F.interpolate(coarse, size=(height, width), mode="bilinear", align_corners=False)
    return (smooth + 0.1 * torch.randn(smooth.shape, generator=generator)).clamp(0, 1)


def check_agreement(path: Path, segmenter: Segmenter, *, text_input: bool) -> float:
    """Run a file and the segmenter on drawn images of three sizes; the segmenter lies on the CPU.

    Where the text vectors are an input, another number of them is given at the second size, and the graph knows of no
    calibration.

    Returns:
        The smallest share of pixels with the same name.

    Raises:
        ImportError: A package of the extra `onnx` is missing.
        OnnxError: The file is no valid ONNX, onnxruntime cannot run it, or less than `LEAST_AGREEMENT` agrees.
    """
    onnx, onnxruntime = needed("onnx"), needed("onnxruntime")
    shares, whole = [], TestSettings(pad_multiple=segmenter.settings.pad_multiple)
    try:
        onnx.checker.check_model(str(path), full_check=True)
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        for number, size in enumerate(CHECKED_SIZES):
            images, text_features, bias = drawn_images(*size), segmenter.text_features, segmenter.bias
            given = {"images": images.numpy()}
            if text_input:
                text_features = text_features if number != 1 else text_features[: max(1, len(text_features) // 2)]
                given["text"], bias = text_features.numpy(), None
            (labels,) = session.run(["labels"], given)
            with torch.inference_mode():
                expected = DensePrediction(segmenter.student, images, whole).labels(TextClassifier(text_features, bias))
            shares.append((torch.from_numpy(labels) == expected).double().mean().item())
    except Exception as error:  # onnx and onnxruntime have an exception for each kind of fault, with no common base
        raise OnnxError(
            f"onnx: the file that was made cannot be used ({_line(error)}); nothing was written."
        ) from error
    if min(shares) < LEAST_AGREEMENT:
        worst = CHECKED_SIZES[shares.index(min(shares))]
        raise OnnxError(
            f"onnx: {100 * min(shares):.3f} % of the pixels agree with PyTorch for images {worst}, expected at least "
            f"{100 * LEAST_AGREEMENT:g} %; nothing was written. {type(segmenter.student).__name__} has a size, or a "
            "decision that hangs on one, frozen into its forward: compute it from the input's shape."
        )
    return min(shares)


def _line(error: Exception) -> str:
    """An error's kind and the first line of what it says."""
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
