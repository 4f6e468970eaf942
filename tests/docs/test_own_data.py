"""The commands of docs/guides/own_data.md, typed one after another on drawn photographs, so the page cannot rot."""

import ast
import json
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image
from tests.conftest import draw_scene
from tests.convert.drawn import coco, image, labelme, shape, write_json
from tests.docs.pages import DOCS, page
from tests.docs.pages import blocks as blocks_of
from tests.stand_ins import StandInTeacher

from clipteacher.cli.main import main
from clipteacher.method.config import MethodConfig

PAGE = page("docs/guides/own_data.md")
NAMES = ("grass", "car", "cat", "house")
"""The four things of the drawn scenes, called as the page calls them."""

BOXES = {"grass": (0, 40, 89, 69), "car": (5, 5, 30, 30), "cat": (20, 30, 50, 55)}
SKIPPED = {"pip install": "it would reach the package index"}


def blocks(language: str) -> list[str]:
    return blocks_of(PAGE, language)


def commands() -> list[str]:
    return [line for block in blocks("sh") for line in block.splitlines() if line.strip()]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_clip: tuple[Path, Path]) -> Path:
    """What a user of the page has at hand: photos, COCO's and Labelme's annotations, and mine.yaml."""
    monkeypatch.chdir(tmp_path)
    for folder in ("photos", "labelled"):
        Path(folder).mkdir()
    images, annotations = [], []
    for number in range(5):
        photo, _ = draw_scene(number)
        height, width = photo.shape[:2]
        shapes = []
        for category, (name, (left, top, right, bottom)) in enumerate(BOXES.items()):
            polygon = [left, top, right, top, right, bottom, left, bottom]
            annotations.append({"image_id": number, "category_id": category, "segmentation": [polygon]})
            shapes.append(shape(name, [[left, top], [right, bottom]], "rectangle"))
        for folder in ("photos", "labelled"):
            Image.fromarray(photo).save(f"{folder}/{number}.jpg")
        images.append(image(number, f"{number}.jpg", width, height))
        labelme(Path(f"labelled/{number}.json"), shapes, f"{number}.jpg", width, height)
    write_json(Path("annotations/instances.json"), coco(annotations, images, dict(enumerate(BOXES))))
    Path("mine.yaml").write_text(yaml.safe_dump(small(yaml.safe_load(blocks("yaml")[0]), tiny_clip)))
    return tmp_path


def small(config: dict[str, Any], tiny_clip: tuple[Path, Path]) -> dict[str, Any]:
    """The page's configuration with a network, a teacher and a number of steps that take seconds."""
    config["data"] |= {"batch_size": 2, "augment": {"crop_size": [64, 64], "scale": [0.9, 1.2]}}
    student = {"architecture": "FPN", "encoder": "tu-test_efficientnet", "channels": 16}
    teacher = {"model": str(tiny_clip[0]), "pretrained": str(tiny_clip[1])}
    config["model"]["student"]["init_args"] = student
    config["model"]["teacher"] = {"class_path": "clipteacher.teachers.openclip.OpenClipTeacher", "init_args": teacher}
    config["model"]["method"] = {"plm": {"windows": [4, 8]}}
    config["trainer"] |= {"max_steps": 2, "accelerator": "cpu", "devices": 1, "logger": False}
    return config


