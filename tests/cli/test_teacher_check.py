"""`clipteacher teacher-check`: its metrics and advice, where the teacher is from, and which masks it does not use."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image
from tests.conftest import NAMES, write_folder

from clipteacher.cli.main import main
from clipteacher.demo.drawn_world import CLASSES, UNSEEN, write_world

TEACHER = "clipteacher.teachers.openclip.OpenClipTeacher"
TINY = ["--teacher", TEACHER, "--teacher.model", "package:clipteacher.demo.tiny_clip", "--teacher.pretrained", "null"]
TINY += ["--teacher.image_size", "96"]


def check(*arguments: object) -> int:
    try:
        main(["teacher-check", "--device", "cpu", *map(str, arguments)])
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


@pytest.fixture(scope="module")
def found(world: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The result for a teacher that knows the world."""
    out = tmp_path_factory.mktemp("out") / "check.json"
    assert check(*TINY, "--data", world, "--out", out) == 0
    result: dict[str, Any] = json.loads(out.read_text())
    return result


def by_name(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in found["names"]}


def test_it_finds_what_the_teacher_knows(found: dict[str, Any]) -> None:
    names = by_name(found)
    assert tuple(names) == CLASSES
    assert found["teacher"] == TEACHER
    assert (found["photos"], found["of"], found["unseen"]) == (24, 24, [])
    assert all(names[name]["IoU"] > 0.5 for name in ("sky", "grass", "sea")), "large things that it knows well"
    assert all(each["nearest"] in CLASSES for each in names.values())
    enough = [each for each in names.values() if each["photos"] >= 5]
    assert np.mean([each["high_shown"] for each in enough]) > 0.5 > np.mean([each["high_other"] for each in enough])
    assert not any("classes have masks to learn from" in piece for piece in found["advice"])


