"""`clipteacher export` and `clipteacher segment --onnx` on a finished run."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from clipteacher.cli.main import main
from clipteacher.onnx.export import export_onnx
from clipteacher.onnx.segmenter import OnnxSegmenter
from clipteacher.protocols.protocol import TestPipeline
from clipteacher.segmenter.segmenter import Segmenter

NAMES = ("sky", "grass", "sun", "house")


def export(run: Path, file: Path, *arguments: str) -> None:
    main(["export", "--model", str(run / "model"), "--onnx", str(file), *arguments])


def fails(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main(list(map(str, arguments)))
    assert stop.value.code == 2
    printed, err = capsys.readouterr()
    assert "Written" not in printed
    assert err.count("clipteacher: error: ") == 1
    return err


def read_ids(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.array(picture)


def test_segmenter_compiled_and_onnx_give_one_label_map(
    trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, folder = trained
    file, photo = tmp_path / "new" / "student.onnx", folder / "images" / "val" / "scene0.png"
    export(run, file)
    printed = capsys.readouterr().out
    assert "Ids: 0 sky, 1 grass, 2 sun, 3 house" in printed
    assert "As PyTorch: 100.000 % of the pixels or more, at three sizes" in printed
    assert f"Written: {file}, " in printed
    assert "windows" not in printed
    model = Segmenter.from_pretrained(run / "model")
    expected = model.segment(photo).labels
    assert len(np.unique(expected)) > 1
    assert np.mean(model.to_closed_set().segment(photo).labels == expected) >= 0.999
    main(["segment", str(photo), "--onnx", str(file), "--out", str(tmp_path / "onnx")])
    assert "Ids: 0 sky, 1 grass, 2 sun, 3 house" in capsys.readouterr().out
    main(["segment", str(photo), "--model", str(run / "model"), "--out", str(tmp_path / "torch")])
    onnx, torch = (read_ids(tmp_path / name / "scene0_ids.png") for name in ("onnx", "torch"))
    assert np.mean(onnx == torch) >= 0.999
    assert np.array_equal(torch, expected)


def test_classes_of_ones_own(trained: tuple[Path, Path], tmp_path: Path) -> None:
    run, folder = trained
    photo = folder / "images" / "val" / "scene0.png"
    export(run, tmp_path / "words.onnx", "--classes", "red barn, grass")
    segmenter = OnnxSegmenter(tmp_path / "words.onnx")
    assert segmenter.class_names == ("red barn", "grass")
    expected = Segmenter.from_pretrained(run / "model").segment(photo, ["red barn", "grass"]).labels
    assert np.mean(segmenter.segment(photo).labels == expected) >= 0.999


def test_text_input_and_all_that_segment_takes(trained: tuple[Path, Path], tmp_path: Path) -> None:
    run, folder = trained
    file, photo = tmp_path / "student.onnx", folder / "images" / "val" / "scene1.png"
    export(run, file, "--text-input", "--opset", "18")
    assert [given.name for given in onnxruntime.InferenceSession(file).get_inputs()] == ["images", "text_features"]
    asked = ["--classes", "house, sky", "--background_own", "--threshold", "0.1", "--areas"]
    results = []
    for name, source in (("onnx", ["--onnx", str(file)]), ("torch", ["--model", str(run / "model")])):
        out = tmp_path / name
        main(["segment", str(photo), *source, *asked, str(tmp_path / f"{name}.json"), "--out", str(out)])
        results.append(read_ids(out / "scene1_ids.png"))
        assert (tmp_path / f"{name}.json").is_file()
    assert np.mean(results[0] == results[1]) >= 0.999
    assert 255 in results[1]


def test_a_model_that_is_tested_in_windows(
    trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline = TestPipeline(short_side=96, mode="slide", crop=64, stride=48)
    model = Segmenter.from_pretrained(trained[0] / "model").with_settings(pipeline=pipeline)
    model.save_pretrained(tmp_path / "run" / "model")
    export(tmp_path / "run", tmp_path / "student.onnx")
    assert "The graph takes a whole image at its own size" in capsys.readouterr().out
    photo = trained[1] / "images" / "val" / "scene2.png"
    found = OnnxSegmenter(tmp_path / "student.onnx").segment(photo).labels
    assert np.mean(found == model.segment(photo).labels) >= 0.999


def test_wrong_input_ends_with_one_message_and_no_file(
    trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, file = trained[0] / "model", tmp_path / "student.onnx"
    there = ("export", "--model", model, "--onnx", file)
    assert "no config.json" in fails(capsys, "export", "--model", tmp_path, "--onnx", file)
    assert "no/such" in fails(capsys, "export", "--model", tmp_path / "no/such", "--onnx", file)
    for classes in ("sky, sky", "", "sky,,grass"):
        assert "classes: got" in fails(capsys, *there, "--classes", classes)
    assert "opset: got 9, expected one of" in fails(capsys, *there, "--opset", "9")
    assert "ends in .onnx" in fails(capsys, "export", "--model", model, "--onnx", tmp_path / "student.pt")
    (tmp_path / "a file").write_text("")
    message = fails(capsys, "export", "--model", model, "--onnx", tmp_path / "a file" / "student.onnx")
    assert f"but {tmp_path / 'a file'} is a file. Name another --onnx." in message
    assert [item.name for item in tmp_path.iterdir()] == ["a file"]


def test_an_unknown_class_where_there_is_no_text_tower(
    trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = Segmenter.from_pretrained(trained[0] / "model")
    model.text_spec = None
    model.save_pretrained(tmp_path / "model")
    message = fails(
        capsys, "export", "--model", tmp_path / "model", "--onnx", tmp_path / "s.onnx", "--classes", "red barn, sky"
    )
    assert "['red barn'] are not among the model's own" in message
    assert not (tmp_path / "s.onnx").exists()


def test_segment_with_a_file_that_does_not_do(
    trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo, file = trained[1] / "images" / "val" / "scene0.png", tmp_path / "student.onnx"
    segment = ("segment", photo, "--out", tmp_path / "out")
    assert "no file" in fails(capsys, *segment, "--onnx", file)
    file.write_bytes(b"no network")
    assert "student.onnx cannot be read" in fails(capsys, *segment, "--onnx", file)
    export_onnx(Segmenter.from_pretrained(trained[0] / "model"), file)
    assert "['owl'] are not among the file's own" in fails(capsys, *segment, "--onnx", file, "--classes", "owl, sky")
    assert "['owl'] are not" in fails(capsys, *segment, "--onnx", file, "--background_prompts", "owl")
    assert "threshold: got one for a file" in fails(capsys, *segment, "--onnx", file, "--threshold", "0.2")
    assert "expected one of --model DIR and --onnx FILE" in fails(capsys, *segment)
    both = ("--onnx", file, "--model", trained[0] / "model")
    assert "expected one of --model DIR and --onnx FILE" in fails(capsys, *segment, *both)
    assert not (tmp_path / "out").exists()
