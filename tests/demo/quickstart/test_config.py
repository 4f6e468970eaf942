"""The quickstart's options: each reaches what it is for."""

import io
from dataclasses import fields
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from clipteacher.demo.drawn_world import UNSEEN, write_world
from clipteacher.demo.quickstart import run
from clipteacher.demo.quickstart.config import FIT_CONFIG, RUNS, QuickstartConfig
from clipteacher.demo.quickstart.results import TITLES
from clipteacher.training.configured import configured_session
from clipteacher.training.session import TrainingResult

OTHERS: dict[str, Any] = {
    "train": 9,
    "val": 5,
    "size": 96,
    "fit": "other.yaml",
    "rows": 1,
    "panel_width": 130,
    "timed": 1,
}


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory, small: QuickstartConfig) -> TrainingResult:
    """One trained student, which stands for each."""
    root = tmp_path_factory.mktemp("fitted")
    write_world(root / "world", seed=0, train=2, val=3, size=64)
    arguments = [*("--config", str(small.fit), "--data.root", str(root / "world"), "--out", str(root / "run"))]
    session = configured_session([*arguments, "--trainer.accelerator", "cpu", "--trainer.limit_val_batches", "0"])
    found = session.start()
    assert found is not None
    return found


def seen(
    config: QuickstartConfig, out: Path, fitted: TrainingResult, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """What a quickstart hands to its parts."""
    found: dict[str, Any] = {}

    def world(root: Path, *, progress: Any, **numbers: int) -> None:  # noqa: ANN401
        found["world"] = numbers

    def speed(segmenters: Any, images: list[Any]) -> dict[str, float]:  # noqa: ANN401
        found["timed"] = len(images)
        return dict.fromkeys(segmenters, 1.0)

    def panel(path: Path, val_set: Any, segmenters: Any, rows: int, *, panel_width: int) -> None:  # noqa: ANN401
        found["panel"] = rows, panel_width

    for name, part in (
        ("write_world", world),
        ("train_in_stage", lambda *_: fitted),
        ("images_per_second", speed),
        ("draw_report", panel),
    ):
        monkeypatch.setattr(run, name, part)
    run.quickstart(out, seed=0, config=config, console=Console(file=io.StringIO()))
    return found | {"fit": (out / "fit.yaml").read_text()}


def test_no_option_is_left_out() -> None:
    assert OTHERS.keys() == {field.name for field in fields(QuickstartConfig)}


@pytest.mark.parametrize("option", OTHERS)
def test_each_option_changes_something(
    option: str, small: QuickstartConfig, fitted: TrainingResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other.yaml").write_text("trainer:\n  max_steps: 1\n")
    given = {field.name: getattr(small, field.name) for field in fields(small)}
    value = tmp_path / OTHERS[option] if option == "fit" else OTHERS[option]
    other = seen(QuickstartConfig(**given | {option: value}), tmp_path / "other", fitted, monkeypatch)
    assert other != seen(small, tmp_path / "plain", fitted, monkeypatch)


@pytest.mark.parametrize("option", ["train", "val", "size", "rows", "panel_width", "timed"])
def test_numbers_below_one_are_refused(option: str) -> None:
    zero: dict[str, Any] = {option: 0}
    with pytest.raises(ValueError, match=rf"quickstart\.{option}: got 0, expected 1 or more"):
        QuickstartConfig(**zero)


def test_the_packaged_configuration_is_of_the_drawn_world_and_needs_no_download() -> None:
    fit = yaml.safe_load(FIT_CONFIG.read_text())
    assert tuple(fit["data"]["unseen"]) == UNSEEN
    # A package that every installation has: no extra is named behind it.
    weights = fit["model"]["student"]["init_args"]["weights"]
    assert any(line.startswith(weights) and "extra" not in line for line in requires("clipteacher") or [])
    teacher = fit["model"]["teacher"]["init_args"]
    assert teacher["model"].startswith("package:clipteacher.")
    assert teacher["pretrained"] is None


def test_each_run_has_a_row_and_a_stage_of_its_own() -> None:
    assert [key for key in TITLES if key != "teacher"] == list(RUNS)
    assert len({each.stage for each in RUNS.values()}) == len(RUNS)
    assert list(run.PANEL) == ["baseline", "after", "before"]
