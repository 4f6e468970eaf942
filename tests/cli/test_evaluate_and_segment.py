"""`clipteacher evaluate` and `clipteacher segment` on a run of `clipteacher fit`."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clipteacher import __version__
from clipteacher.cli.main import main


@pytest.fixture
def run(tiny_config: Path, tmp_path: Path) -> Path:
    out = tmp_path / "run"
    main(["fit", "--config", str(tiny_config), "--out", str(out), "--trainer.max_steps", "1", "--report_rows", "1"])
    return out


def error(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    assert stop.value.code == 2
    return capsys.readouterr().err


def test_evaluate_gives_the_scores_of_the_run(run: Path, folder: Path, tmp_path: Path) -> None:
    evaluate = ["evaluate", "--model", str(run / "model"), "--data", str(folder)]
    main([*evaluate, "--split", "val", "--out", str(tmp_path / "scores.json")])
    whole = json.loads((tmp_path / "scores.json").read_text())
    assert whole == json.loads((run / "metrics.json").read_text())
    main([*evaluate, "--unseen", "[sun, sky]", "--protocol", "mine", "--out", str(tmp_path / "other.json")])
    other = json.loads((tmp_path / "other.json").read_text())
    assert other["protocol"] == "mine"
    assert other["IoU"] == whole["IoU"]
    assert other["mIoU_unseen"] == pytest.approx((whole["IoU"]["sun"] + whole["IoU"]["sky"]) / 2)


def test_evaluate_names_wrong_input(
    run: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, data = str(run / "model"), str(folder)
    assert "nowhere" in error(capsys, "evaluate", "--model", str(tmp_path / "nowhere"), "--data", data)
    assert "holiday" in error(capsys, "evaluate", "--model", model, "--data", data, "--split", "holiday")
    (folder / "masks" / "val" / "scene0.png").unlink()
    assert "scene0" in error(capsys, "evaluate", "--model", model, "--data", data)


def test_segment_writes_overlay_and_ids_in_the_order_of_the_classes(run: Path, folder: Path, tmp_path: Path) -> None:
    photos = folder / "images" / "val"
    one, out = photos / "scene1.png", tmp_path / "pictures"
    main(["segment", str(one), "--model", str(run / "model"), "--out", str(out), "--classes", "red barn, sun, grass"])
    with Image.open(one) as photo, Image.open(out / "scene1.png") as overlay, Image.open(out / "scene1_ids.png") as ids:
        assert ids.size == photo.size
        assert overlay.height > photo.height, "the legend lies beneath the photo"
        named = np.array(ids)
    assert set(np.unique(named)) <= {0, 1, 2}
    main(["segment", str(one), "--model", str(run / "model"), "--out", str(out), "--classes", "grass, sun, red barn"])
    with Image.open(out / "scene1_ids.png") as ids:
        assert (np.array(ids) == 2 - named).all()
    main(["segment", str(photos), "--model", str(run / "model"), "--out", str(tmp_path / "all")])
    assert len(list((tmp_path / "all").iterdir())) == 6


def test_segment_names_wrong_input(run: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--model", str(run / "model"), "--out", str(tmp_path / "out"))
    photo = folder / "images" / "val" / "scene0.png"
    assert "nowhere.jpg" in error(capsys, "segment", str(tmp_path / "nowhere.jpg"), *options)
    assert "'scene0'" in error(capsys, "segment", str(photo), str(folder / "images/train/scene0.png"), *options)
    assert "different names" in error(capsys, "segment", str(photo), *options, "--classes", "sky, sky")
    broken = tmp_path / "broken.png"
    broken.write_bytes(photo.read_bytes()[:200])
    assert "broken.png" in error(capsys, "segment", str(broken), *options)
    assert not list((tmp_path / "out").iterdir())


def test_usage_version_and_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    assert "clipteacher segment" in capsys.readouterr().out
    main(["--version"])
    assert __version__ in capsys.readouterr().out
    assert "'fti'" in error(capsys, "fti")


def test_import_loads_neither_trainer_nor_clip() -> None:
    code = "import sys, clipteacher; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)  # noqa: S603
    heavy = {"lightning", "open_clip", "segmentation_models_pytorch"}
    assert not heavy & set(loaded.stdout.split())
