"""Training as a stage: its steps are shown, the trainer is silent, and Ctrl-C is Ctrl-C."""

import logging
import signal
import warnings
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Trainer

from clipteacher.demo.drawn_world import write_world
from clipteacher.demo.quickstart.config import QuickstartConfig
from clipteacher.training.staged import StageBar, quiet_trainer, train_in_stage
from clipteacher.utils.usage import UsageError


class Spy:
    """Stands for a stage and keeps what it is told."""

    def __init__(self) -> None:
        self.shown: list[Any] = []

    def show(self, done: int, total: int) -> None:
        self.shown.append((done, total))

    def say(self, what: str) -> None:
        self.shown.append(what)


def arguments(small: QuickstartConfig, root: Path) -> list[str]:
    write_world(root / "world", seed=0, train=4, val=2, size=64)
    return [
        *("--config", str(small.fit), "--data.root", str(root / "world"), "--out", str(root / "run")),
        *("--trainer.accelerator", "cpu"),
    ]


def test_each_step_is_shown_and_nothing_is_said(
    small: QuickstartConfig, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    spy: Any = Spy()
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.filterwarnings("ignore", message=".*never occur")  # what the labels lack is heard
        fitted = train_in_stage(arguments(small, tmp_path), spy)
    assert spy.shown == [(1, 2), (2, 2), "scoring"]
    assert (fitted.folder / "metrics.json").exists()
    out, err = capfd.readouterr()
    assert not out
    assert "Seed set" not in err
    assert "available" not in err
    saved = (tmp_path / "run" / "config.yaml").read_text()
    assert "StageBar" not in saved, "the configuration can be used without the quickstart"
    assert "enable_progress_bar: null" in saved
    assert "enable_model_summary: null" in saved


def test_quiet_for_a_while_only() -> None:
    logger = logging.getLogger("lightning.pytorch.utilities.rank_zero")
    before, filters = logger.level, list(warnings.filters)
    with quiet_trainer():
        assert not logger.isEnabledFor(logging.INFO)
        assert logger.isEnabledFor(logging.WARNING)
        with warnings.catch_warnings(record=True) as heard:
            warnings.warn("The 'train_dataloader' does not have many workers which may be a bottleneck", stacklevel=1)
            assert not heard
            warnings.warn("your GPU is on fire", stacklevel=1)
            assert len(heard) == 1, "other warnings are heard"
    assert logger.level == before
    assert warnings.filters == filters
    with pytest.raises(KeyError), quiet_trainer():
        raise KeyError
    assert logger.level == before


def test_ctrl_c_in_training(small: QuickstartConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def press(self: StageBar, *_: object) -> None:
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(StageBar, "on_train_batch_end", press)
    spy: Any = Spy()
    try:
        with pytest.raises(KeyboardInterrupt):
            train_in_stage(arguments(small, tmp_path), spy)
    finally:
        signal.signal(signal.SIGINT, before)  # Lightning has switched it off
    assert not (tmp_path / "run" / "metrics.json").exists()


def test_wrong_input_is_an_error_of_its_own_kind(small: QuickstartConfig, tmp_path: Path) -> None:
    spy: Any = Spy()
    given = arguments(small, tmp_path)
    with pytest.raises(ValueError, match="unicorn"):
        train_in_stage([*given, "--data.unseen", "[unicorn]"], spy)
    with pytest.raises(UsageError, match=r"data\.unknown"):
        train_in_stage([*given, "--data.unknown", "1"], spy)


def test_a_trainer_that_was_stopped_counts_as_ctrl_c(
    small: QuickstartConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Trainer, "interrupted", True, raising=False)
    spy: Any = Spy()
    with pytest.raises(KeyboardInterrupt):
        train_in_stage(arguments(small, tmp_path), spy)
