"""Wanted names in `teacher-check` and `diagnose`: table, sheet and advice; their masks change no bit."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image
from tests.cli.test_teacher_check import TEACHER, TINY
from tests.conftest import NAMES, write_folder

from clipteacher.cli.main import main
from clipteacher.demo.drawn_world import CLASSES, UNSEEN

WANTED = (*UNSEEN, "zebra")


def command(*arguments: object) -> int:
    try:
        main([*map(str, arguments), "--device", "cpu"])
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def read_json(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def write_config(path: Path, root: Path, **data: object) -> Path:
    teacher = {"model": "package:clipteacher.demo.tiny_clip", "pretrained": None, "image_size": 192}
    config = {
        "data": {"root": str(root), **data},
        "model": {"teacher": {"class_path": TEACHER, "init_args": teacher}, "method": {"plm": {"windows": [2, 4]}}},
    }
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.fixture(scope="module")
def checked(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The result of `teacher-check` for a teacher that knows the world, and a word that nothing shows."""
    folder = tmp_path_factory.mktemp("checked")
    config = write_config(folder / "config.yaml", world, wanted=list(WANTED))
    assert command("teacher-check", "--config", config, "--out", folder / "check.json") == 0
    return folder / "check.json"


def test_what_wanted_names_get(checked: Path) -> None:
    found = read_json(checked)["wanted"]
    names = {each["name"]: each for each in found["names"]}
    assert tuple(names) == WANTED
    assert (found["photos"], found["of"], found["pixels"]) == (24, 24, 24 * 96 * 96)
    assert found["seen"] == [name for name in CLASSES if name not in UNSEEN]
    pixels = [each["pixels"] for each in names.values()]
    assert sum(pixels) + found["latent_pixels"] == pytest.approx(found["unlabelled"], abs=len(pixels))
    assert 0.1 < found["unlabelled"] / found["pixels"] < 0.6
    assert names["sand"]["share"] > 0.1 < names["brick wall"]["share"]
    assert all(names[name]["regions"] and names[name]["margin"] > 0 for name in ("sand", "brick wall"))
    zebra = names["zebra"]
    assert (zebra["regions"], zebra["pixels"], zebra["margin"], zebra["most_pixels"]) == (0, 0, None, [])
    assert zebra["rival"] is not None
    assert any(piece.startswith("no region gets these names: ") and "zebra" in piece for piece in found["advice"])


def test_the_large_ones_are_right(world: Path, checked: Path) -> None:
    """Not that the check may look: on the photos with most pixels of a large thing, it is there."""
    for each in read_json(checked)["wanted"]["names"][:2]:
        for photo in each["most_pixels"][:2]:
            mask = np.array(Image.open(world / "masks/train" / f"{photo['photo']}.png"))
            assert (mask == CLASSES.index(each["name"])).sum() > photo["pixels"] / 2


def test_the_sheet(checked: Path) -> None:
    with Image.open(checked.with_name("check.wanted.png")) as picture:
        assert picture.width > 1000
        assert picture.height > 400
        assert np.asarray(picture.convert("RGB")).std() > 20


def test_scrambled_masks_of_wanted_names_change_no_bit(world: Path, tmp_path: Path, checked: Path) -> None:
    root = Path(shutil.copytree(world, tmp_path / "drawn"))
    ids = [CLASSES.index(name) for name in UNSEEN]
    changed = 0
    for path in (root / "masks" / "train").iterdir():
        mask = np.array(Image.open(path))
        here = np.isin(mask, ids)
        changed += here.sum()
        mask[here] = np.random.default_rng(0).choice([*ids, 255], here.sum())
        Image.fromarray(mask).save(path)
    assert changed > 1000
    config = write_config(tmp_path / "config.yaml", root, wanted=", ".join(WANTED))
    assert command("teacher-check", "--config", config, "--out", tmp_path / "check.json") == 0
    assert (tmp_path / "check.json").read_bytes() == checked.read_bytes()
    assert (tmp_path / "check.wanted.png").read_bytes() == checked.with_name("check.wanted.png").read_bytes()


