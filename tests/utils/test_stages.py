"""Stages: what they show on a terminal and elsewhere, and how they are timed."""

import io

import pytest
from rich.console import Console

from clipteacher.utils import stages as module
from clipteacher.utils.stages import Stages


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(module, "perf_counter", lambda: now[0])
    return now


def run(console: Console, clock: list[float]) -> dict[str, float]:
    with Stages(console, count=2) as stages:
        with stages.stage("one", "Drawing") as stage:
            stage.show(3, 12)
            stages.refresh()
            clock[0] += 2.5
        with stages.stage("two", "Training") as stage:
            stage.show(7, 7)
            stage.say("scoring")
            stages.refresh()
            clock[0] += 60
    return stages.seconds


def test_seconds_by_key(clock: list[float]) -> None:
    assert run(Console(file=io.StringIO()), clock) == {"one": 2.5, "two": 60.0}


def test_without_a_terminal_a_line_a_stage(clock: list[float]) -> None:
    file = io.StringIO()
    run(Console(file=file), clock)
    assert file.getvalue() == "1/2 Drawing\n2/2 Training\n"


def test_on_a_terminal_bars_with_steps_and_time(clock: list[float]) -> None:
    file = io.StringIO()
    run(Console(file=file, force_terminal=True, width=80, color_system=None), clock)
    last = [line for line in file.getvalue().replace("\r", "\n").splitlines() if "/2 " in line]
    assert any("3/12" in line for line in last)
    assert any("7/7" in line and "scoring" in line for line in last)
    assert "1/2 Drawing" in last[-2]
    assert last[-2].rstrip().endswith("taken")
    assert "2/2 Training" in last[-1]
    assert all(len(line.rstrip()) <= 90 for line in last), "control codes apart, a bar keeps to a line of 80"


def test_a_stage_that_fails_is_not_timed(clock: list[float]) -> None:
    stages = Stages(Console(file=io.StringIO()), count=1)
    with pytest.raises(KeyError), stages, stages.stage("one", "Drawing"):
        raise KeyError("no")
    assert stages.seconds == {}
