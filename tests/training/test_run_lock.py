"""Two runs do not write into one folder; a process that was killed keeps nobody out."""

import errno
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.training.worlds import opened, train, write_squares

from clipteacher.cli.main import main
from clipteacher.training import run_lock
from clipteacher.training.run_lock import RunInUseError, RunLock

HOLDER = """
import os, runpy, sys, time
from pathlib import Path
lock = runpy.run_path(sys.argv[1])["RunLock"](Path(sys.argv[2]))
lock.acquire()
child = os.fork() if "fork" in sys.argv else 1  # as a loader's worker
if child:
    print(os.getpid(), child, flush=True)
time.sleep(60)
"""
Hold = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def hold() -> Iterator[Hold]:
    """Let another process take a lock; all are ended after the test."""
    started: list[subprocess.Popen[str]] = []
    pids: list[int] = []

    def start(path: Path, *more: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", HOLDER, run_lock.__file__, str(path), *more]  # torch takes seconds to load
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 (our own)
        assert process.stdout is not None
        pids.extend(int(word) for word in process.stdout.readline().split())
        started.append(process)
        return process

    yield start
    for pid in pids:
        if pid > 1:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    for process in started:
        process.wait(timeout=30)
        if process.stdout is not None:
            process.stdout.close()


def test_a_second_process_is_refused_until_the_first_is_gone(hold: Hold, tmp_path: Path) -> None:
    path = tmp_path / "run" / "run.lock"
    first = hold(path, "fork")
    with pytest.raises(RunInUseError, match=rf"out: {path.parent} is in use by process {first.pid} on .*name another"):
        RunLock(path).acquire()
    first.kill()
    first.wait(timeout=30)
    assert path.exists(), "a killed process tidies nothing"
    lock = RunLock(path)
    lock.acquire()  # although its child is still there
    assert path.read_text().startswith(f"process {os.getpid()} on ")
    lock.release()
    lock.release()
    assert list(path.parent.iterdir()) == []


def test_the_folders_that_were_made_go_where_nothing_was_done(tmp_path: Path) -> None:
    lock = RunLock(tmp_path / "runs" / "one" / "run.lock")
    lock.acquire()
    lock.release(unused=True)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "runs").mkdir()
    lock.acquire()
    (lock.path.parent / "config.yaml").touch()
    lock.release(unused=True)
    assert [path.name for path in lock.path.parent.iterdir()] == ["config.yaml"]


def test_a_disk_without_locks_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "lockf", none)
    lock = RunLock(tmp_path / "run.lock")
    with pytest.warns(UserWarning, match=r"has no locks \(.*No locks available\); make sure that no other run"):
        lock.acquire()
    lock.release()


def test_training_in_a_folder_that_is_in_use(
    hold: Hold, tiny_config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    other = hold(run / "run.lock")
    before = sorted(run.iterdir())
    data = opened(write_squares(tmp_path / "data", ["square", "meadow"], around=1))
    with pytest.raises(RunInUseError, match=f"is in use by process {other.pid}"):
        train(data, run, resume=True)
    for command in (
        ["fit", "--config", str(tiny_config), "--out", str(run), "--resume"],
        ["quickstart", "--out", str(run)],
    ):
        with pytest.raises(SystemExit) as stop:
            main([*command, "--out", str(run)])
        assert stop.value.code == 2
    said = capsys.readouterr().err
    assert f"clipteacher: error: out: {run} is in use by process {other.pid}" in said
    assert sorted(run.iterdir()) == before
    other.kill()
    other.wait(timeout=30)
    assert train(data, run, resume=True).folder == run
    assert not (run / "run.lock").exists()


def test_two_quickstarts_that_begin_together(
    hold: Hold, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have found the folder empty; the second finds it taken."""
    other = hold(tmp_path / "out" / "run.lock")
    for module in ("cli.quickstart", "demo.quickstart.run"):
        monkeypatch.setattr(f"clipteacher.{module}.check_empty", lambda out: None)
    with pytest.raises(SystemExit) as stop:
        main(["quickstart", "--out", str(tmp_path / "out")])
    assert stop.value.code == 2
    assert f"is in use by process {other.pid}" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["run.lock"]
