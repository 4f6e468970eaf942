"""OnnxSegmenter answers as Segmenter does, and says what is wrong with a file."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image
from tests.onnx.models import NAMES, WIDTH, photo, segmenter, vectors

from clipteacher.inference import TestSettings, placement
from clipteacher.onnx.export import export_onnx
from clipteacher.onnx.metadata import OnnxMetadata
from clipteacher.onnx.segmenter import OnnxSegmenter
from clipteacher.protocols.protocol import TestPipeline
from clipteacher.segmenter.segmentation import NONE

PIPELINES = (
    TestPipeline(short_side=None, mode="whole"),
    TestPipeline(short_side=48, mode="whole"),
    TestPipeline(short_side=80, mode="slide", crop=64, stride=40),
    TestPipeline(short_side=None, mode="slide", crop=32, stride=32),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """compiled.onnx and text.onnx of one segmenter."""
    path = tmp_path_factory.mktemp("onnx")
    export_onnx(segmenter(), path / "compiled.onnx")
    export_onnx(segmenter(), path / "text.onnx", text_input=True)
    return path


def same(found: np.ndarray, expected: np.ndarray) -> bool:
    return found.dtype == expected.dtype and found.shape == expected.shape and bool(np.mean(found == expected) >= 0.999)


@pytest.mark.parametrize("text_input", [False, True])
@pytest.mark.parametrize("pipeline", PIPELINES)
def test_it_answers_as_the_segmenter_does(pipeline: TestPipeline, text_input: bool, tmp_path: Path) -> None:
    model, path = segmenter(pipeline=pipeline), tmp_path / "student.onnx"
    export_onnx(model, path, text_input=text_input)
    other = OnnxSegmenter(path, threads=1)
    assert (other.class_names, other.unseen, other.metadata.settings.pipeline) == (NAMES, ("cat",), pipeline)
    for size in ((70, 91), (33, 64)):
        image = photo(*size)
        expected, found = model.segment(image, return_logits=True), other.segment(image, return_logits=True)
        assert same(found.labels, expected.labels)
        assert found.class_names == expected.class_names
        assert found.logits is not None
        assert expected.logits is not None
        np.testing.assert_allclose(found.logits, expected.logits, atol=1e-4)
        assert same(other.segment(image).labels, expected.labels)


def test_a_large_photo_is_seen_smaller_as_the_segmenter_sees_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placement, "MOST_PIXELS", 2450)
    image, model, other = photo(70, 91), segmenter(), OnnxSegmenter(folder / "text.onnx")
    expected = segmenter(pipeline=TestPipeline(short_side=43, mode="whole")).segment(image, threshold=0.1)
    assert (other.settings, expected.labels.shape) == (TestSettings(), (70, 91))
    assert np.array_equal(model.segment(image, threshold=0.1).labels, expected.labels)
    assert same(other.segment(image, threshold=0.1).labels, expected.labels)


@pytest.mark.parametrize("file", ["compiled.onnx", "text.onnx"])
def test_some_of_its_names_in_another_order(folder: Path, file: str) -> None:
    image, other = photo(50, 61), OnnxSegmenter(folder / file)
    names = ["tree", "sky", "cat"]
    expected, found = segmenter().segment(image, names), other.segment(image, names)
    assert found.class_names == tuple(names)
    assert same(found.labels, expected.labels)
    shared = other.with_names(names)
    assert (shared.class_names, shared.unseen, other.class_names) == (tuple(names), ("cat",), NAMES)
    assert same(shared.segment(image).labels, expected.labels)
    assert same(shared.segment(image, list(NAMES)).labels, other.segment(image).labels)


@pytest.mark.parametrize("file", ["compiled.onnx", "text.onnx"])
def test_words_that_compete(folder: Path, file: str) -> None:
    image = photo(50, 61)
    expected = segmenter().segment(image, ["tree", "sky"], background_prompts=["cat", "tree", "sea"])
    found = OnnxSegmenter(folder / file).segment(
        image, ["tree", "sky"], background_prompts=["cat", "tree", "sea"], return_logits=True
    )
    assert (expected.labels == NONE).any()
    assert same(found.labels, expected.labels)
    assert found.logits is not None
    assert found.logits.shape == (2, 50, 61)


@pytest.mark.parametrize("threshold", [-1.0, 0.33, 0.4, 1.0])
def test_a_threshold(folder: Path, threshold: float) -> None:
    image = photo(50, 61)
    expected = segmenter().segment(image, threshold=threshold)
    found = OnnxSegmenter(folder / "text.onnx").segment(image, threshold=threshold)
    assert same(found.labels, expected.labels)
    assert expected.none_area == pytest.approx({-1.0: 0, 0.33: 0.09, 0.4: 0.34, 1.0: 1}[threshold], abs=0.02)
    with pytest.raises(ValueError, match="threshold: got one for a file with its names compiled in"):
        OnnxSegmenter(folder / "compiled.onnx").segment(image, threshold=threshold)


def test_any_words_by_their_vectors(folder: Path) -> None:
    image, names, new = photo(50, 61), ["owl", "mill", "sky"], vectors(9)[6:]
    model = segmenter()
    expected = type(model)(model.student, names, new).segment(image)
    found = OnnxSegmenter(folder / "text.onnx").segment(image, names, text_features=new.numpy())
    assert same(found.labels, expected.labels)
    assert found.class_names == tuple(names)
    rival = OnnxSegmenter(folder / "text.onnx").segment(
        image, names, text_features=new.numpy(), background_prompts=["cat"]
    )
    assert rival.none_area > 0


def test_what_a_file_does_not_take(folder: Path) -> None:
    compiled, text, image = OnnxSegmenter(folder / "compiled.onnx"), OnnxSegmenter(folder / "text.onnx"), photo(9, 9)
    with pytest.raises(ValueError, match=r"\['owl'\] are not among the file's own \(sky, .*export --classes"):
        compiled.segment(image, ["owl", "cat"])
    with pytest.raises(ValueError, match=r"\['owl'\] are not among .*text_features="):
        text.segment(image, ["owl"])
    with pytest.raises(ValueError, match="owl"):
        text.segment(image, background_prompts=["owl"])
    with pytest.raises(ValueError, match="text_features: got some for a file with its names compiled in"):
        compiled.segment(image, ["owl"], text_features=vectors(1).numpy())
    for shape in ((2, WIDTH), (1, WIDTH + 1), (WIDTH,)):
        with pytest.raises(ValueError, match=r"text_features: got shape .* expected \(1, 24\)"):
            text.segment(image, ["owl"], text_features=np.zeros(shape))
    with pytest.raises(ValueError, match="text_features: got NaN or infinity"):
        text.segment(image, ["owl"], text_features=np.full((1, WIDTH), np.nan))
    own = compiled.class_names
    assert compiled.with_names(f"{own[1]}; '{own[0]}',").class_names == (own[1], own[0])
    for names in ("'sky", [], ["sky", "sky"], [" "]):
        with pytest.raises(ValueError, match="classes: got"):
            compiled.segment(image, names)
        with pytest.raises(ValueError, match="classes: got"):
            compiled.with_names(names)
    with pytest.raises(ValueError, match="threads: got 0"):
        OnnxSegmenter(folder / "text.onnx", threads=0)


def test_photos_of_all_sorts(folder: Path, tmp_path: Path) -> None:
    other, pixels = OnnxSegmenter(folder / "compiled.onnx"), (photo(20, 31) * 255).byte().permute(1, 2, 0).numpy()
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    expected = other.segment(pixels).labels
    for given in (tmp_path / "photo.png", str(tmp_path / "photo.png"), Image.fromarray(pixels), photo(20, 31)):
        assert same(other.segment(given).labels, expected)
    assert other.segment(np.zeros((1, 1), np.uint8)).labels.shape == (1, 1)
    assert other.segment(np.zeros((1, 500), np.uint8)).labels.shape == (1, 500)


def test_a_file_that_is_missing_damaged_or_of_somebody_else(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no file .*no\.onnx\. Write it: clipteacher export"):
        OnnxSegmenter(tmp_path / "no.onnx")
    whole = (folder / "compiled.onnx").read_bytes()
    for number, content in enumerate([b"", b"not a network", whole[: len(whole) // 2]]):
        damaged = tmp_path / f"{number}.onnx"
        damaged.write_bytes(content)
        with pytest.raises(ValueError, match=rf"{number}\.onnx(:| cannot be read)"):
            OnnxSegmenter(damaged)
    node = helper.make_node("Relu", ["x"], ["y"])
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    graph = helper.make_graph([node], "other", values[:1], values[1:])
    other = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(other, tmp_path / "other.onnx")
    with pytest.raises(ValueError, match=r"other\.onnx: got no entry clipteacher_format, expected format 2"):
        OnnxSegmenter(tmp_path / "other.onnx")
    for names, features in (('["a"]', "%%%"), ('"abc"', "AAAA"), ("[1]", "AAAA")):
        helper.set_model_props(other, {"clipteacher_format": "2", "class_names": names, "text_features": features})
        onnx.save(other, tmp_path / "half.onnx")
        with pytest.raises(ValueError, match=r"half\.onnx: the entries are damaged .*Export the model again"):
            OnnxSegmenter(tmp_path / "half.onnx")


def entries(file: Path) -> dict[str, str]:
    return {entry.key: entry.value for entry in onnx.load(str(file)).metadata_props}


def test_entries_that_do_not_fit_the_graph(folder: Path, tmp_path: Path) -> None:
    """Such a file would give wrong names, or an error of onnxruntime's in the middle of the work."""
    model, own = onnx.load(str(folder / "compiled.onnx")), entries(folder / "compiled.onnx")
    helper.set_model_props(model, own | {"class_names": '["a", "b"]', "unseen": "[]"})
    onnx.save(model, tmp_path / "names.onnx")
    with pytest.raises(ValueError, match=r"names\.onnx gives 5 logits a pixel, expected 2"):
        OnnxSegmenter(tmp_path / "names.onnx").segment(photo(9, 9))
    helper.set_model_props(model, entries(folder / "text.onnx"))
    onnx.save(model, tmp_path / "text.onnx")
    with pytest.raises(ValueError, match="got a graph from images to labels, logits, expected"):
        OnnxSegmenter(tmp_path / "text.onnx")
    data = (folder / "compiled.onnx").read_bytes().replace(b'"old chair"', b'"old \xff\xfeair"')
    (tmp_path / "signs.onnx").write_bytes(data)
    with pytest.raises(ValueError, match=r"signs\.onnx: the entries are damaged .*Export the model again"):
        OnnxSegmenter(tmp_path / "signs.onnx")


