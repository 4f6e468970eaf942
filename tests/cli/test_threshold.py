"""`clipteacher threshold`."""

import json
from pathlib import Path

import pytest

from clipteacher.cli.main import main


def test_the_flags_to_add(trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, folder = trained
    out = tmp_path / "curves.json"
    options = ("--model", str(run / "model"), "--data", str(folder), "--classes", "grass", "--device", "cpu")
    main(["threshold", *options, "--out", str(out)])
    said, curves = capsys.readouterr().out, json.loads(out.read_text())
    best = max(curves["threshold"]["mIoU"])
    chosen = curves["threshold"]["threshold"]
    assert curves["threshold"]["mIoU"][curves["threshold"]["thresholds"].index(chosen)] == best
    assert "Best: --" in said
    assert f"--threshold {chosen:g}" in said or "--background_own" in said
    assert best >= curves["threshold"]["mIoU"][0]


def test_all_classes_as_names_leave_nothing_to_reject(
    trained: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run, folder = trained
    options = ("--model", str(run / "model"), "--data", str(folder), "--device", "cpu")
    with pytest.raises(SystemExit) as stop:
        main(["threshold", *options, "--classes", "sky, grass, sun, house"])
    assert stop.value.code == 2
    assert "got no pixel of anything else" in capsys.readouterr().err
