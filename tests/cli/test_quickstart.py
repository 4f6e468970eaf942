"""`clipteacher quickstart` from the command line to its last line."""

import json
import re
import shlex
from pathlib import Path

import pytest
import yaml

from clipteacher.cli import quickstart as command
from clipteacher.cli.main import main
from clipteacher.demo.quickstart import run
from clipteacher.demo.quickstart.config import FIT_CONFIG, QuickstartConfig


@pytest.fixture
def small(tmp_path: Path, tiny_clip: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """The command with few scenes, one step, a small student and a random CLIP."""
    fit = yaml.safe_load(FIT_CONFIG.read_text())
    fit["trainer"]["max_steps"] = 1
    fit["data"] |= {"batch_size": 2, "augment": {"crop_size": [64, 64]}}
    student, teacher = fit["model"]["student"]["init_args"], fit["model"]["teacher"]["init_args"]
    student |= {"architecture": "FPN", "encoder": "tu-test_efficientnet", "channels": 16, "weights": None}
    teacher |= {"model": str(tiny_clip[0]), "pretrained": str(tiny_clip[1]), "image_size": None}
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(fit))
    config = QuickstartConfig(train=4, val=3, size=64, fit=tmp_path / "small.yaml", rows=1, panel_width=120, timed=1)
    monkeypatch.setattr(command, "QuickstartConfig", lambda: config)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("small")
def test_table_and_advice(capfd: pytest.CaptureFixture[str]) -> None:
    main(["quickstart"])
    out, err = capfd.readouterr()
    assert "Seed set" not in err
    assert "Traceback" not in err
    found = json.loads(Path("clipteacher-quickstart/metrics.json").read_text())
    assert found["seed"] == 0
    assert "world-15-5, seed 0" in out
    header = re.search(r".* U .* hIoU .* S .* pAcc .* images/s .* reference .*", out)
    assert header is not None
    for key, title in (
        ("baseline", "labels only"),
        ("teacher", "zero-shot teacher"),
        ("after", "words said after"),
        ("before", "words said before"),
        ("reference", r"all masks \(reference\)"),
    ):
        row = re.search(rf"{title}\s+│(.*)", out)
        assert row is not None, title
        cells = [cell.strip() for cell in row[1].split("│")[:-1]]
        scores = [found["rows"][key][name] for name in ("mIoU_unseen", "hIoU", "mIoU_seen", "pAcc")]
        assert cells[:4] == [f"{100 * score:.1f}" for score in scores]
        assert cells[4] == f"{found['timings']['images_per_second'][key]:.0f}"
        share = found["rows"][key]["of_reference"]
        assert cells[5] == ("-" if share is None else f"{100 * share:.1f}")
    caption = " ".join(out.split())
    assert "words said before: world-15-5-transductive" in caption
    assert "all masks (reference): world-20-0" in caption
    assert re.search(r"\d min \d+ s in all", out)
    assert "What to type next" in out


@pytest.mark.usefixtures("small")
def test_the_lines_on_the_screen_run_as_they_stand(capfd: pytest.CaptureFixture[str]) -> None:
    main(["quickstart", "--out", "my first try", "--seed", "7"])
    lines = [line.strip() for line in capfd.readouterr().out.splitlines() if line.startswith("  clipteacher ")]
    assert [line.split()[1] for line in lines] == ["segment", "evaluate", "fit"]
    for line in lines[:2]:
        main(shlex.split(line)[1:])
    assert len(list(Path("my first try/words").iterdir())) == 2
    assert "world-15-5-transductive" in capfd.readouterr().out


@pytest.mark.usefixtures("small")
def test_a_second_time_is_refused_before_any_work(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("here").mkdir()
    Path("here/metrics.json").write_text("{}")
    monkeypatch.setattr(run, "quickstart", lambda *_, **__: pytest.fail("it began"))
    with pytest.raises(SystemExit) as stop:
        main(["quickstart", "--out", "here"])
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("clipteacher: error: out: here holds a quickstart")
    assert "Name another --out" in error


def test_ctrl_c_leaves_a_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def press(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "quickstart", press)
    with pytest.raises(SystemExit) as stop:
        main(["quickstart", "--out", str(tmp_path / "out")])
    assert stop.value.code == 130
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith("clipteacher: stopped.")
    assert "name another --out" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("seed", ["-1", "half"])
def test_a_bad_seed(seed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["quickstart", "--out", str(tmp_path / "out"), "--seed", seed])
    assert stop.value.code == 2
    assert "seed" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
