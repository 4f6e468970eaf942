"""`clipteacher teacher-check --compare`: teachers side by side, on the masks that training sees and no others."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image
from tests.cli.test_teacher_check import TEACHER, TINY, check
from tests.conftest import NAMES, UNSEEN, write_folder

from clipteacher.cli.teacher_alternatives import read_alternatives
from clipteacher.demo.drawn_world import CLASSES

WINDOWS = "clipteacher.teachers.windows.WindowedTeacher"
HELD_BACK = ("sand", "boat")


def compared(out: Path, *arguments: object) -> dict[str, Any]:
    assert check(*arguments, "--out", out) == 0
    found: dict[str, Any] = json.loads(out.read_text())
    return found


def scores(found: dict[str, Any]) -> list[object]:
    """What does not depend on the machine."""
    return [[each[key] for key in ("name", "mIoU", "pAcc", "IoU", "passes", "teacher")] for each in found["teachers"]]


@pytest.fixture(scope="module")
def found(world: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Three teachers that know the world, one of them in windows."""
    out = tmp_path_factory.mktemp("out") / "compare.json"
    more = ("--unseen", HELD_BACK[0], "--wanted", HELD_BACK[1], "--photos", 6)
    return compared(out, *TINY, "--data", world, *more, "--compare", "dense=tokens", "window=48 image_size=192")


def test_what_it_finds(found: dict[str, Any]) -> None:
    assert (found["photos"], found["of"]) == (6, 24)
    assert found["seen"] == [name for name in CLASSES if name not in HELD_BACK]
    rows = {each["name"]: each for each in found["teachers"]}
    assert list(rows) == ["as configured", "dense=tokens", "window=48 image_size=192"]
    assert [each["passes"] for each in rows.values()] == [1, 1, 1 + 3 * 3]
    for each in rows.values():
        assert each["mIoU"] == pytest.approx(np.mean(list(each["IoU"].values())))
        assert not set(each["IoU"]) & set(HELD_BACK)
        assert set(each["IoU"]) == set(rows["as configured"]["IoU"]), "each is scored on the same classes"
        assert each["seconds"] > 0
        assert each["megabytes"] is None or 100 < each["megabytes"] < 100_000
    assert found["best"] == max(rows.values(), key=lambda each: each["mIoU"])["name"]
    assert rows["as configured"]["mIoU"] > rows["dense=tokens"]["mIoU"] > 0
    assert rows["window=48 image_size=192"]["seconds"] > rows["as configured"]["seconds"]


def test_a_row_is_the_check_of_that_teacher_alone(world: Path, tmp_path: Path, found: dict[str, Any]) -> None:
    """Among the seen names only, hence --classes."""
    seen = ", ".join(found["seen"])
    assert check(*TINY, "--data", world, "--photos", 6, "--classes", seen, "--out", tmp_path / "check.json") == 0
    alone = {each["name"]: each["IoU"] for each in json.loads((tmp_path / "check.json").read_text())["names"]}
    assert found["teachers"][0]["IoU"] == {name: alone[name] for name in found["teachers"][0]["IoU"]}


def scramble(root: Path, names: tuple[str, ...], classes: tuple[str, ...], split: str = "train") -> int:
    """Exchange the masks of some classes among themselves and for nothing; returns the pixels that changed."""
    ids, changed, random = [classes.index(name) for name in names], 0, np.random.default_rng(0)
    for path in (root / "masks" / split).iterdir():
        mask = np.array(Image.open(path))
        here = np.isin(mask, ids)
        mask[here] = random.choice([*ids, 255], here.sum())
        changed += int(here.sum())
        Image.fromarray(mask).save(path)
    return changed


def test_masks_of_unseen_and_wanted_names_change_nothing(folder: Path, tmp_path: Path, tiny_config: Path) -> None:
    """Unless asked for."""
    compare = ("--config", tiny_config, "--wanted", "house", "--compare", "dense=tokens")
    before = compared(tmp_path / "out.json", *compare)
    asked = compared(tmp_path / "out.json", *compare, "--unseen", "")
    assert scramble(folder, (*UNSEEN, "house"), NAMES) > 500
    after = compared(tmp_path / "out.json", *compare)
    assert before["seen"] == ["sky", "grass"]
    assert scores(before) == scores(after)
    assert before["best"] == after["best"]
    assert asked["seen"] == ["sky", "grass", "sun"]
    assert scores(asked) != scores(compared(tmp_path / "out.json", *compare, "--unseen", ""))


def test_a_protocol_holds_its_unseen_classes_back(tmp_path: Path, tiny_config: Path) -> None:
    """Whatever is not named: MSRC-21 has five of 21, in its own data and in this stand-in of it."""
    from clipteacher.protocols.named import protocol_named

    split = protocol_named("msrc21-16-5").class_split
    root = write_folder(tmp_path / "msrc", {"train": 2, "val": 1}, split.names)
    config = yaml.safe_load(tiny_config.read_text())
    config["data"] = {"root": str(root), "protocol": "msrc21-16-5", "unseen": []}
    tiny_config.write_text(yaml.safe_dump(config))
    compare = ("--config", tiny_config, "--compare", "dense=tokens")
    assert compared(tmp_path / "out.json", *compare)["seen"] == list(split.seen)
    assert compared(tmp_path / "out.json", *compare, "--unseen", "")["seen"] == list(split.names)


