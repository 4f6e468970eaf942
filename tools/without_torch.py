"""An ONNX file where there is no PyTorch: written in one environment, used in another that has the wheel alone.

`python tools/without_torch.py export student.onnx` writes it. With `segment` it is used, where numpy, Pillow and
onnxruntime are all there is.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np

NAMES = ("red", "green", "blue")


def export(path: Path) -> None:
    """Write a network that tells three colours apart, tested in windows."""
    import torch
    from torch import nn

    from clipteacher import Segmenter, TestSettings
    from clipteacher.onnx.export import export_onnx
    from clipteacher.protocols.protocol import TestPipeline

    network = nn.Conv2d(3, 3, 1, bias=False)  # its scores are the colours, with nothing drawn at random
    with torch.no_grad():
        network.weight.copy_(torch.eye(3)[:, :, None, None])
    settings = TestSettings(TestPipeline(short_side=64, mode="slide", crop=48, stride=32))
    export_onnx(Segmenter(network, NAMES, torch.eye(3), settings=settings), path)


def segment(path: Path) -> None:
    """Segment a photo of three stripes, and draw it.

    Raises:
        RuntimeError: PyTorch is installed here, or a label is wrong.
    """
    if importlib.util.find_spec("torch") is not None:
        raise RuntimeError("torch is installed, expected an environment without it")
    from clipteacher import OnnxSegmenter

    expected = np.repeat(np.arange(3), 20)[np.newaxis].repeat(40, axis=0)
    photo = np.eye(3, dtype=np.uint8)[expected] * 200
    found = OnnxSegmenter(path).segment(photo)
    found.save(path.with_suffix(".png"))
    if not np.array_equal(found.labels, expected) or not path.with_suffix(".png").is_file():
        raise RuntimeError(f"got {found}, expected a third for each of {', '.join(NAMES)}")
    print(f"OnnxSegmenter works without PyTorch: {found}")


if __name__ == "__main__":
    {"export": export, "segment": segment}[sys.argv[1]](Path(sys.argv[2]))
