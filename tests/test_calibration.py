"""Calibration from the segmenter to disk, fused into a closed set, as ONNX, and on the command line."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from numpy.typing import NDArray
from tests.onnx.models import NAMES, WIDTH, own, photo, vectors
from tests.stand_ins import StandInText
from torch import nn

from clipteacher.cli.main import main
from clipteacher.inference import DensePrediction, TestSettings, TextClassifier
from clipteacher.onnx.export import export_onnx
from clipteacher.onnx.metadata import OnnxMetadata
from clipteacher.onnx.segmenter import OnnxSegmenter
from clipteacher.protocols.protocol import TestPipeline
from clipteacher.segmenter.closed_set import ClosedSetSegmenter, fuse_text
from clipteacher.segmenter.segmentation import NONE
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.storage.model_card import model_card
from clipteacher.storage.saved_model import read_config

SLIDE = TestPipeline(short_side=48, mode="slide", crop=32, stride=24)
GAMMA = 0.1


def segmenter(student: nn.Module | None = None, **settings: Any) -> Segmenter:  # noqa: ANN401
    tested = TestSettings(**{"calibration": GAMMA} | settings)
    return Segmenter(student or own(), NAMES, vectors(), unseen=["old chair"], settings=tested).eval()


def twin(model: Segmenter, image: torch.Tensor, seen: set[str], calibration: float) -> NDArray[np.int64]:
    """The best name of each pixel by loops over pixels and names."""
    with torch.inference_mode():
        prediction = DensePrediction(model.student, image[None], model.settings)
        plain = prediction.logits(TextClassifier(model.text_features))[0]
    labels = np.zeros(plain.shape[1:], np.int64)
    for y in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            logits = [
                float(plain[i, y, x]) - (calibration if name in seen else 0) for i, name in enumerate(model.class_names)
            ]
            labels[y, x] = logits.index(max(logits))
    return labels


def alike(found: NDArray[np.int64], expected: NDArray[np.int64]) -> bool:
    return found.shape == expected.shape and bool(np.mean(found == expected) >= 0.999)


@pytest.mark.parametrize("options", [{}, {"pipeline": SLIDE}, {"max_logits": 500}], ids=["whole", "slide", "few"])
def test_segment_against_a_twin(options: dict[str, Any]) -> None:
    model, image = segmenter(**options), photo(40, 53)
    seen = set(NAMES) - {"old chair"}
    found = model.segment(image).labels
    assert alike(found, twin(model, image, seen, GAMMA))
    assert np.array_equal(model.segment(image, return_logits=True).labels, found)
    with torch.no_grad():
        assert np.array_equal(model(image[None])[0].numpy(), found)
    assert not alike(found, twin(model, image, seen, 0.0)), "a test worth its name changes labels"
    assert (found == 3).mean() > (model.with_settings(calibration=0.0).segment(image).labels == 3).mean()


def test_zero_is_without_to_the_bit() -> None:
    image, student = photo(40, 53), own()
    plain = Segmenter(student, NAMES, vectors(), unseen=["old chair"])
    zero = segmenter(student, calibration=0.0)
    assert zero.bias is None
    for given in ({}, {"threshold": 0.3}, {"class_names": ["old chair", "sky"], "background_prompts": ["cat"]}):
        one, other = (model.segment(image, return_logits=True, **given) for model in (plain, zero))
        assert np.array_equal(one.labels, other.labels)
        assert one.logits is not None
        assert np.array_equal(one.logits, other.logits)  # type: ignore[arg-type]
    back = segmenter(student).with_settings(calibration=0.0)
    assert np.array_equal(back.segment(image).labels, plain.segment(image).labels)


def test_other_words_keep_their_logits_and_seen_names_stay_seen() -> None:
    words = StandInText(WIDTH)
    model, image = segmenter(), photo(40, 53)
    assert model.seen == ("sky", "cat", "sea", "tree")
    other = model.with_names(["owl", "cat", "old chair"], words)
    assert (other.seen, other.settings.calibration, other.unseen) == (model.seen, GAMMA, ("old chair",))
    assert other.bias is not None
    assert other.bias.tolist() == pytest.approx([0, -GAMMA, 0])
    assert alike(other.segment(image).labels, twin(other, image, {"cat"}, GAMMA))
    assert other.with_names(["owl"], words).bias is None
    again = other.with_names(["owl"], words).with_names(["cat", "owl"], words)
    assert again.bias is not None, "also after a round without it"
    moved = other.with_settings(pipeline=SLIDE)
    assert moved.settings.calibration == GAMMA
    assert torch.equal(moved.bias if moved.bias is not None else torch.zeros(0), other.bias)


def test_background_prompts_are_calibrated_too() -> None:
    model, image = segmenter(), photo(40, 53)
    expected = model.with_names(["old chair", "tree", "cat"]).segment(image).labels
    found = model.segment(image, ["old chair", "tree"], background_prompts=["cat", "tree"]).labels
    assert (found == NONE).any()
    assert np.array_equal(found, np.where(expected == 2, NONE, expected))


def test_a_threshold_counts_after_the_calibration() -> None:
    model, image, threshold = segmenter(), photo(32, 64), 0.3
    found = model.segment(image, threshold=threshold, return_logits=True)
    assert found.logits is not None
    with torch.inference_mode():
        lengths = torch.linalg.vector_norm(model.student(image[None]), dim=1, keepdim=True)
    full = torch.nn.functional.interpolate(lengths, size=(32, 64), mode="bilinear")[0, 0].numpy()
    expected = np.where(found.logits.max(axis=0) < threshold * full, NONE, found.logits.argmax(axis=0))
    assert alike(found.labels, expected)
    assert found.none_area > model.with_settings(calibration=0.0).segment(image, threshold=threshold).none_area


def test_saved_and_loaded(tmp_path: Path) -> None:
    model, image = segmenter(), photo(40, 53)
    model.with_names(["owl", "old chair", "cat"], StandInText(WIDTH)).save_pretrained(tmp_path / "model")
    config = read_config(tmp_path / "model")
    kept = (config["test"]["calibration"], config["seen"], config["class_names"])
    assert kept == (GAMMA, list(model.seen), ["owl", "old chair", "cat"])
    again = Segmenter.from_pretrained(tmp_path / "model", student=own())
    assert (again.settings.calibration, again.seen) == (GAMMA, model.seen)
    assert alike(again.segment(image).labels, twin(again, image, {"cat"}, GAMMA))
    assert "Calibration 0.1:" in (tmp_path / "model" / "README.md").read_text()
    assert "Calibration" not in model_card(config | {"test": config["test"] | {"calibration": 0.0}})
    scores = {"mIoU_unseen": 0.5, "hIoU": 0.5, "mIoU_seen": 0.5, "pAcc": 0.5}
    assert model_card(config | {"scores": scores}).count("Calibration 0.1:") == 1


PIPELINE = {"short_side": None, "mode": "whole"}


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"test": {"pipeline": PIPELINE, "calibration": "big"}}, "calibration: got 'big'"),
        ({"test": {"pipeline": PIPELINE, "calibration": None}}, "calibration: got None"),
        ({"seen": "sky"}, "seen: got 'sky', expected a list of names"),
        ({"seen": ["sky", "old chair"]}, r"\['old chair'\] as seen and as unseen"),
    ],
)
def test_a_folder_with_a_wrong_entry(entries: dict[str, Any], said: str, tmp_path: Path) -> None:
    segmenter().save_pretrained(tmp_path / "model")
    config = read_config(tmp_path / "model") | entries
    (tmp_path / "model" / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=rf"{tmp_path / 'model'}/config\.json: .*{said}"):
        Segmenter.from_pretrained(tmp_path / "model", student=own())


@pytest.mark.parametrize("calibration", [{}, {"seen_offset": GAMMA}])
def test_a_folder_of_the_first_format(calibration: dict[str, float], tmp_path: Path) -> None:
    """The oldest have no calibration, and say nothing of what was seen."""
    segmenter().save_pretrained(tmp_path / "model")
    config = read_config(tmp_path / "model")
    old = {name: config[name] for name in ("student", "student_class", "unseen", "text_encoder")}
    old |= {"format": 1, "names": config["class_names"], "pad_multiple": 32} | calibration
    (tmp_path / "model" / "config.json").write_text(json.dumps(old))
    again = Segmenter.from_pretrained(tmp_path / "model", student=own())
    assert again.settings == TestSettings(calibration=calibration.get("seen_offset", 0.0))
    assert again.seen == ("sky", "cat", "sea", "tree")


@pytest.mark.parametrize(
    "student",
    [
        own(),
        nn.Sequential(nn.Conv2d(3, WIDTH, 8, stride=4, padding=2, bias=False)),
        nn.Sequential(own(), nn.Upsample(scale_factor=2)),
    ],
    ids=["bias", "no bias", "layers after"],
)
def test_fused_into_the_last_layer(student: nn.Module) -> None:
    model, image = segmenter(student), photo(50, 61)
    closed = model.to_closed_set()
    assert closed.fused
    assert alike(closed.segment(image).labels, model.segment(image).labels)
    some = model.to_closed_set(["old chair", "cat"])
    assert alike(some.segment(image).labels, model.segment(image, ["old chair", "cat"]).labels)


def test_a_closed_set_where_nothing_fuses() -> None:
    model, image = segmenter(own(nn.ReLU())), photo(50, 61)
    with pytest.warns(UserWarning, match="does not end in a convolution"):
        closed = model.to_closed_set()
    assert alike(closed.segment(image).labels, model.segment(image).labels)


def test_a_large_bias_lets_no_wrong_fusion_pass() -> None:
    """A last layer whose output is cut at 0: with the bias in the scale of the comparison this would fuse."""
    assert not fuse_text(own(nn.ReLU()), vectors(), bias=torch.full((len(NAMES),), 1e4))[1]
    with pytest.raises(ValueError, match=r"bias: got shape \(2,\), expected \(5,\)"):
        ClosedSetSegmenter(own(), NAMES, vectors(), bias=torch.zeros(2))


@pytest.mark.parametrize("text_input", [False, True])
@pytest.mark.parametrize("pipeline", [None, SLIDE])
def test_onnx_answers_as_the_segmenter_does(text_input: bool, pipeline: TestPipeline | None, tmp_path: Path) -> None:
    model = segmenter() if pipeline is None else segmenter(pipeline=pipeline)
    image, path = photo(50, 61), tmp_path / "student.onnx"
    export_onnx(model, path, text_input=text_input)
    other = OnnxSegmenter(path, threads=1)
    assert (other.metadata.settings.calibration, other.metadata.seen) == (GAMMA, model.seen)
    asked: list[dict[str, Any]] = [
        {},
        {"class_names": ["old chair", "cat"]},
        {"class_names": ["old chair"], "background_prompts": ["cat", "sky"]},
    ]
    for given in [*asked, {"threshold": 0.3}] if text_input else asked:
        expected = model.segment(image, return_logits=True, **given)
        found = other.segment(image, return_logits=True, **given)
        assert alike(found.labels, expected.labels), given
        assert alike(other.segment(image, **given).labels, expected.labels), given
        assert found.logits is not None
        assert expected.logits is not None
        np.testing.assert_allclose(found.logits, expected.logits, atol=1e-4)


def test_onnx_without_a_calibration_says_nothing_of_it(tmp_path: Path) -> None:
    export_onnx(segmenter(calibration=0.0), tmp_path / "student.onnx")
    about = OnnxSegmenter(tmp_path / "student.onnx").metadata
    assert not {"seen", "calibration"} & about.entries().keys()
    with pytest.raises(ValueError, match=r"the entries are damaged .*calibration"):
        OnnxMetadata.of(about.entries() | {"calibration": "NaN"})


@pytest.mark.parametrize("calibration", [float("nan"), float("inf")])
def test_what_is_no_calibration(calibration: float) -> None:
    with pytest.raises(ValueError, match="calibration: got"):
        segmenter(calibration=calibration)
    with pytest.raises(ValueError, match="calibration: got"):
        segmenter().with_settings(calibration=calibration)


def test_fit_and_evaluate_say_it_beside_the_scores(
    tiny_config: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    switches = ["--model.method.glm=null", "--model.method.plm=null", "--model.method.losses.alpha=10"]
    given = ["--config", str(tiny_config), "--out", str(run), "--model.test.calibration=0.25", "--trainer.max_steps=2"]
    main(["fit", *given, *switches])
    assert "calibration 0.25" in " ".join(capsys.readouterr().out.split())
    metrics = json.loads((run / "metrics.json").read_text())
    assert (list(metrics)[:2], metrics["calibration"]) == (["protocol", "calibration"], 0.25)
    assert yaml.safe_load((run / "config.yaml").read_text())["model"]["test"]["calibration"] == 0.25
    assert read_config(run / "model")["test"]["calibration"] == 0.25
    assert read_config(run / "checkpoints" / "first_model")["test"]["calibration"] == 0.25

    def evaluate(name: str, *more: str) -> dict[str, Any]:
        out = tmp_path / name
        main(["evaluate", "--model", str(run / "model"), "--data", str(folder), "--out", str(out), *more])
        found: dict[str, Any] = json.loads(out.read_text())
        return found

    assert evaluate("own.json") == metrics
    assert "calibration 0.25" in " ".join(capsys.readouterr().out.split())
    none = evaluate("none.json", "--calibration", "0")
    assert "calibration" not in none
    assert "calibration" not in capsys.readouterr().out
    most = evaluate("most.json", "--calibration", "1e6")
    assert (most["calibration"], most["mIoU_seen"]) == (1e6, 0.0), "no seen name is left"
    assert most["mIoU_unseen"] > 0
    assert most != none
    with pytest.raises(SystemExit):
        evaluate("wrong.json", "--calibration", "1e40")
    assert "calibration: got 1e+40, expected a finite number" in capsys.readouterr().err
