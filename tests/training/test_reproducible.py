"""The same seed and settings give the same bits, whatever else a run does or a process did before."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from clipteacher.cli.main import main


def fit(config: Path, out: Path, *more: str) -> dict[str, torch.Tensor]:
    """Train by the command and return the student's weights."""
    main(["fit", "--config", str(config), "--out", str(out), *more])
    return load_file(out / "model" / "student.safetensors")


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture
def plain(tiny_config: Path, tmp_path: Path) -> dict[str, torch.Tensor]:
    """The weights of a run with every part in its plainest form: no logger, no validation, one row in the report."""
    return fit(tiny_config, tmp_path / "plain", *PLAIN)


PLAIN = ("--trainer.logger", "false", "--trainer.limit_val_batches", "0", "--report_rows", "1")


def test_a_fresh_process_and_the_second_training_in_one(
    tiny_config: Path, folder: Path, tmp_path: Path, plain: dict[str, torch.Tensor]
) -> None:
    fit(tiny_config, tmp_path / "between", *PLAIN, "--seed_everything", "5", "--preset", "paper")
    torch.rand(7)
    assert same(fit(tiny_config, tmp_path / "second", *PLAIN), plain)
    command = [str(Path(sys.executable).with_name("clipteacher")), "fit", "--config", str(tiny_config)]
    command += ["--out", str(tmp_path / "fresh"), *PLAIN]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    (folder / "masks" / "val" / "spare.png").touch()
    done = subprocess.run(command, check=True, capture_output=True, timeout=300, env=environment)  # noqa: S603 (our own command)
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("clipteacher: warning: label audit of val: "), "one line, and no chatter of the trainer"
    assert "got 1 mask (spare.png) without a photo" in line
    assert same(load_file(tmp_path / "fresh" / "model" / "student.safetensors"), plain)


def test_with_a_baseline(tiny_config: Path, tmp_path: Path, plain: dict[str, torch.Tensor]) -> None:
    """Reading the baseline builds a network, whose first weights are drawn: the run's own weights do not change."""
    supervised = ("--model.method.glm", "null", "--model.method.plm", "null")
    fit(tiny_config, tmp_path / "supervised", *PLAIN, *supervised)
    model = str(tmp_path / "supervised" / "model")
    assert same(fit(tiny_config, tmp_path / "with", *PLAIN, "--baseline", model), plain)


@pytest.mark.parametrize(
    "more",
    [
        ("--trainer.limit_val_batches", "2", "--trainer.val_check_interval", "0.5"),
        ("--data.cache", "true"),
        ("--data.verify", "false", "--data.audit", "false"),
        ("--trainer.logger", "true"),
        ("--report_rows", "3"),
        ("--checkpoint.every_n_train_steps", "3"),
    ],
    ids=["validation", "cache of photos", "no checks", "logger", "report", "checkpoints"],
)
def test_what_a_run_does_beside_training(
    more: tuple[str, ...], tiny_config: Path, tmp_path: Path, plain: dict[str, torch.Tensor]
) -> None:
    assert same(fit(tiny_config, tmp_path / "run", *PLAIN, *more), plain)


def test_a_teacher_cache_that_is_empty_and_one_that_is_full(tiny_config: Path, tmp_path: Path) -> None:
    cache = ("--model.teacher_cache.folder", str(tmp_path / "tokens"))
    first = fit(tiny_config, tmp_path / "empty", *PLAIN, *cache)
    assert list((tmp_path / "tokens").rglob("*.safetensors"))
    assert same(fit(tiny_config, tmp_path / "full", *PLAIN, *cache), first)
