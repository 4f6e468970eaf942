"""The quickstart's knobs: each reaches what it is for."""

import io
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from clipteacher.drawn_world import UNSEEN
from clipteacher.quickstart import run
from clipteacher.quickstart.config import FIT_CONFIG, QuickstartConfig

OTHERS: dict[str, Any] = {
    "train": 9,
    "val": 5,
    "size": 96,
    "fit": "one_step.yaml",
    "rows": 1,
    "panel_width": 130,
    "timed": 1,
}


def seen(small: QuickstartConfig, out: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a quickstart leaves: numbers of scenes, sizes of pictures, the fit's steps, the scenes it timed."""
    found: dict[str, Any] = {}

    def spy(segmenters: Any, images: list[Any]) -> dict[str, float]:  # noqa: ANN401
        found["timed"] = len(images)
        found["size"] = images[0].shape
        return dict.fromkeys(segmenters, 1.0)

    def panel(path: Path, val_set: Any, segmenters: Any, rows: int, *, panel_width: int) -> None:  # noqa: ANN401
        found["panel"] = (rows, panel_width, len(val_set), list(segmenters))

    monkeypatch.setattr(run, "images_per_second", spy)
    monkeypatch.setattr(run, "draw_report", panel)
    run.quickstart(out, seed=0, config=small, console=Console(file=io.StringIO()))
    found["train"] = len(list((out / "world" / "images" / "train").iterdir()))
    found["steps"] = yaml.safe_load((out / "student" / "config.yaml").read_text())["trainer"]["max_steps"]
    return found


def test_no_knob_is_left_out() -> None:
    assert OTHERS.keys() == {field.name for field in fields(QuickstartConfig)}


def test_each_knob_changes_something(small: QuickstartConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one_step = yaml.safe_load(small.fit.read_text())
    one_step["trainer"]["max_steps"] = 1
    (tmp_path / "one_step.yaml").write_text(yaml.safe_dump(one_step))
    plain = seen(small, tmp_path / "plain", monkeypatch)
    given = {field.name: getattr(small, field.name) for field in fields(small)}
    for knob, value in OTHERS.items():
        other = QuickstartConfig(**given | {knob: tmp_path / value if knob == "fit" else value})
        assert seen(other, tmp_path / knob, monkeypatch) != plain, knob


@pytest.mark.parametrize("knob", ["train", "val", "size", "rows", "panel_width", "timed"])
def test_numbers_below_one_are_refused(knob: str) -> None:
    zero: dict[str, Any] = {knob: 0}
    with pytest.raises(ValueError, match=rf"quickstart\.{knob}: got 0, expected 1 or more"):
        QuickstartConfig(**zero)


def test_the_packaged_configuration_is_of_the_drawn_world_and_needs_no_download() -> None:
    fit = yaml.safe_load(FIT_CONFIG.read_text())
    assert tuple(fit["data"]["unseen"]) == UNSEEN
    assert fit["model"]["student"]["init_args"]["weights"] is None
    teacher = fit["model"]["teacher"]["init_args"]
    assert teacher["model"].startswith("package:clipteacher.")
    assert teacher["pretrained"] is None
