"""One runtime in a process of its own, which `runtimes.py` starts: it labels the same photos each time that it is told.

    python benchmarks/runtime_worker.py KIND FILE THREADS PHOTO...

It writes a line of JSON when it is ready, or why it never will be, and one for each line that it reads: to "time" the
seconds of all photos; to "labels FILE" nothing but that they are written, (P, H, W), int64, as .npy; to "memory" what
the process took. Nothing is imported that the runtime does without, so that an ONNX file is labelled with no PyTorch in
memory.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Label: TypeAlias = Callable[[NDArray[np.float32]], NDArray[np.int64]]
"""Images (1, 3, H, W), float32 in [0, 1], to ids (1, H, W), int64."""

_STATUS = Path("/proc/self/status")


def photo(path: str | Path) -> NDArray[np.float32]:
    """Read a photo: (1, 3, H, W), float32, RGB in [0, 1]."""
    with Image.open(path) as opened:
        image = np.array(opened.convert("RGB"), dtype=np.float32)
    image /= 255
    return np.ascontiguousarray(image.transpose(2, 0, 1)[np.newaxis])


def eager(model: str, threads: int) -> Label:
    """PyTorch as it is: the closed-set segmenter of a model's folder, on photos at their own size as all others."""
    import torch

    from clipteacher.inference.placement import OWN_SIZE
    from clipteacher.segmenter.segmenter import Segmenter

    torch.set_num_threads(threads)
    segmenter = Segmenter.from_pretrained(model).eval()
    segmenter.settings = replace(segmenter.settings, pipeline=OWN_SIZE)  # a model may have another size of its own
    closed = segmenter.to_closed_set()

    def label(images: NDArray[np.float32]) -> NDArray[np.int64]:
        with torch.inference_mode():
            found: NDArray[np.int64] = closed(torch.from_numpy(images)).numpy()
        return found

    return label


def compiled(model: str, threads: int) -> Label:
    """torch.compile (inductor) of the graph that is exported too; it needs a C++ compiler."""
    import torch

    from clipteacher.onnx.graph import SegmentationGraph
    from clipteacher.segmenter.segmenter import Segmenter

    torch.set_num_threads(threads)
    segmenter = Segmenter.from_pretrained(model).eval()
    network, multiple = segmenter.to_closed_set().network, segmenter.settings.pad_multiple
    graph = torch.compile(SegmentationGraph(network, multiple, text_input=False).eval(), options={"freezing": True})

    def label(images: NDArray[np.float32]) -> NDArray[np.int64]:
        with torch.no_grad():
            found: NDArray[np.int64] = graph(torch.from_numpy(images))[0].numpy()
        return found

    return label


def onnx_runtime(file: str, threads: int) -> Label:
    """ONNX Runtime with a file of `clipteacher export`, or one made of it."""
    runtime: Any = import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    session = runtime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return lambda images: session.run(["labels"], {"images": images})[0]


def openvino(file: str, threads: int) -> Label:
    """OpenVINO with such a file; the logits at full size, which nobody asks for, are not computed for an output."""
    runtime: Any = import_module("openvino")
    core = runtime.Core()
    whole = core.read_model(file)
    (labels,) = (output for output in whole.outputs if "labels" in output.get_names())
    model = runtime.Model([labels.get_node().input_value(0)], whole.get_parameters(), "labels")
    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "ENABLE_CPU_PINNING": False}
    request = core.compile_model(model, "CPU", settings).create_infer_request()

    def label(images: NDArray[np.float32]) -> NDArray[np.int64]:
        request.infer({0: images})
        found: NDArray[np.int64] = request.get_output_tensor(0).data.copy()
        return found

    return label


KINDS: Mapping[str, tuple[tuple[str, ...], Callable[[str, int], Label]]] = {
    "eager": (("torch", "clipteacher.segmenter.segmenter"), eager),
    "compile": (("torch", "clipteacher.segmenter.segmenter"), compiled),
    "onnxruntime": (("onnxruntime",), onnx_runtime),
    "openvino": (("openvino",), openvino),
}
"""What each imports before memory counts as its own, and what makes its function."""


def mebibytes(entry: str) -> float:
    """Return an entry of the process's status, such as VmRSS or VmHWM, its peak; NaN where the system has none.

    Not `ru_maxrss`, which a process inherits from the one that starts it.
    """
    found = re.search(rf"{entry}:\s*(\d+) kB", _STATUS.read_text()) if _STATUS.exists() else None
    return int(found[1]) / 1024 if found else float("nan")


def main() -> None:
    """Load, and answer."""
    kind, file, threads, *paths = sys.argv[1:]
    photos = [photo(path) for path in paths]
    libraries, make = KINDS[kind]
    try:
        for name in libraries:
            import_module(name)
        before, start = mebibytes("VmRSS"), time.perf_counter()
        label = make(file, int(threads))
        label(photos[0])
    except Exception as error:  # each of the libraries has exceptions of its own
        fault = next((line for line in str(error).splitlines() if line.strip()), "")
        print(json.dumps({"fault": f"{type(error).__name__}: {fault}"}), flush=True)
        return
    print(json.dumps({"ready_seconds": time.perf_counter() - start}), flush=True)
    for line in sys.stdin:
        task, _, target = line.strip().partition(" ")
        answer: dict[str, Any] = {}
        if task == "time":
            wall, processor = time.perf_counter(), time.process_time()
            for each in photos:
                label(each)
            answer = {"wall": time.perf_counter() - wall, "processor": time.process_time() - processor}
        elif task == "labels":
            np.save(target, np.concatenate([label(each) for each in photos]))
        else:
            answer = {"libraries_mib": before, "peak_mib": mebibytes("VmHWM")}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
