"""A quickstart that is over in seconds."""

from pathlib import Path

import pytest
import yaml

from clipteacher.demo.quickstart.config import FIT_CONFIG, QuickstartConfig


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory, tiny_clip: tuple[Path, Path]) -> QuickstartConfig:
    """The packaged configuration with few scenes, two steps, a small student and a random CLIP."""
    fit = yaml.safe_load(FIT_CONFIG.read_text())
    fit["trainer"]["max_steps"] = 2
    fit["data"] |= {"batch_size": 2, "augment": {"crop_size": [64, 64]}}
    student, teacher = fit["model"]["student"]["init_args"], fit["model"]["teacher"]["init_args"]
    student |= {"architecture": "FPN", "encoder": "tu-test_efficientnet", "channels": 16, "weights": None}
    teacher |= {"model": str(tiny_clip[0]), "pretrained": str(tiny_clip[1]), "image_size": None}
    path = tmp_path_factory.mktemp("small") / "small.yaml"
    path.write_text(yaml.safe_dump(fit))
    return QuickstartConfig(train=8, val=4, size=64, fit=path, rows=2, panel_width=120, timed=2)
