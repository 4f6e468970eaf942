"""`OnnxSegmenter` where torch and all that comes with it cannot be imported: the same labels, the same pictures."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.onnx.models import photo, segmenter

from clipteacher.onnx.export import export_onnx
from clipteacher.onnx.segmenter import OnnxSegmenter
from clipteacher.protocols.protocol import TestPipeline

# All that `pip install --no-deps clipteacher` leaves out, but numpy and Pillow.
PROGRAM = """
import sys
ABSENT = {"torch", "torchvision", "timm", "open_clip", "segmentation_models_pytorch", "lightning", "torchmetrics",
          "onnx", "safetensors", "huggingface_hub", "scipy", "jsonargparse", "yaml", "rich", "matplotlib"}
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"{name} is not available here")
sys.meta_path.insert(0, Absent())
"""
SEGMENT = """
import numpy as np
from clipteacher import OnnxSegmenter
for kind in ("compiled", "text"):
    segmenter = OnnxSegmenter(f"{kind}.onnx")
    found = segmenter.segment("photo.png")
    found.save(f"{kind}.png")
    np.save(f"{kind}.npy", found.labels)
    print(found.areas)
few = segmenter.with_names(["tree", "sky"]).segment("photo.png", threshold=0.4, background_prompts=["cat"])
np.save("few.npy", few.labels)
for bad in ("no.png", np.zeros((0, 4, 3)), np.full((4, 4, 3), np.nan), np.zeros((4, 4, 5)), np.eye(4, dtype=int), 3):
    try:
        segmenter.segment(bad)
    except (TypeError, ValueError) as error:
        print(error)
"""


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PROGRAM + code]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603


def test_it_segments_as_ever(tmp_path: Path) -> None:
    model = segmenter(pipeline=TestPipeline(short_side=80, mode="slide", crop=64, stride=40), calibration=-0.2)
    export_onnx(model, tmp_path / "compiled.onnx")
    export_onnx(model, tmp_path / "text.onnx", text_input=True)
    pixels = (photo(60, 91) * 255).byte().permute(1, 2, 0).numpy()
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    result = run(SEGMENT, tmp_path)
    assert result.returncode == 0, result.stderr
    assert not result.stderr
    for kind in ("compiled", "text"):
        labels = np.load(tmp_path / f"{kind}.npy")
        assert np.array_equal(labels, OnnxSegmenter(tmp_path / f"{kind}.onnx").segment(pixels).labels)
        assert (labels == model.segment(pixels).labels).mean() >= 0.999
        with Image.open(tmp_path / f"{kind}.png") as drawn:
            assert drawn.width >= 91
    few = model.segment(pixels, ["tree", "sky"], threshold=0.4, background_prompts=["cat"]).labels
    assert (np.load(tmp_path / "few.npy") == few).mean() >= 0.999
    assert len(np.unique(few)) == 3
    lines = result.stdout.splitlines()
    assert len(lines) == 8
    for line, part in zip(
        lines[2:],
        ("no.png: cannot be read", "(0, 4, 3), expected (H, W, 3)", "NaN is no", "(4, 4, 5)", "int64", "got int"),
        strict=True,
    ):
        assert part in line


def test_the_block_is_real(tmp_path: Path) -> None:
    assert "torch is not available here" in run("from clipteacher import Segmenter", tmp_path).stderr


@pytest.mark.parametrize("package", ["onnxruntime"])
def test_without_the_runtime_either(package: str, tmp_path: Path) -> None:
    code = f'ABSENT.add("{package}")\nfrom clipteacher import OnnxSegmenter\nOnnxSegmenter("student.onnx")'
    assert "pip install 'clipteacher[onnx]'" in run(code, tmp_path).stderr
