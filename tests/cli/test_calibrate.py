"""`clipteacher calibrate` on a finished run."""

import json
from pathlib import Path

import pytest

from clipteacher.cli.main import main


def test_a_run_is_scored_with_each_calibration(
    trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, data = trained
    out = tmp_path / "scores.json"
    main(["calibrate", str(run), "--data", str(data), "--unseen", "", "--calibrations", "[0, 1e6]", "--out", str(out)])
    result, metrics = json.loads(out.read_text()), json.loads((run / "metrics.json").read_text())
    assert (result["calibration"], result["split"]) == (0, "val")
    (model,) = result["models"]
    assert (model["model"], model["held_out"]) == ("run", ["sun"])
    plain, high = model["curve"]
    assert all(plain[key] == metrics[key] for key in ("mIoU_unseen", "hIoU", "mIoU_seen", "pAcc", "IoU"))
    assert (high["calibration"], high["mIoU_seen"], high["hIoU"]) == (1e6, 0, 0)
    shown = capsys.readouterr().out
    assert "held-out classes, 1 model" in shown
    assert "Best mean hIoU: calibration 0. Set it in training with --model.test.calibration 0\n" in shown
    assert "try further" not in shown


def test_several_models_and_the_end_of_the_range(
    trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, data = trained
    out = tmp_path / "scores.json"
    command = ["calibrate", str(run / "model"), str(run), "--data", str(data), "--calibrations", "[-0.1, -0.2]"]
    main([*command, "--unseen", "", "--out", str(out)])
    result = json.loads(out.read_text())
    assert len(result["models"]) == 2
    assert result["models"][0]["held_out"] == ["sun"]
    shown = capsys.readouterr().out
    assert "2 models" in shown
    assert f"{run}: held out sun" in shown
    assert "± 0.0" in shown
    assert "smallest or largest value tried" in shown


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--unseen", "grass"], "unseen: got grass, which the model was trained on"),
        (["--unseen", "sun"], "trained on 3 of 3 classes"),
        (["--unseen", "", "--calibrations", "[.nan]"], "calibration: got nan"),
        (["--unseen", "", "--calibrations", "[]"], "calibrations: got none, expected one number or more"),
        (["--unseen", "gras"], "unseen: got 'gras', expected classes of the data. Did you mean 'grass'?"),
        (["--unseen", "", "--split", "none"], "none"),
    ],
)
def test_mistakes(
    trained: tuple[Path, Path],
    options: list[str],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run, data = trained
    with pytest.raises(SystemExit) as stop:
        main(["calibrate", str(run), "--data", str(data), "--out", str(tmp_path / "out.json"), *options])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out.json").exists()
