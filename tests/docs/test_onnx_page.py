"""The snippets of docs/guides/onnx.md run where torch cannot be imported, and give the segmenter's labels."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.docs.pages import page

from clipteacher.cli.main import main
from clipteacher.onnx.export import export_onnx
from clipteacher.segmenter.segmenter import Segmenter

PAGE = page("docs/guides/onnx.md")
MARK = r"<!-- tests/docs/test_onnx_page\.py runs this -->\n```python\n(.*?)^```"
WITH_CLIPTEACHER = MARK.replace("this", "this with clipteacher", 1)
BLOCKED = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"{name} is not available here")
sys.meta_path.insert(0, Blocked())
"""


def run(code: str, folder: Path, absent: tuple[str, ...] = ("torch", "clipteacher", "onnx", "scipy")) -> str:
    """Run code in a fresh process, in a folder with student.onnx and photo.jpg, without torch."""
    command = [sys.executable, "-c", f"ABSENT = {absent}\n{BLOCKED}{code}"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603
    assert result.returncode == 0, result.stderr
    return result.stdout


def snippets() -> list[str]:
    found = re.findall(MARK, PAGE, flags=re.DOTALL | re.MULTILINE)
    assert len(found) == 2
    return found


def entries(file: Path) -> dict[str, str]:
    """The file's metadata."""
    onnx: Any = pytest.importorskip("onnx")
    return {entry.key: entry.value for entry in onnx.load(str(file)).metadata_props}


def test_without_torch(trained: tuple[Path, Path], tmp_path: Path) -> None:
    first, second = snippets()
    assert len([line for line in first.splitlines() if line.strip()]) <= 15
    model = Segmenter.from_pretrained(trained[0] / "model")
    with Image.open(trained[1] / "images" / "val" / "scene0.png") as picture:
        picture.convert("RGB").save(tmp_path / "photo.jpg")
    expected = model.segment(tmp_path / "photo.jpg")
    main(["export", "--model", str(trained[0] / "model"), "--onnx", str(tmp_path / "student.onnx")])
    printed = run(first, tmp_path)
    for name, share in expected.areas.items():
        assert not share or f"{name} " in printed
    with Image.open(tmp_path / "labels.png") as painted:
        colours = np.array(painted.convert("RGB"))
    palette = np.array(json.loads(entries(tmp_path / "student.onnx")["colours"]))
    assert len({tuple(colour) for colour in palette}) == 4, "a colour for each name"
    assert np.mean((colours == palette[expected.labels]).all(axis=2)) >= 0.999
    with pytest.raises(AssertionError, match="text_features"):
        run(first + second, tmp_path)
    export_onnx(model, tmp_path / "student.onnx", text_input=True)
    with_text = first.replace('{"images": images}', '{"images": images, "text_features": stored}').replace(
        "labels = ",
        "import base64\n"
        'stored = np.frombuffer(base64.b64decode(about["text_features"]), "<f4").reshape(4, -1)\nlabels = ',
        1,
    )
    run(f'{with_text}\n{second}\nnp.save("words.npy", labels)', tmp_path)
    words = model.segment(tmp_path / "photo.jpg", ["grass", "sky"]).labels
    assert np.mean(np.load(tmp_path / "words.npy") == words) >= 0.999


def test_the_segmenter_without_torch(trained: tuple[Path, Path], tmp_path: Path) -> None:
    (code,) = re.findall(WITH_CLIPTEACHER, PAGE, flags=re.DOTALL | re.MULTILINE)
    model = Segmenter.from_pretrained(trained[0] / "model")
    with Image.open(trained[1] / "images" / "val" / "scene0.png") as picture:
        picture.convert("RGB").save(tmp_path / "photo.jpg")
    export_onnx(model, tmp_path / "student.onnx")
    absent = ("torch", "onnx", "scipy", "safetensors", "jsonargparse", "rich")
    areas = ast.literal_eval(run(code, tmp_path, absent))
    assert areas == pytest.approx(model.segment(tmp_path / "photo.jpg").areas, abs=1e-3)
    assert (tmp_path / "found.png").is_file()


def test_the_block_is_real(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="torch is not available here"):
        run("import torch", tmp_path)
