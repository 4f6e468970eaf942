"""Settings of the trainer that would end a run early, or fail in it, are one message before the first step."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.training.worlds import opened, train, write_squares

from clipteacher.cli.main import main
from clipteacher.training.trainer_checks import check_checkpointing, check_precision, trainer_errors


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"steps": -1, "max_epochs": 3},
            r"max_steps: got -1, .*3 epochs of 4 photos in batches of 2 are max_steps 6: give it alone",
        ),
        ({"max_epochs": 3, "accumulate_grad_batches": 2}, r"max_epochs: got 3, .*are max_steps 3: give it alone"),
        ({"max_epochs": 0}, r"max_epochs: got 0, expected it left out: .*Give max_steps alone"),
        ({"overfit_batches": 1}, r"overfit_batches: got 1, .*a split of their own \(data\.train_split\)"),
        ({"limit_train_batches": 1}, r"limit_train_batches: got 1, .*would end before its 2 steps"),
        ({"limit_train_batches": 0.5}, r"limit_train_batches: got 0\.5, "),
        ({"limit_train_batches": 3, "accumulate_grad_batches": 2}, r"limit_train_batches: got 3, "),
        ({"val_check_interval": 3}, r"val_check_interval: got 3, expected at most the 2 batches"),
        ({"enable_checkpointing": False}, r"enable_checkpointing: got false, .*checkpoint\.every_n_train_steps"),
        ({"precision": "bf16-true"}, r"precision: got bf16-true, .*Give bf16-mixed"),
        ({"accelerator": "mps"}, r"trainer: .*MPSAccelerator"),
    ],
)
def test_what_a_run_cannot_follow(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    data = opened(write_squares(tmp_path / "data", ["square", "meadow"], around=1))
    with pytest.raises(ValueError, match=message):
        train(data, tmp_path / "run", **changes)
    assert not (tmp_path / "run").exists()


def test_a_run_takes_all_of_its_steps(tmp_path: Path) -> None:
    """Limits that are no limits, and a validation that is never due because there is none."""
    data = opened(write_squares(tmp_path / "data", ["square", "meadow"], around=1))
    never: dict[str, Any] = {"val_check_interval": 50, "limit_val_batches": 0}
    result = train(data, tmp_path / "run", limit_train_batches=5, max_epochs=-1, max_steps=3, **never)
    assert data.trainer is not None
    assert data.trainer.global_step == 3
    assert result.scores.pAcc > 0
    with pytest.warns(UserWarning, match=r"stopped after 0 of 2 steps, by trainer\.max_time or a callback"):
        train(data, tmp_path / "cut", max_time="00:00:00:00")


@pytest.mark.parametrize(
    ("precision", "instead"), [("16-true", "16-mixed"), ("bf16-true", "bf16-mixed"), ("64-true", "32-true")]
)
def test_weights_of_another_precision(precision: str, instead: str) -> None:
    with pytest.raises(ValueError, match=rf"trainer\.precision: got {precision}, .*Give {instead}\."):
        check_precision(precision)
    check_precision(instead)


def test_what_lightning_itself_refuses() -> None:
    from lightning.pytorch.utilities.exceptions import MisconfigurationException

    with pytest.raises(ValueError, match=r"trainer: no such thing"), trainer_errors():
        raise MisconfigurationException("no such thing")
    check_checkpointing(None)
    check_checkpointing(True)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--trainer.max_epochs", "3", "--trainer.max_steps", "-1"], "5 photos in batches of 2 are max_steps 8"),
        (["--trainer.enable_checkpointing", "false"], "trainer.enable_checkpointing: got false"),
        (["--trainer.precision", "64-true"], "trainer.precision: got 64-true"),
        (["--trainer.overfit_batches", "1"], "trainer.overfit_batches: got 1"),
        (["--trainer.accelerator", "mps"], "trainer: `MPSAccelerator` can not run"),
        (["--data.augment.crop_size", "[50, 50]"], "such as [64, 64]"),
        (["--model.test.pad_multiple", "1"], "Give test.pad_multiple what its encoder needs (got 1"),
    ],
)
def test_the_command_says_it_too(
    option: list[str], message: str, tiny_config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = yaml.safe_load(tiny_config.read_text())
    config["model"]["method"]["plm"] = None
    tiny_config.write_text(yaml.safe_dump(config))
    with pytest.raises(SystemExit) as stop:
        main(["fit", "--config", str(tiny_config), "--out", str(tmp_path / "run"), *option])
    assert stop.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert [message in line for line in lines if "error" in line] == [True]
    assert not (tmp_path / "run").exists()
