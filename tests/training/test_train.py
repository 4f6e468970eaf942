"""Training from Python: the result, the folder, the same bits as the command, and one message for wrong input."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from lightning.pytorch import seed_everything

import clipteacher
from clipteacher import MethodConfig, Segmenter, TestSettings, TrainingResult
from clipteacher.cli.main import main
from clipteacher.data.augment import Augment
from clipteacher.data.files import DataError
from clipteacher.method.config import SUPERVISED
from clipteacher.method.plm.module import PLMConfig
from clipteacher.students.smp import SMPStudent
from clipteacher.teachers.openclip import OpenClipTeacher
from clipteacher.training.datamodule import FolderDataModule

METHOD = MethodConfig(plm=PLMConfig(windows=(4, 8)))
AUGMENT = Augment(crop_size=(64, 64), scale=(0.9, 1.2))
QUICK: dict[str, Any] = {
    "steps": 4,
    "method": METHOD,
    "accelerator": "cpu",
    "devices": 1,
    "logger": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
}


def student(seed: int = 0) -> SMPStudent:
    seed_everything(seed, verbose=False)
    return SMPStudent("FPN", "tu-test_efficientnet", 16)


@pytest.fixture
def teacher(tiny_clip: tuple[Path, Path]) -> OpenClipTeacher:
    return OpenClipTeacher(str(tiny_clip[0]), str(tiny_clip[1]))


def train(folder: Path, teacher: OpenClipTeacher, out: Path, **changes: Any) -> TrainingResult:  # noqa: ANN401
    wanted = changes.pop("wanted", ())
    data = FolderDataModule(folder, ["sun"], wanted=wanted, batch_size=2, workers=0, augment=AUGMENT)
    return clipteacher.train(data, student(), teacher, out=out, **QUICK | changes)


def same(one: Segmenter, other: Segmenter) -> bool:
    states = one.student.state_dict(), other.student.state_dict()
    return all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_a_result_is_what_its_folder_holds(folder: Path, teacher: OpenClipTeacher, tmp_path: Path) -> None:
    result = train(folder, teacher, tmp_path / "run")
    assert result.folder == tmp_path / "run"
    assert result.protocol == "drawn-3-1"
    assert result.teacher is teacher
    names = {path.name for path in result.folder.iterdir()}
    assert {"model", "metrics.json", "report.png", "config.yaml", "checkpoints"} <= names
    metrics = json.loads((result.folder / "metrics.json").read_text())
    assert metrics == {"protocol": "drawn-3-1", **result.scores.to_dict()}
    again = Segmenter.from_pretrained(result.folder / "model")
    assert same(again, result.segmenter)
    assert again.class_names == result.segmenter.class_names == ("sky", "grass", "sun", "house")
    assert (again.seen, again.unseen) == (("sky", "grass", "house"), ("sun",))
    photo = result.data.val_set[0].image
    assert np.array_equal(again.segment(photo).labels, result.segmenter.segment(photo).labels)
    assert result.segmenter.segment(photo, ["red barn"]).areas == {"red barn": 1.0}, "any word, and its tower is known"
    settings = yaml.safe_load((result.folder / "config.yaml").read_text())
    assert settings["model"]["method"]["losses"]["alpha"] == 3.0
    assert settings["data"]["unseen"] == ["sun"]


def test_the_same_bits_each_time_and_as_the_command(
    folder: Path, teacher: OpenClipTeacher, tiny_config: Path, tmp_path: Path
) -> None:
    first = train(folder, teacher, tmp_path / "first").segmenter
    assert same(train(folder, teacher, tmp_path / "second").segmenter, first)
    assert not same(train(folder, teacher, tmp_path / "other", seed=1).segmenter, first)
    main(["fit", "--config", str(tiny_config), "--out", str(tmp_path / "fit")])
    assert same(Segmenter.from_pretrained(tmp_path / "fit" / "model"), first)


def test_each_preset_and_the_supervised_baseline_as_a_column(
    folder: Path, teacher: OpenClipTeacher, tmp_path: Path
) -> None:
    baseline = train(folder, teacher, tmp_path / "supervised", method=SUPERVISED).segmenter
    recommended = train(folder, teacher, tmp_path / "recommended").segmenter
    compared = train(folder, teacher, tmp_path / "compared", baseline=baseline).segmenter
    paper = train(folder, teacher, tmp_path / "paper", method=MethodConfig.paper()).segmenter
    assert same(recommended, compared)
    assert not same(recommended, baseline)
    assert not same(recommended, paper)
    reports = [(tmp_path / name / "report.png").read_bytes() for name in ("recommended", "compared")]
    assert reports[0] != reports[1]


def test_wanted_names_from_python(folder: Path, teacher: OpenClipTeacher, tmp_path: Path) -> None:
    """The same names in a list, in a string and on the data give the same bits; a resumed run has the same names."""
    first = train(folder, teacher, tmp_path / "first", wanted=["red barn"])
    assert first.protocol == "drawn-3-1-transductive-0-of-1"
    assert first.segmenter.class_names == ("sky", "grass", "sun", "house", "red barn")
    assert (first.segmenter.wanted, first.segmenter.unseen) == (("red barn",), ("sun", "red barn"))
    settings = yaml.safe_load((first.folder / "config.yaml").read_text())
    assert (settings["data"]["unseen"], settings["data"]["wanted"]) == (["sun"], ["red barn"])
    again = train(folder, teacher, tmp_path / "again", wanted="red barn").segmenter
    assert same(again, first.segmenter)
    assert not same(train(folder, teacher, tmp_path / "plain").segmenter, first.segmenter)
    with pytest.raises(ValueError, match=r"data\.wanted: got \['barn'\], the run began with \['red barn'\]"):
        train(folder, teacher, tmp_path / "first", wanted=["barn"], resume=True)
    with pytest.raises(ValueError, match="wanted: got 'red barn' beside a FolderDataModule"):
        clipteacher.train(
            FolderDataModule(folder), student(), teacher, wanted="red barn", out=tmp_path / "run", **QUICK
        )


def test_how_it_is_tested_is_kept(folder: Path, teacher: OpenClipTeacher, tmp_path: Path) -> None:
    settings = TestSettings(calibration=0.25)
    result = train(folder, teacher, tmp_path / "run", test=settings)
    assert result.segmenter.settings == settings
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["calibration"] == 0.25


def test_a_run_goes_on_only_when_told_and_with_its_own_settings(
    folder: Path, teacher: OpenClipTeacher, tmp_path: Path
) -> None:
    first = train(folder, teacher, tmp_path / "run")
    with pytest.raises(ValueError, match="already holds a run"):
        train(folder, teacher, tmp_path / "run")
    assert same(train(folder, teacher, tmp_path / "run", resume=True).segmenter, first.segmenter)
    config = (tmp_path / "run" / "config.yaml").read_bytes()
    with pytest.raises(ValueError, match=r"resume: got \d+ steps for a run that was finished after \d+"):
        train(folder, teacher, tmp_path / "run", resume=True, steps=50)
    assert (tmp_path / "run" / "config.yaml").read_bytes() == config
    with pytest.raises(ValueError, match=r"model\.method\.losses\.glm: got 1\.0, the run began with 0\.25"):
        train(folder, teacher, tmp_path / "run", resume=True, method=MethodConfig.paper())


def test_wrong_input_is_one_error(folder: Path, teacher: OpenClipTeacher, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        train(tmp_path / "nowhere", teacher, tmp_path / "run")
    with pytest.raises(ValueError, match="Did you mean 'sun'"):
        clipteacher.train(folder, student(), teacher, unseen="sum", out=tmp_path / "run", **QUICK)
    with pytest.raises(ValueError, match="12 channels, expected 16"):
        clipteacher.train(folder, SMPStudent("FPN", "tu-test_efficientnet", 12), teacher, out=tmp_path / "run", **QUICK)
    with pytest.raises(TypeError, match="teacher: got Identity"):
        clipteacher.train(folder, student(), torch.nn.Identity(), out=tmp_path / "run", **QUICK)  # type: ignore[call-overload]
    with pytest.raises(ValueError, match=r"trainer\.max_steps: got 0, expected 1 or more"):
        train(folder, teacher, tmp_path / "run", steps=0)
    with pytest.raises(ValueError, match="batch_size: got 0, expected 1 or more"):
        FolderDataModule(folder, batch_size=0)
    with pytest.raises(ValueError, match="unseen: got 'sun' beside a FolderDataModule"):
        clipteacher.train(FolderDataModule(folder), student(), teacher, unseen="sun", out=tmp_path / "run", **QUICK)
    assert not (tmp_path / "run").exists(), "nothing was begun"


def test_without_a_name_the_folder_is_below_runs(
    folder: Path, teacher: OpenClipTeacher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = FolderDataModule(folder, batch_size=2, workers=0, augment=AUGMENT)
    result = clipteacher.train(data, student(), teacher, **QUICK)
    assert result.folder.parent == Path("runs")
    assert (tmp_path / result.folder / "model").is_dir()
    assert result.segmenter.unseen == ()
