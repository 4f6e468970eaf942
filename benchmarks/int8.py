"""Files in int8 made of one that `clipteacher export` wrote, with onnxruntime's and OpenVINO's own tools.

All are for photos of one size: where sizes are computed in the file, the tools quantise that arithmetic too. Ranges of
activations are measured on photos of the user's own. An x86 without VNNI adds products of int8 in 16 bits, which
overflow; so weights get seven bits (`reduce_range`; nncf decides by itself).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Photos: TypeAlias = Sequence[NDArray[np.float32]]
"""Photos of one size, (1, 3, H, W), float32 in [0, 1]."""


def fixed_size(source: Path, target: Path, height: int, width: int) -> None:
    """Write a file for images (1, 3, height, width), whose sizes are numbers."""
    onnx: Any = import_module("onnx")
    tools: Any = import_module("onnxruntime.tools.onnx_model_utils")
    prepared: Any = import_module("onnxruntime.quantization.shape_inference")
    model = onnx.load(str(source))
    tools.make_input_shape_fixed(model.graph, "images", [1, 3, height, width])
    onnx.save(model, str(target))
    prepared.quant_pre_process(str(target), str(target), skip_symbolic_shape=True)  # shapes are numbers now


def _reader(photos: Photos) -> Any:  # noqa: ANN401 (onnxruntime is not typed)
    """Photos as onnxruntime's calibration reads them."""
    quantization: Any = import_module("onnxruntime.quantization")

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left: Iterator[NDArray[np.float32]] = iter(photos)

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            found = next(self.left, None)
            return None if found is None else {"images": found}

    return Reader()


def _static(source: Path, target: Path, photos: Photos, **options: Any) -> None:  # noqa: ANN401 (passed on)
    quantization: Any = import_module("onnxruntime.quantization")
    quantization.quantize_static(str(source), str(target), _reader(photos), **options)


def by_default(source: Path, target: Path, photos: Photos) -> None:
    """Onnxruntime's static quantization, nothing set."""
    _static(source, target, photos)


def with_care(source: Path, target: Path, photos: Photos, kept: Sequence[str]) -> None:
    """The same with what helps: the network's own layers alone, channel by channel, seven bits, some left in float.

    Args:
        source: `fixed_size`'s file.
        target: Where to write.
        photos: For the ranges.
        kept: Layers stay in float whose name contains one of these.
    """
    onnx: Any = import_module("onnx")
    quantization: Any = import_module("onnxruntime.quantization")
    names = [node.name for node in onnx.load(str(source)).graph.node if any(word in node.name for word in kept)]
    _static(
        source,
        target,
        photos,
        op_types_to_quantize=["Conv", "Clip", "Relu", "Add"],
        activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8,
        per_channel=True,
        reduce_range=True,
        nodes_to_exclude=names,
    )


def with_nncf(source: Path, target: Path, photos: Photos, kept: Sequence[str]) -> None:
    """Nncf's quantization of the file as OpenVINO reads it, arguments as `with_care`; it writes .xml and .bin."""
    nncf: Any = import_module("nncf")
    openvino: Any = import_module("openvino")
    model = openvino.Core().read_model(str(source))
    names = [node.get_friendly_name() for node in model.get_ops()]
    quantised = nncf.quantize(
        model,
        nncf.Dataset(list(photos)),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(photos),
        ignored_scope=nncf.IgnoredScope(names=[name for name in names if any(word in name for word in kept)]),
    )
    openvino.save_model(quantised, str(target), compress_to_fp16=False)