def test_every_command_runs(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for package in ("pycocotools", "onnx", "onnxruntime"):
        pytest.importorskip(package)
    ran = []
    for line in commands():
        if any(line.startswith(start) for start in SKIPPED):
            continue
        program, command, *arguments = shlex.split(line)
        assert program == "clipteacher", line
        if command == "convert" and Path("data").exists():
            Path("data").rename("data_before")  # the page's two ways to the same folder
        main([command, *arguments])
        ran.append(command)
    assert ran.count("convert") == 3
    assert Path("any/classes.txt").read_text().split() == sorted(BOXES)
    assert {"audit", "teacher-check", "fit", "evaluate", "segment", "export"} <= set(ran)
    assert Path("cats.onnx").is_file()
    for folder in ("data_before", "data"):
        assert Path(folder, "classes.txt").read_text().split() == (
            list(BOXES) if folder == "data_before" else sorted(BOXES)
        )
    counts = {split: len(list(Path("data/images", split).iterdir())) for split in ("train", "val")}
    assert counts == {"train": 4, "val": 1}
    assert json.loads(Path("check.json").read_text())["unseen"] == []
    protocols = {"mine": "data-1-2-transductive", "baseline": "data-1-2", "reference": "data-3-0"}
    for run, protocol in protocols.items():
        assert {"model", "metrics.json", "report.png"} <= {entry.name for entry in Path("runs", run).iterdir()}
        assert json.loads(Path("runs", run, "metrics.json").read_text())["protocol"] == protocol
    for run in ("mine", "baseline"):  # the page has them with 16 other classes
        assert f"`{protocols[run].replace('-1-', '-16-')}`" in PAGE
    assert len(list(Path("pictures").iterdir())) == 10
    ids = np.asarray(Image.open("pictures/0_ids.png"))
    assert ids.shape == (70, 90)
    assert ids.max() <= 2
    assert Path("areas.csv").is_file()
    (code,) = blocks("python")
    exec(compile(code, "own_data.md", "exec"), {})  # noqa: S102 (the page's own five lines)
    assert "'old chair'" in capsys.readouterr().out


def test_the_first_configuration_is_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the page's own classes and arguments, parsed to the end; its teacher is built in other tests."""
    config = yaml.safe_load(blocks("yaml")[0])
    assert config["model"]["student"]["init_args"]["channels"] == 384
    path = tmp_path / "mine.yaml"
    path.write_text(blocks("yaml")[0])
    for extra in ([], [f"--config={tmp_path / 'clip.yaml'}"]):
        (tmp_path / "clip.yaml").write_text(blocks("yaml")[1])
        with pytest.raises(SystemExit) as stop:
            main(["fit", "--config", str(path), *extra, "--print_config"])
        assert stop.value.code == 0
        printed = yaml.safe_load(capsys.readouterr().out)
        assert printed["data"]["root"] == "data"
        assert printed["data"]["wanted"] == ["cat", "car"]
        width = 512 if extra else 384
        assert printed["model"]["student"]["init_args"]["channels"] == width
        losses = MethodConfig.recommended().losses
        assert printed["preset"] == "recommended", "the page copies no list of losses"
        assert printed["model"]["method"]["losses"]["beta"] == losses.beta


def test_its_windows_cost_what_it_says() -> None:
    from clipteacher.cli.teacher_alternatives import read_alternatives
    from clipteacher.teachers.windows import WindowedTeacher

    (given,) = [config for config in map(yaml.safe_load, blocks("yaml")) if "WindowedTeacher" in str(config)]
    first, _ = read_alternatives(["window=336 stride=336"], given["model"]["teacher"])
    options = first.parsed.teacher.init_args
    assert (options.window, options.stride) == (224, 112)
    for stride, passes in ((options.stride, 49), (224, 21)):
        windowed = WindowedTeacher(StandInTeacher(4, patch=16), options.window, stride)
        assert windowed.passes(750, 1000) == passes
    assert "takes 49 with windows\nof 224 and stride 112, and 21 with stride 224" in PAGE


def test_its_pages_are_there_and_its_python_compiles() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)", PAGE) if "://" not in link]
    assert links
    for link in links:
        assert (DOCS / "guides" / link).exists(), link
    for block in blocks("python"):
        ast.parse(block)


def test_its_thresholds_are_those_of_the_code() -> None:
    from clipteacher.analysis.teacher import advice, metrics

    for text in (
        f"IoU below {100 * advice.WEAK_IOU:.0f} %",
        "a quarter of the pixels",
        f"below {advice.NEAR} of the median",
        f"fewer than {advice.FEW_SEEN}",
        f"fewer than {advice.FEW_PHOTOS} photos",
        f"fewer than {100 * advice.RARE:.0f} % of {advice.MIN_PHOTOS} photos",
        f"{100 * advice.LARGE:.0f} % and more",
        f"by chance {100 * metrics.HIGH:.0f} %",
    ):
        assert text in PAGE, text
    assert advice.MIXED == 0.25
