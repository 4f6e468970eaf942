"""What `import clipteacher` and a command load: nothing that takes seconds and is not needed."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import clipteacher
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.students.segnext import SegNeXtStudent

TRAINERS = {"lightning", "torchmetrics", "tensorboard", "matplotlib", "open_clip", "transformers", "scipy", "onnx"}
NETWORKS = {"timm", "torchvision", "segmentation_models_pytorch"}


def loaded(code: str) -> set[str]:
    """Top-level packages that a fresh process has loaded after some code."""
    names = "import sys; print(*{name.partition('.')[0] for name in sys.modules})"
    command = [sys.executable, "-c", f"{code}\n{names}"]
    out = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout  # noqa: S603 (our own)
    return set(out.splitlines()[-1].split())


@pytest.mark.parametrize(
    "code",
    [
        "import clipteacher; dir(clipteacher)",
        "from clipteacher import __version__",
        "from clipteacher.cli.main import main; main(['--version'])",
        "from clipteacher.cli.main import main; main(['--help'])",
    ],
)
def test_the_package_alone_loads_no_library(code: str) -> None:
    assert not loaded(code) & {"torch", "numpy", "PIL", "jsonargparse", "rich", *TRAINERS, *NETWORKS}


@pytest.mark.parametrize("name", ["ClassSplit", "OnnxSegmenter", "Segmentation", "TestSettings"])
def test_a_name_loads_what_it_needs(name: str) -> None:
    packages = loaded(f"from clipteacher import {name}")
    assert "numpy" in packages
    assert "torch" not in packages


@pytest.mark.parametrize("name", clipteacher.__all__)
def test_every_name_is_there(name: str) -> None:
    assert name in dir(clipteacher)
    value = getattr(clipteacher, name)
    assert getattr(value, "__name__", name) == name or name == "__version__"
    assert getattr(clipteacher, name) is value


def test_a_name_that_is_none() -> None:
    with pytest.raises(AttributeError, match="module 'clipteacher' has no attribute 'Segmentor'"):
        _ = clipteacher.Segmentor  # type: ignore[attr-defined]
    with pytest.raises(ImportError, match="Segmentor"):
        from clipteacher import Segmentor  # type: ignore[attr-defined]  # noqa: F401


def segmented(photo: Path, model: Path, out: Path) -> set[str]:
    """Packages that `clipteacher segment` loads."""
    arguments = ["segment", str(photo), "--model", str(model), "--out", str(out)]
    packages = loaded(f"from clipteacher.cli.main import main; main({arguments!r})")
    assert (out / f"{photo.stem}.png").is_file()
    return packages


def test_segmenting_loads_no_trainer(trained: tuple[Path, Path], tmp_path: Path) -> None:
    run, folder = trained
    packages = segmented(folder / "images" / "val" / "scene0.png", run / "model", tmp_path / "out")
    assert "timm" in packages, "its student is made of it"
    assert not packages & TRAINERS


def test_a_network_of_ours_needs_no_library_of_networks(tmp_path: Path) -> None:
    model, photo = tmp_path / "model", tmp_path / "photo.png"
    student = SegNeXtStudent("tiny", 8)
    Segmenter(student, ["sky", "cat"], torch.eye(2, 8)).save_pretrained(model)
    Image.fromarray(np.full((40, 50, 3), 99, np.uint8)).save(photo)
    assert not segmented(photo, model, tmp_path / "out") & (TRAINERS | NETWORKS)
