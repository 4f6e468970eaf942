"""`clipteacher diagnose` on a finished run: the scores of `evaluate`, charts, and what is skipped and why."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
import yaml
from PIL import Image
from tests.conftest import NAMES, write_folder
from tests.data.tiny_copies import write_voc12

from clipteacher.cli.main import main
from clipteacher.inference.placement import OWN_SIZE
from clipteacher.protocols import VOC12_15_5
from clipteacher.segmenter.segmenter import Segmenter

PICTURES = ("confusion.png", "cosines.png", "calibration.png")


def diagnose(*arguments: object) -> int:
    try:
        main(["diagnose", "--device", "cpu", *map(str, arguments)])
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


@pytest.fixture(scope="module")
def whole_run(trained: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained run, as if it had been trained with GLM and PLM."""
    run = tmp_path_factory.mktemp("whole") / "run"
    shutil.copytree(trained[0] / "model", run / "model")
    config = yaml.safe_load((trained[0] / "config.yaml").read_text())
    config["model"]["method"] |= {"glm": {"scale": 10.0}, "plm": {"windows": [2, 4]}}
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    return run


@pytest.fixture(scope="module")
def found(trained: tuple[Path, Path], whole_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("found") / "out"
    assert diagnose("--model", whole_run, "--data", trained[1], "--out", out, "--report_rows", 2) == 0
    return out


def result_in(out: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((out / "diagnosis.json").read_text())
    return result


def test_the_runs_own_scores_and_everything_else(trained: tuple[Path, Path], found: Path) -> None:
    result = result_in(found)
    assert {"protocol": result["protocol"], **result["scores"]} == json.loads((trained[0] / "metrics.json").read_text())
    assert [each["name"] for each in result["confusions"]] == ["sun", "sky", "grass", "house"]
    assert [each["name"] for each in result["cosines"]] == ["sun", "sky", "grass", "house"]
    (plain,) = [point for point in result["calibration_sweep"]["curve"] if point["calibration"] == 0]
    assert plain == {"calibration": 0, **result["scores"]}
    assert result["split"] == {"names": list(NAMES), "unseen": ["sun"]}
    assert (result["photos"], result["of"], result["skipped"]) == (3, 3, {})
    assert result["pseudo_labels"]["total"]["masks"] == 3
    assert 0 < result["attention"]["effective"] <= 1
    assert result["settings"]["glm"]["scale"] == 10.0
    assert result["settings"]["plm"]["windows"] == [2, 4]
    assert sum(map(sum, result["confusion"])) == sum(each["pixels"] for each in result["confusions"])


def test_pictures(found: Path) -> None:
    assert {path.name for path in found.iterdir()} == {*PICTURES, "attention.png", "diagnosis.json"}
    for name in (*PICTURES, "attention.png"):
        with Image.open(found / name) as picture:
            assert min(picture.size) > 200
            assert np.asarray(picture.convert("RGB")).std() > 5, "something is drawn"


def test_what_it_prints(trained: tuple[Path, Path], whole_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert diagnose("--model", whole_run / "model", "--data", trained[1], "--photos", 2) == 0
    out = " ".join(capsys.readouterr().out.split())
    for words in (
        "drawn-3-1",
        "Unseen pixels",
        "Cosine of features",
        "At calibration 0",
        "Pseudo labels",
        "GLM's attention",
    ):
        assert words in out, words
    assert "not a way to choose" in out
    assert "No pictures: give a folder for them with --out." in out
    assert "Skipped" not in out


def test_the_student_alone(
    trained: tuple[Path, Path], found: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From model/ alone, with modules off, or on request: the same results, and a line that says why."""
    model = shutil.copytree(trained[0] / "model", tmp_path / "alone" / "model")
    for number, (arguments, why) in enumerate(
        [
            (("--model", model), "there is no config.yaml of a run beside"),
            (("--model", trained[0]), "the run had no GLM."),
            (("--model", trained[0], "--teacher", "false"), "--teacher is false."),
        ]
    ):
        out = tmp_path / str(number)
        assert diagnose(*arguments, "--data", trained[1], "--out", out) == 0
        assert why in " ".join(capsys.readouterr().out.split())
        result = result_in(out)
        assert set(result["skipped"]) == {"pseudo_labels", "attention"}
        assert (result["pseudo_labels"], result["attention"]) == (None, None)
        for key in ("scores", "confusions", "cosines", "calibration_sweep"):
            assert result[key] == result_in(found)[key]
        assert {path.name for path in out.iterdir()} == {*PICTURES, "diagnosis.json"}


def test_pictures_of_an_earlier_diagnosis_go(trained: tuple[Path, Path], found: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(found, tmp_path / "out"))
    (out / "mine.txt").write_text("stays")
    assert diagnose("--model", trained[0], "--data", trained[1], "--out", out) == 0
    assert not (out / "attention.png").exists()
    assert (out / "mine.txt").exists()


def test_a_class_that_never_occurs(
    trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_folder(tmp_path / "data", {"val": 1}, (*NAMES, "cow"))
    model = trained[0] / "model"
    arguments = ("--model", model, "--data", folder, "--unseen", "sun, cow", "--out", tmp_path / "out")
    assert diagnose(*arguments) == 0
    assert "Not labelled in these photos: cow." in capsys.readouterr().out
    (cow,) = [each for each in result_in(tmp_path / "out")["confusions"] if each["name"] == "cow"]
    assert (cow["pixels"], cow["recall"], cow["predicted_as"]) == (0, None, [])


@pytest.mark.parametrize(
    ("option", "value", "read"),
    [
        ("calibrations", "[0.3]", lambda result: result["calibration_sweep"]),
        ("photos", 1, lambda result: result["scores"]),
        ("min_area", 0.9, lambda result: result["pseudo_labels"]),
        ("split", "train", lambda result: result["scores"]),
    ],
)
def test_each_option_changes_the_result_and_is_recorded(
    option: str,
    value: object,
    read: Callable[[dict[str, Any]], Any],
    trained: tuple[Path, Path],
    whole_run: Path,
    found: Path,
    tmp_path: Path,
) -> None:
    """`--teacher`, `--top` and `--report_rows` have tests of their own."""
    assert diagnose("--model", whole_run, "--data", trained[1], "--out", tmp_path / "out", f"--{option}", value) == 0
    result, default = result_in(tmp_path / "out"), result_in(found)
    assert read(result) != read(default)
    assert result["settings"][option] != default["settings"][option]


def test_number_of_wrong_names(trained: tuple[Path, Path], tmp_path: Path) -> None:
    listed = []
    for top in (1, 3):
        out = tmp_path / str(top)
        arguments = ("--model", trained[0], "--data", trained[1], "--unseen", "sun, sky, grass", "--top", top)
        assert diagnose(*arguments, "--out", out) == 0
        listed.append(max(len(each["predicted_as"]) for each in result_in(out)["confusions"]))
        assert result_in(out)["settings"]["top"] == top
    assert listed[0] == 1 < listed[1] <= 3


def test_so_many_photos_in_the_picture(
    trained: tuple[Path, Path], whole_run: Path, found: Path, tmp_path: Path
) -> None:
    arguments = ("--model", whole_run, "--data", trained[1], "--out", tmp_path / "out", "--report_rows", 1)
    assert diagnose(*arguments) == 0
    heights = []
    for out in (tmp_path / "out", found):
        with Image.open(out / "attention.png") as picture:
            heights.append(picture.height)
    assert heights[0] < heights[1]
    assert result_in(tmp_path / "out")["settings"]["report_rows"] == 1


def test_a_known_protocol_is_tested_in_its_own_way(
    trained: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipelines = []

    def spy(segmenter: Segmenter, *others: object) -> NoReturn:
        pipelines.append(segmenter.settings.pipeline)
        raise ValueError("enough")

    write_voc12(tmp_path / "voc")
    monkeypatch.setattr("clipteacher.cli.diagnosis.student_predictions", spy)
    assert diagnose("--model", trained[0], "--data", trained[1]) == 2
    assert diagnose("--model", trained[0], "--data", tmp_path / "voc", "--protocol", "voc12-15-5") == 2
    assert pipelines == [OWN_SIZE, VOC12_15_5.test]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--unseen", ""], "unseen"),
        (["--unseen", "sum"], "Did you mean 'sun'?"),
        (["--photos", "-1"], "photos"),
        (["--top", "0"], "top"),
        (["--report_rows", "0"], "report_rows"),
        (["--min_area", "2"], "min_area"),
        (["--calibrations", "[.inf]"], "calibration: got inf"),
        (["--split", "test"], "no such folder"),
        (["--out", "a_file"], "is a file"),
        (["--protocol", "voc12-15-5", "--unseen", "sun"], "Leave out one of the two"),
    ],
)
def test_wrong_input(
    arguments: list[str],
    message: str,
    trained: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a_file").write_text("")
    assert diagnose("--model", trained[0], "--data", trained[1], *arguments) == 2
    assert message in capsys.readouterr().err


def test_no_unseen_class(trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_folder(tmp_path / "data", {"val": 1})
    config = json.loads((trained[0] / "model" / "config.json").read_text())
    model = Path(shutil.copytree(trained[0] / "model", tmp_path / "model"))
    (model / "config.json").write_text(json.dumps(config | {"unseen": [], "seen": list(NAMES)}))
    assert diagnose("--model", model, "--data", folder, "--out", tmp_path / "out") == 2
    assert "unseen: got none of the 4 classes, expected at least one" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "is no YAML"),
        ("[1]", "has no class for model.teacher"),
        ("model: {teacher: {class_path: torch.nn.Identity}}", "Identity without width"),
        ("model: {teacher: {class_path: no.such.Thing}}", "no.such"),
        ("model: {teacher: {class_path: torch.nn.Identity}, method: {glm: {scal: 1}}}", "scal"),
        ("model: {teacher: {class_path: torch.nn.Identity}, glm: {scale: 1}}", "under model.method"),
        ("model: {teacher: {spec: {name: x}}}", "was started from Python"),
        ("preset: best\nmodel: {teacher: {class_path: torch.nn.Identity}}", "preset: got 'best'"),
    ],
)
def test_a_bad_configuration(
    text: str,
    message: str,
    whole_run: Path,
    trained: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = Path(shutil.copytree(whole_run, tmp_path / "run"))
    (run / "config.yaml").write_text(text)
    assert diagnose("--model", run, "--data", trained[1]) == 2
    assert message in capsys.readouterr().err


def test_no_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert diagnose("--model", tmp_path, "--data", tmp_path) == 2
    assert "no config.json" in capsys.readouterr().err
