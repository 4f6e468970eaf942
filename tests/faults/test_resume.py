"""A run goes on with its own settings, its own student and its own photos, or not at all."""

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from clipteacher.training.resume import check_content, check_settings, check_unfinished, differences, read_settings

WAS: dict[str, Any] = {
    "seed_everything": 0,
    "out": "runs/a",
    "model": {
        "method": {"glm": {"temperature": 0.07}, "plm": None},
        "optimizer": {"lr": 1e-3},
        "test": {"pad_multiple": 32, "calibration": 0.0},
    },
    "data": {"root": "data", "wanted": ["cat"], "batch_size": 4, "workers": 4},
    "trainer": {"max_steps": 100, "devices": 1},
}
PATH = Path("runs/a/config.yaml")


def changed(name: str, value: object) -> dict[str, Any]:
    now = yaml.safe_load(yaml.safe_dump(WAS))
    *groups, key = name.split(".")
    inner = now
    for group in groups:
        inner = inner[group]
    inner[key] = value
    return now  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("model.optimizer.lr", 2e-3, "model.optimizer.lr: got 0.002, the run began with 0.001"),
        ("model.method.glm", None, "model.method.glm: got None, the run began with {'temperature': 0.07}"),
        ("model.method.plm", {"windows": [4]}, "model.method.plm: got {'windows': [4]}, the run began with None"),
        ("data.batch_size", 8, "data.batch_size: got 8, the run began with 4"),
        ("data.wanted", ["cat", "dog"], "data.wanted: got ['cat', 'dog'], the run began with ['cat']"),
        ("data.wanted", [], "data.wanted: got [], the run began with ['cat']"),
        ("seed_everything", 1, "seed_everything: got 1, the run began with 0"),
    ],
)
def test_what_decides_a_step_must_agree(name: str, value: object, said: str) -> None:
    with pytest.raises(ValueError, match=r"--config runs/a/config\.yaml has them all") as raised:
        check_settings(WAS, changed(name, value), PATH)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("out", "b"),
        ("data.root", "moved"),
        ("data.workers", 0),
        ("trainer.devices", 2),
        ("model.test.pad_multiple", 64),
        ("model.test.calibration", 0.1),
    ],
)
def test_what_decides_no_step_may_differ(name: str, value: object) -> None:
    assert check_settings(WAS, changed(name, value), PATH) == []


def test_another_length_is_told_of() -> None:
    (warning,) = check_settings(WAS, changed("trainer.max_steps", 200), PATH)
    assert "trainer.max_steps: got 200, the run began with 100" in warning


def test_a_finished_run_takes_no_more_steps() -> None:
    settings = {"trainer": {"max_steps": 8}}
    for step, steps in ((4, 8), (4, 9), (8, 8), (8, 6)):  # stopped before, or written again
        check_unfinished(settings, step, steps)
    check_unfinished(None, 8, 9)
    with pytest.raises(ValueError, match="resume: got 9 steps for a run that was finished after 8"):
        check_unfinished(settings, 8, 9)


def test_a_setting_of_a_newer_version_has_no_older_value() -> None:
    now = changed("model.optimizer.beta", 0.9)
    assert differences(WAS, now) == {}
    assert differences(now, WAS) == {}


def test_a_run_of_before_wanted_names_goes_on() -> None:
    was = changed("data.wanted", [])
    del was["data"]["wanted"]
    assert check_settings(was, WAS, PATH) == []


def test_many_differences_are_counted() -> None:
    was = {"model": {f"option{number}": 0 for number in range(9)}}
    now = {"model": {f"option{number}": 1 for number in range(9)}}
    with pytest.raises(ValueError, match="… and 4 more"):
        check_settings(was, now, PATH)


def test_settings_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    assert read_settings(path) is None
    path.write_text("a: [1")
    with pytest.raises(ValueError, match=r"(?s)config\.yaml is no YAML .*Remove it to go on"):
        read_settings(path)
    path.write_text("just words")
    with pytest.raises(ValueError, match="holds no settings"):
        read_settings(path)
    path.write_text("!!python/object/apply:os.mkdir ['made']")
    with pytest.raises(ValueError, match="is no YAML"):
        read_settings(path)
    assert not Path("made").exists()


STATE = {"a": torch.zeros(2), "b": torch.zeros(3)}


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        ({"a": torch.zeros(2)}, "b: not in the checkpoint"),
        ({**STATE, "c": torch.zeros(1)}, "c: in the checkpoint alone"),
        ({**STATE, "b": torch.zeros(4)}, r"b: got \(3,\), the checkpoint has \(4,\)"),
    ],
)
def test_another_student(kept: dict[str, torch.Tensor], said: str) -> None:
    with pytest.raises(ValueError, match=rf"(?s)last\.ckpt is of another student.*{said}"):
        check_content({"state_dict": kept}, STATE, 5, Path("last.ckpt"))


def test_other_photos() -> None:
    check_content({"state_dict": STATE}, STATE, 5, Path("last.ckpt"))  # older checkpoints do not say
    with pytest.raises(ValueError, match="got 5 photos to train on, the run began with 6"):
        check_content({"state_dict": STATE, "FolderDataModule": {"photos": 6}}, STATE, 5, Path("last.ckpt"))