def test_what_it_prints(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(*TINY, "--data", world, "--photos", 3) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "drawn, train: 3 of 24 photos. Dense tokens against masks" in out
    assert "CLS ranks it among the first 20% of names" in out
    assert "advice: fewer than 5 photos show these names" in out


def test_masks_of_unseen_names_are_not_used(world: Path, tmp_path: Path, found: dict[str, Any]) -> None:
    """Scrambling the masks of unseen names changes nothing."""
    unseen, results = ", ".join(UNSEEN), []
    for scramble in (False, True):
        root = tmp_path / str(scramble)
        write_world(root, seed=0, train=24, val=1, size=96)
        if scramble:
            ids = [CLASSES.index(name) for name in UNSEEN]
            for path in (root / "masks" / "train").iterdir():
                mask = np.array(Image.open(path))
                here = np.isin(mask, ids)
                mask[here] = np.random.default_rng(0).choice(ids, here.sum())
                Image.fromarray(mask).save(path)
        assert check(*TINY, "--data", root, "--unseen", unseen, "--out", tmp_path / "check.json") == 0
        results.append(json.loads((tmp_path / "check.json").read_text()) | {"data": ""})
    assert results[0] == results[1]
    held = by_name(results[0])
    assert all(held[name]["photos"] == 0 and held[name]["IoU"] is None for name in UNSEEN)
    assert all(by_name(found)[name]["IoU"] is not None for name in UNSEEN), "else they are scored"
    assert held["sky"]["recall"] == by_name(found)["sky"]["recall"]


def test_words_without_masks(world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder of photos alone; two words that the tiny CLIP never read are one and the same to it."""
    classes = "sky, grass, tree, zebra, giraffe"
    out = tmp_path / "check.json"
    assert check(*TINY, "--data", world / "images/val", "--classes", classes, "--out", out) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Dense tokens against masks" not in said
    assert "advice: nearly the same to the teacher: zebra / giraffe (cosine 1.00)" in said
    result = json.loads(out.read_text())
    assert result["near"][0]["ratio"] == pytest.approx(0, abs=1e-5)
    assert [each["photos"] for each in result["names"]] == [0] * 5
    assert sum(each["pixels"] for each in result["names"]) == pytest.approx(1)


def test_words_beside_those_with_masks(tmp_path: Path, folder: Path, tiny_config: Path) -> None:
    out = tmp_path / "check.json"
    arguments = ("--config", tiny_config, "--unseen", "", "--data", folder)
    assert check(*arguments, "--classes", "grass, old barn, sky", "--out", out) == 0
    names = by_name(json.loads(out.read_text()))
    assert list(names) == ["grass", "old barn", "sky"]
    assert [names[name]["photos"] for name in names] == [5, 0, 5]
    assert names["old barn"]["IoU"] is None
    assert all(set(names[name]["predicted_as"]) <= set(names) for name in names), "house and sun are ignored"


def test_a_configuration_of_fit(tmp_path: Path, tiny_config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Teacher, folder and unseen names are its own; the command line goes before it."""
    out = tmp_path / "check.json"
    assert check("--config", tiny_config, "--out", out) == 0
    assert "Masks not used, because training will not see them: sun." in capsys.readouterr().out
    result = json.loads(out.read_text())
    assert result["unseen"] == ["sun"]
    assert by_name(result)["sun"]["IoU"] is None
    assert all(isinstance(each["predicted_as"], dict) for each in result["names"])
    assert check("--config", tiny_config, "--unseen", "", "--split", "val", "--out", out) == 0
    result = json.loads(out.read_text())
    assert (result["unseen"], result["photos"]) == ([], 3)
    assert by_name(result)["sun"]["photos"] == 3
    assert check("--config", tiny_config, "--teacher.dense", "tokens", "--out", out) == 0
    assert by_name(json.loads(out.read_text()))["sky"]["pixels"] != by_name(result)["sky"]["pixels"]


def test_windows_tell_their_cost(tmp_path: Path, tiny_config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = yaml.safe_load(tiny_config.read_text())
    arguments = {"teacher": config["model"]["teacher"], "window": 48}
    windows = {"class_path": "clipteacher.teachers.windows.WindowedTeacher", "init_args": arguments}
    config["model"]["teacher"] = windows
    tiny_config.write_text(yaml.safe_dump(config))
    assert check("--config", tiny_config, "--photos", 1) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Windows of 48x48 pixels, stride 24x24: 7 passes of the teacher a photo, the whole and each window, " in said


def test_a_teacher_that_cannot_be_built_is_told_in_one_line(
    tiny_config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = yaml.safe_load(tiny_config.read_text())
    config["model"]["teacher"]["init_args"]["image_size"] = 4
    tiny_config.write_text(yaml.safe_dump(config))
    assert check("--config", tiny_config) == 2
    assert capsys.readouterr().err == (
        "clipteacher: error: image_size: got 4; expected None or at least 8, one patch.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "teacher: got none"),
        (TINY, "data: got none"),
        ([*TINY, "--data", "none"], "none: no such folder"),
        ([*TINY, "--data", "data", "--split", "test"], "images/test: no such folder"),
        ([*TINY, "--data", "data", "--unseen", "sum"], "Did you mean 'sun'?"),
        ([*TINY, "--data", "data", "--classes", "sky, sky"], "'sky' twice"),
        ([*TINY, "--data", "data", "--classes", "sky,,sun"], "''"),
        ([*TINY, "--data", "data", "--photos", "-1"], "photos: got -1"),
        ([*TINY, "--data", "data/images/val"], "no classes.txt, expected class names"),
        ([*TINY, "--data", "empty", "--classes", "sky"], "got no photo"),
        (["--teacher", "torch.nn.Identity", "--data", "data"], "teacher: got Identity without width"),
        (["--config", "none.yaml"], "no file none.yaml"),
        (["--config", "bad.yaml"], "is no YAML"),
        (["--config", "other.yaml"], "has no class for model.teacher"),
        (["--config", "python.yaml"], "has no class for model.teacher"),
        (["--config", "list.yaml"], "has no class for model.teacher"),
    ],
)
def test_wrong_input(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    write_folder(tmp_path / "data", {"train": 1, "val": 1}, NAMES)
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.yaml").write_text("a: [")
    (tmp_path / "other.yaml").write_text(yaml.safe_dump({"model": {"student": 1}}))
    (tmp_path / "python.yaml").write_text("model: {teacher: {spec: {name: x}}}")
    (tmp_path / "list.yaml").write_text("[1]")
    assert check(*arguments) == 2
    assert message in capsys.readouterr().err
