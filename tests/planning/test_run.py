"""What is chosen for a time: the usual student on usual photos, the same on smaller ones, a small student on these."""

from pathlib import Path
from typing import Any

import pytest

from clipteacher.demo import TINY_CLIP, write_world
from clipteacher.planning import run
from clipteacher.planning.budget import Seconds
from clipteacher.planning.frame import Frame
from clipteacher.planning.run import plan_run


@pytest.fixture(scope="module", params=[192, 96])
def photos(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photos") / str(request.param)
    write_world(root, seed=0, train=100, val=2, size=request.param)
    return root


def measured(*given: Any) -> Seconds:  # noqa: ANN401 (those of `_measured`)
    """Two seconds a step at the usual size, half of it at the smaller one, and with the small student."""
    _, student, _, _, _, frame, _ = given
    assert isinstance(frame, Frame)
    return Seconds(
        2.0 / (1 + (min(frame.crop) == 160)) / (1 + (student.init_args["architecture"] == "Segformer")), 0, 0
    )


@pytest.mark.parametrize(
    ("minutes", "large", "small"),
    [
        (20, ("DeepLabV3Plus", [192, 192], 5e-4), ("DeepLabV3Plus", [96, 96], 5e-4)),
        (5, ("DeepLabV3Plus", [160, 160], 1e-3), ("DeepLabV3Plus", [96, 96], 5e-4)),
        (1.5, ("Segformer", [160, 160], 2e-3), ("Segformer", [96, 96], 2e-3)),
    ],
)
def test_a_shorter_time_takes_smaller_photos_then_a_smaller_student(
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    minutes: float,
    large: tuple[str, list[int], float],
    small: tuple[str, list[int], float],
) -> None:
    monkeypatch.setattr(run, "_measured", measured)
    plan = plan_run(photos, tmp_path, wanted=("boat",), minutes=minutes, teacher=TINY_CLIP, device="cpu")
    architecture, crop, lr = large if photos.name == "192" else small
    config = plan.config
    assert config["model"]["student"]["init_args"]["architecture"] == architecture
    assert config["data"]["augment"]["crop_size"] == crop
    assert config["model"]["optimizer"]["lr"] == lr
    assert config["model"]["teacher_cache"]["short_side"] is None
    assert config["model"]["test"]["pipeline"]["short_side"] == min(crop)
    rows = {decision.what: decision for decision in plan.decisions}
    assert f"{crop[1]}x{crop[0]}" in rows["crops"].value
