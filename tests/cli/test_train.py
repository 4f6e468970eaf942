"""`clipteacher train`: one command from a folder of photos to a model."""

import json
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file

import clipteacher
from clipteacher.cli.main import main
from clipteacher.demo.drawn_world import write_world
from clipteacher.inference.seen_gate import SEPARATION
from clipteacher.planning import budget, run
from clipteacher.planning.budget import Seconds
from clipteacher.segmenter.segmenter import Segmenter

TEACHER = "package:clipteacher.demo.tiny_clip"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photos") / "mine"
    write_world(root, seed=0, train=24, val=6, size=64)
    return root


@pytest.fixture(scope="module", autouse=True)
def _few_steps() -> Iterator[None]:
    """A machine whose speed is known, and runs of three steps; a terminal wide enough for every line."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(budget, "FEWEST", 3)
        patch.setattr(budget, "EPOCHS", 1)
        patch.setattr(run, "_measured", lambda *_: Seconds(1.0, 0.1, 0.1))
        patch.setenv("COLUMNS", "240")
        yield


def train(photos: Path, out: Path, *more: str) -> dict[str, object]:
    main(["train", str(photos), "--out", str(out), "--teacher", TEACHER, "--device", "cpu", "--minutes", "9", *more])
    metrics: dict[str, object] = json.loads((out / "metrics.json").read_text())
    return metrics


def same_bits(one: Path, other: Path) -> bool:
    a, b = (load_file(out / "model" / "student.safetensors") for out in (one, other))
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module")
def ran(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run on wanted words, and what it printed. Nothing may write to its folder."""
    out = tmp_path_factory.mktemp("runs") / "run"
    with redirect_stdout(StringIO()) as said:
        train(photos, out, "--want", "boat, sand, red barn")
    return out, said.getvalue()


def test_one_command_trains_on_words(ran: tuple[Path, str]) -> None:
    out, said = ran
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["protocol"] == "mine-18-2-transductive"
    assert Segmenter.from_pretrained(out / "model").wanted == ("boat", "sand", "red barn")
    for what in ("24 to train on, 6 to score on", "18: sky", "3: boat, sand, red barn", "64x64", "wanted.png"):
        assert what in said, what
    with Image.open(out / "wanted.png") as sheet:
        assert sheet.width > 100
    for command in ("clipteacher segment ", "clipteacher app ", "clipteacher export "):
        assert command in said
    assert {each.name for each in out.iterdir()} >= {"plan.yaml", "config.yaml", "metrics.json", "report.png", "model"}
    assert Segmenter.from_pretrained(out / "model").settings.calibration == 0, "words before training need none"


def test_later_photos_are_brought_to_the_size_of_training(ran: tuple[Path, str], photos: Path) -> None:
    model = Segmenter.from_pretrained(ran[0] / "model")
    assert model.settings.pipeline.short_side == 64
    assert "photos are brought to 64 pixels" in ran[1]
    small = Image.open(min((photos / "images" / "val").iterdir()))
    large = small.resize((640, 640), Image.Resampling.BICUBIC)
    big, own = (model.segment(each, return_logits=True).logits for each in (large, small))
    assert big is not None
    assert own is not None
    assert big.shape[1:] == (640, 640)
    apart = np.abs(big[:, 5::10, 5::10] - own).mean() / own.std()
    assert apart < 0.4, "at its own size it is another picture: 0.8"


def test_the_plan_repeats_the_run(ran: tuple[Path, str], tmp_path: Path) -> None:
    plan = ran[0] / "plan.yaml"
    assert plan.read_text().startswith("# photos: 24 to train on")
    main(["fit", "--config", str(plan), "--out", str(tmp_path / "again")])
    assert same_bits(ran[0], tmp_path / "again")