def test_words_of_the_command_line(world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They go before those of the file; "" wants none, and the sheet of an earlier check goes."""
    config = write_config(tmp_path / "config.yaml", world, wanted=["boat"])
    check = ("teacher-check", "--config", config, "--photos", 6, "--out", tmp_path / "check.json")
    assert command(*check, "--wanted", "sand, flower") == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "Wanted names. drawn-18-2-transductive, train: 6 of 24 photos" in out
    assert f"Regions of wanted names: {tmp_path / 'check.wanted.png'}" in out
    assert [each["name"] for each in read_json(tmp_path / "check.json")["wanted"]["names"]] == ["sand", "flower"]
    names = {each["name"]: each for each in read_json(tmp_path / "check.json")["names"]}
    assert names["sand"]["photos"] == 0 < names["boat"]["photos"], "masks of wanted names are not used at all"
    assert command(*check, "--wanted", "") == 0
    assert read_json(tmp_path / "check.json")["wanted"] is None
    assert not (tmp_path / "check.wanted.png").exists()
    assert "Wanted names" not in capsys.readouterr().out


def test_the_method_of_the_file_counts(world: Path, tmp_path: Path, checked: Path) -> None:
    config = yaml.safe_load(write_config(tmp_path / "config.yaml", world, wanted=list(WANTED)).read_text())
    config["model"]["method"]["naming"] = {"margin": 0.3}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    assert command("teacher-check", "--config", tmp_path / "config.yaml", "--out", tmp_path / "check.json") == 0
    strict, found = (read_json(path)["wanted"] for path in (tmp_path / "check.json", checked))
    assert strict["latent_pixels"] > found["latent_pixels"] > 0
    assert strict["unlabelled"] == found["unlabelled"]


def test_photos_alone(world: Path, tmp_path: Path) -> None:
    """Without masks nothing is labelled, and the names given are all that competes."""
    arguments = ("--data", world / "images/train", "--classes", "sky, grass", "--wanted", "sand, tree", "--photos", 4)
    assert command("teacher-check", *TINY, *arguments, "--out", tmp_path / "check.json") == 0
    found = read_json(tmp_path / "check.json")["wanted"]
    assert (found["seen"], found["unlabelled"]) == (["sky", "grass"], found["pixels"])
    assert (tmp_path / "check.wanted.png").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--wanted", "sand, sand"], "'sand' twice"),
        (["--wanted", "sand,,boat"], "got ''"),
        (["--wanted", "Sky"], "got 'Sky' beside 'sky', expected different words"),
        (["--wanted", "sand", "--unseen", "sand"], "wanted: got ['sand'] as unseen as well"),
        (["--wanted", ", ".join(CLASSES)], "expected at least one seen class"),
        (["--wanted", "sand", "--protocol", "voc12-15-5"], "which is inductive. Leave out one of the two."),
        (["--wanted", "sand", "--config", "off.yaml"], "with method.plm switched off"),
        (["--wanted", "sand", "--config", "wrong.yaml"], "wrong.yaml cannot be read"),
    ],
)
def test_wrong_input(
    arguments: list[str],
    message: str,
    world: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, plm in (("off", None), ("wrong", {"windows": "wide"})):
        config = yaml.safe_load(write_config(tmp_path / f"{name}.yaml", world).read_text())
        config["model"]["method"]["plm"] = plm
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(config))
    assert command("teacher-check", *TINY, "--data", world, "--photos", 1, *arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("clipteacher: error:") == 1


@pytest.fixture(scope="module")
def wanted_run(trained: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained run, as if it had wanted two words, one with masks in its data and one without."""
    run = tmp_path_factory.mktemp("wanted") / "run"
    shutil.copytree(trained[0] / "model", run / "model")
    model = read_json(run / "model" / "config.json")
    (run / "model" / "config.json").write_text(json.dumps(model | {"wanted": ["sun", "balloon"]}))
    config = yaml.safe_load((trained[0] / "config.yaml").read_text())
    config["model"]["method"] |= {"glm": {"scale": 10.0}, "plm": {"windows": [2, 4]}, "naming": {"margin": -0.5}}
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    return run


def test_diagnose_after_training(trained: tuple[Path, Path], wanted_run: Path, tmp_path: Path, capsys: Any) -> None:  # noqa: ANN401
    """The whole diagnosis as before, and what the wanted names got on the photos of the run's training split."""
    assert command("diagnose", "--model", wanted_run, "--data", trained[1], "--out", tmp_path / "out") == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "Unseen pixels, %" in out
    assert "Wanted names. drawn-3-1-transductive, train: 5 of 5 photos" in out
    assert "Skipped" not in out
    result = read_json(tmp_path / "out" / "diagnosis.json")
    assert (result["photos"], result["wanted"]["photos"], result["settings"]["naming"]["margin"]) == (3, 5, -0.5)
    assert [each["name"] for each in result["wanted"]["names"]] == ["sun", "balloon"]
    assert sum(each["regions"] for each in result["wanted"]["names"]) > 0
    assert result["wanted"]["seen"] == ["sky", "grass", "house"]
    assert {"wanted.png", "confusion.png", "attention.png"} <= {path.name for path in (tmp_path / "out").iterdir()}
    assert command("diagnose", "--model", trained[0], "--data", trained[1], "--out", tmp_path / "out") == 0
    assert not (tmp_path / "out" / "wanted.png").exists(), "those of an earlier diagnosis go"
    assert read_json(tmp_path / "out" / "diagnosis.json")["wanted"] is None


def test_diagnose_uses_no_masks_of_wanted_names(trained: tuple[Path, Path], wanted_run: Path, tmp_path: Path) -> None:
    results = []
    for number in (0, 1):
        root = Path(shutil.copytree(trained[1], tmp_path / str(number) / "drawn"))
        for path in (root / "masks" / "train").iterdir() if number else ():
            mask = np.array(Image.open(path))
            mask[mask == NAMES.index("sun")] = 255
            Image.fromarray(mask).save(path)
        out = tmp_path / f"out{number}"
        assert command("diagnose", "--model", wanted_run, "--data", root, "--out", out) == 0
        results.append(((out / "diagnosis.json").read_bytes(), (out / "wanted.png").read_bytes()))
    assert results[0] == results[1]


def test_diagnose_where_wanted_words_have_no_masks(
    wanted_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All classes of the masks are seen: only the wanted names are left to look at, and it says so."""
    names = ("sky", "grass", "house")
    root = write_folder(tmp_path / "mine", {"train": 4, "val": 1}, names)
    for path in root.glob("masks/*/*.png"):
        mask = np.array(Image.open(path))
        mask[mask == 2] = 255  # the sun: not labelled
        mask[mask == 3] = 2
        Image.fromarray(mask).save(path)
    out = tmp_path / "out"
    arguments = ("diagnose", "--model", wanted_run, "--data", root, "--out", out)
    assert command(*arguments) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Wanted names. mine-3-0-transductive, train: 4 of 4 photos" in said
    assert "Skipped: scores, confusions, cosines, calibration sweep, pseudo labels, attention, because no class" in said
    assert {path.name for path in out.iterdir()} == {"diagnosis.json", "wanted.png"}
    result = read_json(out / "diagnosis.json")
    assert (result["scores"], result["confusion"], result["wanted"]["photos"]) == (None, None, 4)
    assert result["split"] == {"names": list(names), "unseen": []}
    assert command(*arguments, "--photos", 2) == 0
    assert read_json(out / "diagnosis.json")["wanted"]["photos"] == 2
    capsys.readouterr()
    assert command(*arguments, "--teacher", "false") == 2
    error = capsys.readouterr().err
    assert "unseen: got none of the 3 classes" in error
    assert "Nor can wanted names be looked up: --teacher is false." in error
    shutil.rmtree(root / "images" / "train")
    assert command(*arguments) == 2
    assert "images/train: no such folder" in capsys.readouterr().err


def test_diagnose_says_why_wanted_names_are_skipped(
    trained: tuple[Path, Path], wanted_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = Path(shutil.copytree(trained[1], tmp_path / "drawn"))
    shutil.rmtree(root / "images" / "train")
    assert command("diagnose", "--model", wanted_run, "--data", root) == 0
    assert "Skipped: wanted, because" in (said := capsys.readouterr().out)
    assert "images/train: no such folder" in said
    run = Path(shutil.copytree(wanted_run, tmp_path / "run"))
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["model"]["method"]["naming"] = None
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    assert command("diagnose", "--model", run, "--data", trained[1]) == 0
    assert "Skipped: wanted, because the run had no naming." in capsys.readouterr().out
    assert command("diagnose", "--model", wanted_run, "--data", trained[1], "--teacher", "false") == 0
    assert "Skipped: pseudo labels, attention, wanted, because --teacher is false." in capsys.readouterr().out