def test_a_file_whose_weights_lie_in_another_that_is_missing(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model, file = onnx.load(str(folder / "compiled.onnx")), tmp_path / "student.onnx"
    onnx.save(model, file, save_as_external_data=True, location="weights", size_threshold=0)
    assert same(OnnxSegmenter(file).segment(photo(9, 9)).labels, segmenter().segment(photo(9, 9)).labels)
    (tmp_path / "weights").unlink()
    with pytest.raises(ValueError, match=r"student\.onnx cannot be read .*weights") as caught:
        OnnxSegmenter(file)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", ""), "onnxruntime prints nothing beside the error"


@pytest.mark.parametrize("stored", [None, vectors(2).numpy()])
def test_entries_come_back(stored: np.ndarray | None) -> None:
    about = OnnxMetadata(
        version="9",
        class_names=("a, b", "né 猫"),
        unseen=("a, b",),
        settings=TestSettings(PIPELINES[2], pad_multiple=16),
        normalisation={"inside": True},
        text_features=stored,
    )
    again = OnnxMetadata.of(about.entries())
    for name in ("version", "class_names", "unseen", "settings", "normalisation"):
        assert getattr(again, name) == getattr(about, name), name
    if stored is None:
        assert again.text_features is None
    else:
        assert again.text_features is not None
        assert np.array_equal(again.text_features, stored)
    assert not {"calibration", "seen"} & about.entries().keys()
    with pytest.raises(ValueError, match="got 1, expected format 2"):
        OnnxMetadata.of({**about.entries(), "clipteacher_format": "1"})


def test_the_format_is_what_other_programs_read() -> None:
    """Keys and values are a format: whoever reads them in another language depends on them."""
    about = OnnxMetadata(
        version="9",
        class_names=("a", "猫"),
        unseen=("a",),
        settings=TestSettings(PIPELINES[2], pad_multiple=16, calibration=0.25),
        normalisation={"inside": True},
        text_features=np.array([[1.0, 0.0], [0.5, -2.0]], dtype=np.float32),
        seen=("猫", "dog"),
    )
    entries = about.entries()
    assert entries.pop("text_features") == "AACAPwAAAAAAAAA/AAAAwA=="
    assert np.array(json.loads(entries.pop("colours"))).shape == (2, 3)
    assert entries == {
        "clipteacher_format": "2",
        "clipteacher_version": "9",
        "class_names": '["a", "猫"]',
        "unseen": '["a"]',
        "seen": '["猫", "dog"]',
        "calibration": "0.25",
        "pad_multiple": "16",
        "test_pipeline": '{"short_side": 80, "mode": "slide", "crop": 64, "stride": 40}',
        "normalisation": '{"inside": true}',
    }


def test_photos_of_8_bits_and_of_floating_point_give_the_same_ids(folder: Path) -> None:
    pixels = (photo(40, 53) * 255).byte().permute(1, 2, 0).numpy()
    for file in ("compiled.onnx", "text.onnx"):
        other = OnnxSegmenter(folder / file)
        assert np.array_equal(other.segment(pixels).labels, other.segment(pixels.astype(np.float32) / 255).labels)
        found = other.segment(pixels)
        assert found.photo is not None
        assert np.array_equal(found.photo, pixels)
