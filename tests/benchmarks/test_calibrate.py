"""`benchmarks/calibrate.py`: one pass gives the confusion of every offset, and the best one is found and printed."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.onnx.models import own, photo, vectors

from clipteacher.data.dataset import Sample
from clipteacher.evaluation.evaluate import pooled_confusion
from clipteacher.inference.settings import TestSettings
from clipteacher.segmenter.segmenter import Segmenter

ROOT = Path(__file__).parents[2]
OFFSETS = (-0.2, 0.0, 0.05, 0.1, 5.0)


@pytest.fixture
def calibrate(monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import calibrate

    return calibrate


def test_one_pass_is_a_pass_for_each_offset(calibrate: Any) -> None:  # noqa: ANN401
    names = ("sky", "cat", "sea", "old chair", "tree")
    model = Segmenter(own(), names, vectors(), unseen=["old chair", "sky"], settings=TestSettings(calibration=0.07))
    generator = torch.Generator().manual_seed(0)
    samples = [Sample(photo(40, 53, seed), torch.randint(5, (40, 53), generator=generator), "a") for seed in range(2)]
    found = calibrate.confusions(model, samples, OFFSETS)
    expected = torch.stack([pooled_confusion(model.with_settings(calibration=offset), samples) for offset in OFFSETS])
    assert found.shape == (len(OFFSETS), 5, 5)
    assert int((found - expected).abs().sum()) <= 8  # of 4240 pixels each: rounding alone
    assert torch.equal(found[1], expected[1])
    assert len({tuple(each.flatten().tolist()) for each in found}) == len(OFFSETS)


def test_the_command_on_a_run(
    calibrate: Any,  # noqa: ANN401
    trained: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run, data = trained

    def call(*more: str) -> None:
        monkeypatch.setattr(sys, "argv", ["calibrate.py", str(run), "--data", str(data), *more])
        calibrate.main()

    call("--unseen", "moon", "--offsets", "0", "1e6", "--lines", str(tmp_path / "lines.jsonl"))
    lines = [json.loads(line) for line in (tmp_path / "lines.jsonl").read_text().splitlines()]
    metrics = json.loads((run / "metrics.json").read_text())
    assert [line["calibration"] for line in lines] == [0, 1e6]
    assert lines[0]["held_out"] == ["sun"]
    assert all(lines[0][key] == metrics[key] for key in ("mIoU_unseen", "hIoU", "mIoU_seen", "pAcc"))
    assert (lines[1]["mIoU_seen"], lines[1]["hIoU"]) == (0, 0)
    out = capsys.readouterr().out
    assert f"| 0 | {100 * metrics['mIoU_unseen']:.1f} | {100 * metrics['hIoU']:.1f} |" in out
    assert "best hIoU over 1 runs: calibration 0\n" in out
    with pytest.raises(SystemExit):
        call("--unseen", "sun")
    assert "['sun'] are classes of" in capsys.readouterr().err