def test_words_said_later_get_a_gate(photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    metrics = train(photos, out, "--hold-out", "boat, sand")
    assert (metrics["protocol"], metrics["seen_gate"]) == ("mine-18-2", pytest.approx(SEPARATION / 3))
    model = Segmenter.from_pretrained(out / "model")
    assert model.gate is not None
    assert model.settings.calibration == 0
    plan = yaml.safe_load((out / "plan.yaml").read_text())
    assert plan["data"]["unseen"] == ["sand", "boat"]
    assert (plan["model"]["seen_gate"], plan["model"]["test"]["calibration"]) == (SEPARATION, 0.3)
    shown = capsys.readouterr().out
    assert "seen gate" in shown
    assert "gate for seen names 1.2" in " ".join(shown.split())


def test_words_said_before_need_none(ran: tuple[Path, str]) -> None:
    plan = yaml.safe_load((ran[0] / "plan.yaml").read_text())
    assert plan["model"].get("seen_gate") is None
    assert plan["model"]["test"]["calibration"] == 0
    assert "seen gate" not in ran[1]


def test_masks_of_wanted_names_change_no_bit(ran: tuple[Path, str], tmp_path: Path) -> None:
    other = tmp_path / "other" / "mine"
    write_world(other, seed=0, train=24, val=6, size=64)
    names = (other / "classes.txt").read_text().split("\n")
    boat, sand = names.index("boat"), names.index("sand")
    swap = list(range(256))
    swap[boat], swap[sand] = sand, boat
    changed = 0
    for path in (other / "masks" / "train").iterdir():
        mask = Image.open(path)
        changed += mask.point(swap).tobytes() != mask.tobytes()
        mask.point(swap).save(path)
    assert changed
    train(other, tmp_path / "run", "--want", "boat, sand, red barn")
    assert same_bits(ran[0], tmp_path / "run")


def test_the_same_from_python(photos: Path, ran: tuple[Path, str], tmp_path: Path) -> None:
    words = ["boat", "sand", "red barn"]
    result = clipteacher.train(photos, wanted=words, out=tmp_path, teacher=TEACHER, device="cpu", minutes=9)
    assert result.protocol == "mine-18-2-transductive"
    assert result.segmenter.wanted == tuple(words)
    assert same_bits(ran[0], tmp_path)


def test_a_student_alone_is_refused(photos: Path) -> None:
    with pytest.raises(TypeError, match="got a student alone, expected a teacher, too, or neither"):
        clipteacher.train(photos, torch.nn.Identity())  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--want", "sky", "--hold-out", "sky"), "sky"),
        (("--hold-out", "skyy"), "did you mean"),
        (("--minutes", "0"), "minutes: got 0"),
        (("--teacher", "ViT-B-16"), "expected MODEL:PRETRAINED"),
        (("--device", "tpu"), "device: got 'tpu'"),
    ],
)
def test_wrong_options_end_in_one_line(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], said: str
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["train", str(photos), "--out", str(tmp_path / "run"), "--teacher", TEACHER, "--device", "cpu", *more])
    error = capsys.readouterr().err
    assert stop.value.code == 2
    assert said.lower() in error.lower()
    assert "Traceback" not in error
    assert not (tmp_path / "run" / "plan.yaml").exists()


def test_the_photos_folder_is_no_run(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(photos.rglob("*"))
    with pytest.raises(SystemExit) as stop:
        train(photos, photos / ".." / photos.name, "--want", "flower")
    assert stop.value.code == 2
    assert "the folder of the photos. Name another." in capsys.readouterr().err
    assert sorted(photos.rglob("*")) == before


def test_a_folder_with_a_run_is_not_written_over(
    photos: Path, ran: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    was = (ran[0] / "plan.yaml").read_text()
    with pytest.raises(SystemExit) as stop:
        train(photos, ran[0], "--want", "flower")
    assert stop.value.code == 2
    assert "already holds a run" in capsys.readouterr().err
    assert (ran[0] / "plan.yaml").read_text() == was


def test_a_stopped_run_goes_on_as_it_was_planned(
    photos: Path,
    ran: tuple[Path, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words, out = ("--want", "boat, sand, red barn"), tmp_path / "run"
    with monkeypatch.context() as patch:

        def stop(*_: object) -> None:
            raise KeyboardInterrupt

        patch.setattr("clipteacher.training.module.TrainingModule.on_train_batch_start", stop)
        with pytest.raises(SystemExit) as ended:
            train(photos, out, *words)
    assert ended.value.code == 1
    assert "--resume" in capsys.readouterr().err
    monkeypatch.setattr(run, "_measured", lambda *_: Seconds(100.0, 0.1, 0.1))  # a slower machine plans otherwise
    train(photos, out, *words, "--resume")
    assert same_bits(out, ran[0])