def test_what_it_prints(tmp_path: Path, tiny_config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A table with the best marked, and lines that are a configuration: themselves one to compare with."""
    words = "dense=tokens window=16 stride=8"
    assert check("--config", tiny_config, "--compare", words) == 0
    out = capsys.readouterr().out
    flat = " ".join(out.split())
    assert "drawn-3-1, train: 5 of 5 photos" in flat
    assert "3 seen classes" in flat
    assert len(re.findall(r"\* (as configured|dense=tokens)", flat)) == 1
    best = re.search(r"Best: (.*)\. For the configuration:\n\n(.*)", out, flags=re.DOTALL)
    assert best is not None
    assert f"* {best[1].split()[0]}" in flat
    configured = yaml.safe_load(tiny_config.read_text())["model"]["teacher"]
    rows = {each.name: each.config() for each in read_alternatives([words], configured)}
    assert yaml.safe_load(best[2]) == {"model": {"teacher": rows[best[1]]}}


def base(**arguments: object) -> dict[str, Any]:
    return {"class_path": TEACHER, "init_args": {"model": "tiny.json", "pretrained": None, **arguments}}


def test_options_make_lines_of_yaml() -> None:
    """Only what differs from the defaults; windows go around the teacher, and other options to the one inside."""
    words = ["dense=tokens", "window=224 dense=tokens", "templates=\"['the {}', 'a {}']\" stride=112 window=224"]
    configured, *found = (each.config() for each in read_alternatives(words, base()))
    assert configured == base()
    assert found[0] == base(dense="tokens")
    assert found[1] == {"class_path": WINDOWS, "init_args": {"teacher": base(dense="tokens"), "window": 224}}
    assert found[2]["init_args"] == {"teacher": base(templates=["the {}", "a {}"]), "window": 224, "stride": 112}
    windowed, larger = (each.config() for each in read_alternatives(["window=336 image_size=336"], found[1]))
    assert windowed == found[1]
    assert larger["init_args"] == {"teacher": base(dense="tokens", image_size=336), "window": 336}


def test_the_configured_teacher_is_one_of_them_once() -> None:
    names = [each.name for each in read_alternatives(["dense=tokens", "dense=value"], base())]
    assert names == ["dense=tokens", "dense=value"], "value is the default, so the second is the configured one"
    assert [each.name for each in read_alternatives(["dense=tokens"], base())] == ["as configured", "dense=tokens"]


def test_configurations_stand_for_their_teachers(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"model": {"teacher": base(dense="tokens")}}))
    found = read_alternatives([str(tmp_path / "mine.yaml"), "voc12-15-5/segnext-b"], None)
    assert found[0].config() == base(dense="tokens")
    assert found[1].config()["class_path"] == TEACHER


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["dens=tokens"], "dens=tokens: teacher.dens: got an option that OpenClipTeacher does not have. Did you mean"),
        (["teacher=none"], "teacher=none: teacher.teacher: got an option that OpenClipTeacher does not have"),
        (["dense=token"], "dense=token: teacher.dense: got 'token', expected one of tokens, value"),
        (["window=wide"], "window=wide: teacher.window: got 'wide', expected a whole number"),
        (["dense=tokens", " dense=tokens "], "got 'dense=tokens' twice, expected different teachers"),
        (["dense=tokens", "dense='tokens'"], "got one teacher twice, as 'dense=tokens' and as \"dense='tokens'\""),
        (["dense=value"], "got one teacher, expected two or more"),
        ([""], "got '', expected options with their values"),
        (["dense= tokens"], "expected options with their values"),
        (["=tokens"], "expected options with their values"),
        (["templates='[a"], "which cannot be read: No closing quotation"),
        (["templates=[a"], "in which '[a' is no YAML"),
        (["msrc22"], "no file msrc22, expected one, or a name that ships. Did you mean msrc21?"),
    ],
)
def test_wrong_words(words: list[str], message: str) -> None:
    with pytest.raises((ValueError, FileNotFoundError)) as error:
        read_alternatives(words, base())
    assert message in str(error.value)


def test_options_need_a_teacher() -> None:
    with pytest.raises(ValueError, match="got the options 'dense=tokens' and no teacher, expected one"):
        read_alternatives(["dense=tokens"], None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--compare"], "compare: got no value, expected one after it"),
        ([*TINY, "--compare", "dense=tokens"], "data: got none"),
        ([*TINY, "--data", "data", "--compare", "window=44"], "compare: window=44: window: got 44 pixels"),
        ([*TINY, "--data", "data", "--compare", "model=none.json"], "compare: model=none.json: "),
        ([*TINY, "--data", "data/images/val", "--compare", "dense=tokens"], "no such folder"),
        ([*TINY, "--data", "data", "--classes", "zebra", "--compare", "dense=tokens"], "classes: got zebra, expected"),
        ([*TINY, "--data", "data", "--unseen", ", ".join(NAMES), "--compare", "dense=tokens"], "there are none"),
        ([*TINY, "--data", "void", "--compare", "dense=tokens"], "got no labelled pixel of a class that training sees"),
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
    for name in ("data", "void"):
        write_folder(tmp_path / name, {"train": 1, "val": 1}, NAMES)
    for path in (tmp_path / "void/masks/train").iterdir():
        Image.fromarray(np.full_like(np.array(Image.open(path)), 255)).save(path)
    assert check(*arguments, "--out", "out.json") == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("error:") == 1
    assert not (tmp_path / "out.json").exists()
