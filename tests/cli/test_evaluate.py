"""`clipteacher evaluate` on a finished run: the run's own scores again, other folders, other words."""

import json
import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rich
import torch
from PIL import Image
from tests.data.tiny_copies import write_voc12
from torch import Tensor

from clipteacher.cli.main import main
from clipteacher.data.files import read_image, read_values
from clipteacher.evaluation.evaluate import pooled_confusion
from clipteacher.inference import DensePrediction
from clipteacher.protocols import VOC12_15_5
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.teachers.openclip import OpenClipText

NAMES = ["sky", "grass", "sun", "house"]


def evaluate(run: Path, folder: Path, out: Path, *more: str) -> dict[str, Any]:
    main(["evaluate", "--model", str(run / "model"), "--data", str(folder), "--out", str(out), *more])
    result: dict[str, Any] = json.loads(out.read_text())
    return result


def fails(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """The one message of a failing command; no traceback, no result."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main(["evaluate", *map(str, arguments)])
    assert stop.value.code == 2
    out, err = capsys.readouterr()
    assert "IoU" not in out
    assert err.count("clipteacher: error: ") == 1
    return err


def relabelled(folder: Path, root: Path, names: Sequence[str], ids: Sequence[int]) -> Path:
    """The val photos under other class names; `ids` are the new ids of the old ones, 255 for none."""
    shutil.copytree(folder / "images" / "val", root / "images" / "val")
    (root / "masks" / "val").mkdir(parents=True)
    (root / "classes.txt").write_text("\n".join(names))
    table = np.full(256, 255, np.uint8)
    table[: len(ids)] = ids
    for path in (folder / "masks" / "val").iterdir():
        Image.fromarray(table[read_values(path)]).save(root / "masks" / "val" / path.name)
    return root


def test_the_runs_own_scores_to_the_bit(trained: tuple[Path, Path], tmp_path: Path) -> None:
    run, folder = trained
    result = evaluate(run, folder, tmp_path / "scores.json", "--split", "val")
    assert (tmp_path / "scores.json").read_bytes() == (run / "metrics.json").read_bytes()
    assert all(0 < share < 1 for share in result["IoU"].values()), "a test worth its name predicts every class"


def test_the_table_says_what_the_file_says(
    trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = evaluate(*trained, tmp_path / "scores.json")
    out = capsys.readouterr().out
    assert "drawn-3-1" in out
    for key in ("pAcc", "mIoU_seen", "mIoU_unseen", "hIoU"):
        assert f"{100 * result[key]:.1f}" in out, key
    assert "* sun" in out
    for name in NAMES:
        assert f"{100 * result['IoU'][name]:.1f}" in out, name


def test_without_out_the_table_alone(trained: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    main(["evaluate", "--model", str(trained[0] / "model"), "--data", str(trained[1])])
    assert "drawn-3-1" in capsys.readouterr().out


def test_another_split_and_a_name_for_the_protocol(trained: tuple[Path, Path], tmp_path: Path) -> None:
    result = evaluate(*trained, tmp_path / "scores.json", "--split", "train", "--protocol", "on its own lessons")
    assert result["protocol"] == "on its own lessons"
    own = json.loads((trained[0] / "metrics.json").read_text())
    assert result["pAcc"] != own["pAcc"]


@pytest.mark.parametrize(("unseen", "label"), [(["grass", "sky"], "2-2"), ([], "4-0"), (["house"], "3-1")])
def test_other_unseen_names(trained: tuple[Path, Path], tmp_path: Path, unseen: list[str], label: str) -> None:
    own = json.loads((trained[0] / "metrics.json").read_text())
    result = evaluate(*trained, tmp_path / "scores.json", "--unseen", f"[{', '.join(unseen)}]")
    assert result["protocol"] == f"drawn-{label}"
    assert result["IoU"] == own["IoU"]
    assert result["pAcc"] == own["pAcc"]
    groups = {"mIoU_unseen": unseen, "mIoU_seen": [name for name in NAMES if name not in unseen]}
    for key, names in groups.items():
        if names:
            assert result[key] == pytest.approx(sum(own["IoU"][name] for name in names) / len(names))
        else:
            assert result[key] is None
            assert result["hIoU"] is None
    if unseen:
        seen_mean, unseen_mean = result["mIoU_seen"], result["mIoU_unseen"]
        assert result["hIoU"] == pytest.approx(2 / (1 / seen_mean + 1 / unseen_mean))


@pytest.mark.parametrize("given", [["--unseen", "grass, sky"], ["--unseen+=sky", "--unseen+=grass"]])
def test_unseen_names_without_brackets(trained: tuple[Path, Path], tmp_path: Path, given: list[str]) -> None:
    result = evaluate(*trained, tmp_path / "scores.json", *given)
    assert result == evaluate(*trained, tmp_path / "again.json", "--unseen", "[grass, sky]")


def test_one_unseen_name_without_brackets(trained: tuple[Path, Path], tmp_path: Path) -> None:
    result = evaluate(*trained, tmp_path / "scores.json", "--unseen", "sky")
    assert result["mIoU_unseen"] == result["IoU"]["sky"]


def test_the_same_classes_in_another_order(trained: tuple[Path, Path], tmp_path: Path) -> None:
    run, folder = trained
    other = relabelled(folder, tmp_path / "drawn", ["house", "sun", "sky", "grass"], [2, 3, 1, 0])
    result, own = evaluate(run, other, tmp_path / "scores.json"), json.loads((run / "metrics.json").read_text())
    assert result["IoU"] == own["IoU"]
    assert list(result["IoU"]) == ["house", "sun", "sky", "grass"]
    for key in ("protocol", "pAcc", "mIoU_seen", "mIoU_unseen", "hIoU"):
        assert result[key] == pytest.approx(own[key]), key


def naive_scores(run: Path, folder: Path, columns: Sequence[int]) -> tuple[list[float], float]:
    """IoU of each name and pixel accuracy by sets of pixels, the model's own scores cut to some columns."""
    segmenter = Segmenter.from_pretrained(run / "model")
    truths, predictions = [], []
    for path in sorted((folder / "images" / "val").iterdir()):
        image = torch.from_numpy(read_image(path)).permute(2, 0, 1).float() / 255
        with torch.inference_mode():
            logits = DensePrediction(segmenter.student, image.unsqueeze(0)).logits(segmenter.classifier)
        predictions.append(logits[0, list(columns)].argmax(dim=0).numpy().ravel())
        truths.append(read_values(folder / "masks" / "val" / path.name).ravel())
    truth, prediction = np.concatenate(truths), np.concatenate(predictions)
    truth, prediction = truth[truth != 255], prediction[truth != 255]
    iou = []
    for n in range(len(columns)):
        union = np.sum((truth == n) | (prediction == n))
        iou.append(float(np.sum((truth == n) & (prediction == n)) / union) if union else math.nan)
    return iou, float(np.mean(truth == prediction))


def test_some_of_the_classes(trained: tuple[Path, Path], tmp_path: Path) -> None:
    """Names that are not asked for cannot be predicted."""
    run, folder = trained
    other = relabelled(folder, tmp_path / "fewer", ["house", "sky"], [1, 255, 255, 0])
    result = evaluate(run, other, tmp_path / "scores.json")
    iou, accuracy = naive_scores(run, other, [3, 0])
    assert result["protocol"] == "fewer-2-0"
    assert list(result["IoU"].values()) == pytest.approx(iou)
    assert result["pAcc"] == pytest.approx(accuracy)
    assert result["mIoU_unseen"] is None
    own = json.loads((run / "metrics.json").read_text())
    assert result["IoU"]["sky"] > own["IoU"]["sky"]


def test_a_name_that_the_model_never_had(
    trained: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, folder = trained
    other = relabelled(folder, tmp_path / "farm", ["sky", "red barn", "sun", "grass"], [0, 3, 2, 1])
    asked: list[tuple[str, ...]] = []
    encode = OpenClipText.encode_text

    def spy(self: OpenClipText, names: Sequence[str]) -> Tensor:
        asked.append(tuple(names))
        return encode(self, names)

    monkeypatch.setattr(OpenClipText, "encode_text", spy)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # other tests ask for the word too
    result = evaluate(run, other, tmp_path / "scores.json", "--unseen", "[red barn, sun]")
    assert asked == [("red barn",)]
    assert result["protocol"] == "farm-2-2"
    assert list(result["IoU"]) == ["sky", "red barn", "sun", "grass"]
    assert result["mIoU_unseen"] == pytest.approx((result["IoU"]["red barn"] + result["IoU"]["sun"]) / 2)
    segmenter = Segmenter.from_pretrained(run / "model").with_names(["sky", "red barn", "sun", "grass"])
    photo = torch.from_numpy(read_image(other / "images" / "val" / "scene0.png")).permute(2, 0, 1).float() / 255
    assert (segmenter.segment(photo).labels == 1).any(), "the new word is predicted somewhere"


def test_a_name_that_the_model_never_had_is_unseen(trained: tuple[Path, Path], tmp_path: Path) -> None:
    run, folder = trained
    other = relabelled(folder, tmp_path / "farm", ["sky", "red barn", "sun", "grass"], [0, 3, 2, 1])
    assert evaluate(run, other, tmp_path / "scores.json")["protocol"] == "farm-2-2"


def test_new_classes_alone(trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a seen class there is no S and no hIoU; U and every IoU are scored."""
    run, folder = trained
    other = relabelled(folder, tmp_path / "farm", ["red barn", "meadow"], [255, 1, 255, 0])
    result = evaluate(run, other, tmp_path / "scores.json")
    assert result["protocol"] == "farm-0-2"
    assert (result["mIoU_seen"], result["hIoU"]) == (None, None)
    present = [iou for iou in result["IoU"].values() if iou is not None]
    assert result["mIoU_unseen"] == pytest.approx(sum(present) / len(present))
    out = capsys.readouterr().out
    assert out.count("absent") >= 2
    assert f"{100 * result['mIoU_unseen']:.1f}" in out
    assert "* red barn" in out


def test_wrong_input_ends_with_one_message(
    trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, folder = trained
    out = tmp_path / "scores.json"
    model = ("--model", run / "model", "--out", out)
    assert "no config.json in" in fails(capsys, "--model", tmp_path, "--data", folder, "--out", out)
    assert str(tmp_path / "no") in fails(capsys, "--model", tmp_path / "no", "--data", folder, "--out", out)
    assert f"{tmp_path / 'no'}/classes.txt: no such file" in fails(capsys, *model, "--data", tmp_path / "no")
    message = fails(capsys, *model, "--data", folder, "--split", "test")
    assert "expected split 'test'" in message
    assert "train, val" in message
    for unseen in ("[sum]", "sum"):
        assert "Did you mean 'sun'" in fails(capsys, *model, "--data", folder, "--unseen", unseen)
    assert "'sun' twice" in fails(capsys, *model, "--data", folder, "--unseen", "[sun, sun]")
    assert not out.exists()


def test_a_split_without_photos(trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = relabelled(trained[1], tmp_path / "other", NAMES, range(4))
    for kind in ("images", "masks"):
        (other / kind / "test").mkdir()
    message = fails(capsys, "--model", trained[0] / "model", "--data", other, "--split", "test")
    assert "got no photo" in message
    assert str(other / "images" / "test") in message


def test_a_bad_mask_is_named_and_no_scores_are_written(
    trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = relabelled(trained[1], tmp_path / "other", NAMES, [0, 1, 2, 77])
    out = tmp_path / "scores.json"
    message = fails(capsys, "--model", trained[0] / "model", "--data", other, "--out", out)
    assert "scene0.png" in message
    assert "got value 77" in message
    assert not out.exists()
    # A bar left alive would take another bar's place on the screen with it when it is collected.
    assert not rich.get_console()._live_stack


def test_a_new_name_where_the_text_tower_is_gone(
    trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = relabelled(trained[1], tmp_path / "farm", ["sky", "red barn", "sun", "grass"], [0, 3, 2, 1])
    model = tmp_path / "model"
    shutil.copytree(trained[0] / "model", model)
    config = json.loads((model / "config.json").read_text())
    gone = tmp_path / "gone.safetensors"
    config["text_encoder"]["pretrained"] = str(gone)
    (model / "config.json").write_text(json.dumps(config))
    assert str(gone) in fails(capsys, "--model", model, "--data", other)
    config["text_encoder"] = None
    (model / "config.json").write_text(json.dumps(config))
    message = fails(capsys, "--model", model, "--data", other)
    assert "['red barn'] are not among the model's own" in message


def test_a_known_protocol_reads_its_own_data(
    trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its name selects the reader, so a folder of one's own is not what it wants; nor are other unseen names."""
    model = ("--model", trained[0] / "model", "--data", trained[1])
    assert "clipteacher prepare voc12" in fails(capsys, *model, "--protocol", "voc12-15-5")
    message = fails(capsys, *model, "--protocol", "voc12-15-5", "--unseen", "cat")
    assert "unseen: got cat beside protocol voc12-15-5" in message
    assert "got 4 names, expected the 21" in fails(capsys, *model, "--protocol", "msrc21-16-5")


def test_a_known_protocol_is_tested_in_its_own_way(tmp_path: Path, trained: tuple[Path, Path]) -> None:
    """A folder is tested as the model is; a protocol brings its size and windows."""
    pipelines: list[Any] = []

    def spy(segmenter: Segmenter, samples: object, num_true: int) -> Tensor:
        pipelines.append(segmenter.settings.pipeline)
        return pooled_confusion(segmenter, [], num_true)

    write_voc12(tmp_path / "voc")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("clipteacher.evaluation.evaluate.pooled_confusion", spy)
        evaluate(trained[0], trained[1], tmp_path / "own.json")
        evaluate(trained[0], tmp_path / "voc", tmp_path / "voc.json", "--protocol", "voc12-15-5")
    assert pipelines == [Segmenter.from_pretrained(trained[0] / "model").settings.pipeline, VOC12_15_5.test]
    assert pipelines[0] != pipelines[1]
    assert VOC12_15_5.test.mode == "slide"


def test_a_runs_folder_stands_for_its_model(trained: tuple[Path, Path]) -> None:
    run, _ = trained
    expected = Segmenter.from_pretrained(run / "model")
    found = Segmenter.from_pretrained(run)
    assert found.class_names == expected.class_names
    assert torch.equal(found.text_features, expected.text_features)
