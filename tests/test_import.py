"""What `import clipteacher` and a command load: nothing that takes seconds and is not needed."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("lightning", "torchmetrics", "transformers", "open_clip", "segmentation_models_pytorch", "torchvision")


def loaded(code: str) -> set[str]:
    """Top-level packages that a fresh process has loaded after some code."""
    names = "import sys; print(*{name.partition('.')[0] for name in sys.modules})"
    command = [sys.executable, "-c", f"{code}\n{names}"]
    out = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout  # noqa: S603 (our own)
    return set(out.splitlines()[-1].split())


@pytest.mark.parametrize("code", ["import clipteacher", "from clipteacher.cli.main import main; main(['--version'])"])
def test_the_package_alone_loads_no_trainer_and_no_model_library(code: str) -> None:
    packages = loaded(code)
    assert "torch" in packages
    assert not packages & set(HEAVY)


def test_segmenting_loads_no_trainer(trained: tuple[Path, Path], tmp_path: Path) -> None:
    run, folder = trained
    photo, model, out = folder / "images" / "val" / "scene0.png", run / "model", tmp_path / "out"
    arguments = ["segment", str(photo), "--model", str(model), "--out", str(out)]
    packages = loaded(f"from clipteacher.cli.main import main; main({arguments!r})")
    assert (out / "scene0.png").is_file()
    assert not packages & {"lightning", "torchmetrics"}
