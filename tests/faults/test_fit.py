"""`clipteacher fit` when something outside it goes wrong: one message, nothing half written, and a way on."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from lightning.pytorch import Callback, LightningModule, Trainer

from clipteacher.cli.errors import user_errors
from clipteacher.cli.faults import training_faults
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.training.configured import configured_session
from clipteacher.utils.atomic_files import write_atomically

ROOT = Path(__file__).parents[2]


@pytest.fixture
def config(tiny_config: Path) -> Path:
    """The tiny configuration with the tiniest student, three steps, no logs."""
    settings = yaml.safe_load(tiny_config.read_text())
    settings["model"]["student"]["init_args"]["encoder"] = "tu-test_efficientnet"
    settings["model"]["method"]["plm"] = None
    settings["trainer"] |= {"max_steps": 5, "logger": False, "enable_progress_bar": False}
    tiny_config.write_text(yaml.safe_dump(settings))
    return tiny_config


class At(Callback):
    """Does something before a step."""

    def __init__(self, step: int, what: Callable[[], object]) -> None:
        self.step = step
        self.what = what

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: object, batch_idx: int) -> None:
        if trainer.global_step == self.step:
            self.what()


def fit(config: Path, out: Path, *more: str, callbacks: tuple[Callback, ...] = ()) -> bytes:
    with user_errors():
        session = configured_session(["--config", str(config), "--out", str(out), *more], callbacks)
    with training_faults(session.run):
        session.start()
    return (out / "metrics.json").read_bytes() + (out / "model" / "student.safetensors").read_bytes()


def stops(
    capsys: pytest.CaptureFixture[str],
    config: Path,
    out: Path,
    *more: str,
    code: int = 1,
    callbacks: tuple[At, ...] = (),
) -> str:
    with pytest.raises(SystemExit) as stop:
        fit(config, out, *more, callbacks=callbacks)
    assert stop.value.code == code
    return capsys.readouterr().err


def hidden(out: Path) -> list[str]:
    return [path.name for path in out.rglob(".*")]


def no_room(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_loss_that_is_no_number_leaves_a_good_checkpoint(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    rate = ("--model.optimizer.lr", "1e30", "--model.optimizer.warmup_steps", "0")
    message = stops(capsys, config, run, *rate)
    assert "loss: in step 2 of 5 the term" in message
    assert f"Left: {run / 'checkpoints' / 'last.ckpt'}, from before" in message
    kept = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    assert kept["global_step"] == 1
    assert not (run / "metrics.json").exists()
    assert not hidden(run)


def test_full_disks_ctrl_c_and_damage_on_the_way_change_nothing_of_the_end(
    config: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    whole = fit(config, tmp_path / "whole")
    photo = folder / "images" / "train" / "scene0.png"

    # The disk is full at the second checkpoint.
    calls = list[Path]()

    def full(path: Path, *rest: Callable[[Path], object], durable: bool) -> None:
        calls.append(path)
        if len(calls) == 2:
            no_room()
        write_atomically(path, *rest, durable=durable)

    with monkeypatch.context() as patch:
        patch.setattr("clipteacher.training.checkpoints.write_atomically", full)
        message = stops(capsys, config, run)
    assert "No space left on device\nThe disk is full: free some room, then the same command with --resume" in message
    assert f"goes on from {run / 'checkpoints' / 'last.ckpt'}" in message
    kept = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    assert kept["global_step"] == 1
    assert "already holds a run. Resume it (--resume" in stops(capsys, config, run, code=2)

    # Other settings, another student, fewer photos.
    message = stops(capsys, config, run, "--resume", "--model.optimizer.lr", "0.5", "--data.batch_size", "1", code=2)
    assert "model.optimizer.lr: got 0.5, the run began with 0.0005" in message
    assert "data.batch_size: got 1, the run began with 2" in message
    away = tmp_path / "away"
    mask = folder / "masks" / "train" / photo.name
    photo.rename(away)
    assert "got 4 photos to train on, the run began with 5" in stops(capsys, config, run, "--resume", code=2)
    away.rename(photo)

    # Every photo goes after a step; then the user stops it.
    def remove() -> None:
        (folder / "images").rename(away)

    message = stops(capsys, config, run, "--resume", callbacks=(At(2, remove),))
    assert "scene" in message
    assert "cannot be read: no such file" in message
    assert "Fix it, then the same command with --resume goes on from" in message
    away.rename(folder / "images")
    assert mask.exists()

    def interrupt() -> None:
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    message = stops(capsys, config, run, "--resume", callbacks=(At(4, interrupt),))
    signal.signal(signal.SIGINT, before)  # the trainer ignores it from there on
    assert "stopped: the same command with --resume goes on from" in message

    # A scheduler does.
    def terminate() -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    message = stops(capsys, config, run, "--resume", callbacks=(At(4, terminate),))
    assert "stopped: the same command with --resume goes on from" in message

    # A loss of power: the last checkpoint is cut, the settings are lost; the new settings name another student.
    last = run / "checkpoints" / "last.ckpt"
    last.write_bytes(last.read_bytes()[:5000])
    (run / "config.yaml").unlink()
    with pytest.warns(UserWarning, match=r"no .*config\.yaml to compare"):
        message = stops(capsys, config, run, "--resume", "--model.student.init_args.architecture", "Unet", code=2)
    assert "previous.ckpt is of another student" in message

    # The disk is full once more, while model/ is written.
    with monkeypatch.context() as patch:
        patch.setattr("clipteacher.storage.saved_model.save_file", no_room)
        with pytest.warns(UserWarning, match=r"(?s)last\.ckpt cannot be read.*going on from previous\.ckpt"):
            message = stops(capsys, config, run, "--resume")
    assert "The disk is full" in message
    assert not (run / "model").exists()
    assert not hidden(run)
    assert (run / "checkpoints" / "damaged.ckpt").exists()

    assert fit(config, run, "--resume") == whole


def test_what_a_killed_start_left_is_no_part_of_the_next_run(config: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "checkpoints" / "first_model").mkdir(parents=True)
    (run / "checkpoints" / "first_model" / "config.json").write_text("{}")
    (run / "checkpoints" / ".last.part-abcd1234.ckpt").write_text("half")
    (run / "config.yaml").write_text("half: [")
    fit(config, run, "--trainer.max_steps", "1")
    assert not hidden(run)
    assert Segmenter.from_pretrained(run / "checkpoints" / "first_model").class_names == (
        "sky",
        "grass",
        "sun",
        "house",
    )
    assert yaml.safe_load((run / "config.yaml").read_text())["trainer"]["max_steps"] == 1


def test_a_place_that_cannot_be_written_to(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    assert "Not a directory" in stops(capsys, config, tmp_path / "file" / "run", code=2)

    def read_only(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("clipteacher.utils.atomic_files.tempfile.mkstemp", read_only)
    assert "Read-only file system" in stops(capsys, config, tmp_path / "run", code=2)
    assert not (tmp_path / "run").exists()


def test_kill_and_resume_in_earnest(tmp_path: Path) -> None:
    """Two kills of `benchmarks/kill.py`, which does sixty."""
    command = [sys.executable, str(ROOT / "benchmarks" / "kill.py"), "--work", str(tmp_path / "work")]
    command += ["--kills", "2", "--per_run", "2", "--steps", "2", "--seed", "5", "--out", str(tmp_path / "kill.json")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)  # noqa: S603 (our own)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "kill.json").read_text())
    assert found["kills"] == len(found["each"]) == 2
    assert found["runs_that_ended_with_the_same_bits"] == found["runs"]
    assert found["steps_lost_from_whole_checkpoints"] == 0


def test_a_moved_run_goes_on_in_its_new_place(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    with pytest.raises(ConnectionAbortedError):
        fit(config, old, callbacks=(At(2, lambda: (_ for _ in ()).throw(ConnectionAbortedError)),))
    shutil.move(old, new)
    fit(config, new, "--resume")
    assert {path.name for path in (new / "checkpoints").iterdir()} == {"first_model", "last.ckpt", "previous.ckpt"}
    assert torch.load(new / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == 5
    assert not old.exists()
