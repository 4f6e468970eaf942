"""A student on disk: the same to the bit, whole or not at all, nothing of a teacher, errors that name the folder."""

import json
import math
import re
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from clipteacher.inference import DensePrediction, TestSettings
from clipteacher.inference.placement import OWN_SIZE
from clipteacher.protocols.protocol import TestPipeline
from clipteacher.protocols.splits import ClassSplit
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.storage import saved_model as storage
from clipteacher.storage.saved_model import read_config
from clipteacher.students.smp import SMPStudent
from clipteacher.teachers.openclip import OpenClipTeacher
from clipteacher.training.module import TrainingModule

FILES = ["config.json", "student.safetensors", "vocabulary.safetensors"]
ALL = ["README.md", *FILES]
NAMES = ("sky", "Wiese", "naïve 木")


class Mine(nn.Sequential):
    """A network of your own, without `spec()`."""

    def __init__(self, channels: int = 8) -> None:
        super().__init__(nn.Conv2d(3, 6, 3, stride=4, padding=1), nn.BatchNorm2d(6), nn.Conv2d(6, channels, 1))


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def make(student: nn.Module | None = None, width: int = 8, **options: Any) -> Segmenter:  # noqa: ANN401
    student = student if student is not None else SMPStudent("FPN", "tu-test_efficientnet", width)
    student.train()(torch.rand(2, 3, 64, 64))  # moves the statistics away from where they begin
    return Segmenter(student, NAMES, torch.randn(len(NAMES), width), **options).eval()


def logits(segmenter: Segmenter, size: tuple[int, int] = (50, 67)) -> Tensor:
    images = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        return DensePrediction(segmenter.student, images, segmenter.settings).logits(segmenter.classifier)


def edit(folder: Path, **entries: object) -> None:
    """Change entries of config.json; an ellipsis takes one out."""
    config = json.loads((folder / "config.json").read_text()) | entries
    config = {name: value for name, value in config.items() if value is not ...}
    (folder / "config.json").write_text(json.dumps(config))


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved SMPStudent of width 8; nothing may write to it."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("saved") / "model"
    make().save_pretrained(folder)
    return folder


@pytest.fixture
def model(saved: Path, tmp_path: Path) -> Path:
    """A copy of it to spoil."""
    folder = tmp_path / "model"
    folder.mkdir()
    for path in saved.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def test_round_trip_gives_the_same_logits_to_the_bit(tmp_path: Path) -> None:
    segmenter = make(
        unseen=["Wiese"], text_spec={"kind": "openclip", "model": "x"}, settings=TestSettings(pad_multiple=64)
    )
    segmenter.save_pretrained(tmp_path / "model")
    again = Segmenter.from_pretrained(tmp_path / "model")
    assert torch.equal(logits(again), logits(segmenter))
    assert not any(module.training for module in again.modules())
    assert again.class_names == NAMES
    assert again.unseen == ("Wiese",)
    assert again.text_spec == {"kind": "openclip", "model": "x"}
    assert again.settings.pad_multiple == 64
    assert torch.equal(again.text_features, segmenter.text_features)


def test_the_test_pipeline_is_kept(tmp_path: Path) -> None:
    pipeline = TestPipeline(short_side=96, mode="slide", crop=64, stride=48)
    make(settings=TestSettings(pipeline, calibration=0.25)).save_pretrained(tmp_path / "model")
    entry = read_config(tmp_path / "model")["test"]
    assert entry["pipeline"] == {"short_side": 96, "mode": "slide", "crop": 64, "stride": 48}
    assert entry["calibration"] == 0.25
    again = Segmenter.from_pretrained(tmp_path / "model")
    assert again.settings == TestSettings(pipeline, calibration=0.25)
    assert again.bias is not None


def test_wanted_names_are_kept(tmp_path: Path) -> None:
    """Also those that it does not answer to."""
    segmenter = make(unseen=["Wiese"], wanted=["Wiese", "red barn"])
    segmenter.save_pretrained(tmp_path / "model")
    assert read_config(tmp_path / "model")["wanted"] == ["Wiese", "red barn"]
    again = Segmenter.from_pretrained(tmp_path / "model")
    assert again.wanted == segmenter.wanted == ("Wiese", "red barn")
    assert "wanted" not in again.record
    again.save_pretrained(tmp_path / "again")
    assert (tmp_path / "again" / "config.json").read_bytes() == (tmp_path / "model" / "config.json").read_bytes()
    assert "by name alone, without a mask (the transductive setting): Wiese, red barn." in (
        tmp_path / "again" / "README.md"
    ).read_text(encoding="utf-8")


def test_a_model_without_the_entry_wanted_had_none(model: Path) -> None:
    before = logits(Segmenter.from_pretrained(model))
    edit(model, wanted=...)
    again = Segmenter.from_pretrained(model)
    assert again.wanted == ()
    assert torch.equal(logits(again), before)
    assert Segmenter.from_pretrained(FIRST).wanted == ()


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (None, "wanted: got None, expected a list of names"),
        ("Wiese", "wanted: got 'Wiese', expected a list of names"),
        (["red barn", " "], r"wanted: got \['red barn', ' '\], expected a list of names"),
        (["red barn", "red barn"], "wanted: got a name twice, expected each once"),
        (["sky"], r"seen: got \['sky'\] as seen and as unseen"),
    ],
)
def test_a_wrong_entry_wanted_is_refused(model: Path, wanted: object, message: str) -> None:
    edit(model, wanted=wanted)
    with pytest.raises(ValueError, match=rf"model: .*config\.json: {message}"):
        Segmenter.from_pretrained(model)


@pytest.mark.parametrize(
    ("entry", "value", "message"),
    [
        ("format", True, "has format True, expected 2, or 1"),
        ("student", 5, "student: got 5, expected an object, or null"),
        ("student", ..., "has no entry 'student'"),
        ("student.kind", [], r"student\.kind: got \[\], expected text"),
        ("student.architecture", None, r"student\.architecture: got None, expected text"),
        ("student.encoder", 5, r"student\.encoder: got 5, expected text"),
        ("student.channels", "8", r"student\.channels: got '8', expected a whole number"),
        ("student.mean", [1], r"student\.mean: got \[1\], expected three numbers, or null"),
        ("student.std", "x", r"student\.std: got 'x', expected three numbers"),
        ("student.options", [1], r"student\.options: got \[1\], expected an object, or null"),
        ("class_names", "sky", "class_names: got 'sky', expected a list of names"),
        ("class_names", [], "class_names: got none, expected one or more"),
        ("unseen", None, "unseen: got None, expected a list of names"),
        ("unseen", ..., "has no entry 'unseen'"),
        ("seen", {"sky": 1}, r"seen: got {'sky': 1}, expected a list of names .*, or null"),
        ("text_encoder", "clip", "text_encoder: got 'clip', expected an object, or null"),
        ("text_encoder.model", 5, r"text_encoder\.model: got 5, expected text"),
        (
            "text_encoder.templates",
            "a {}",
            r"text_encoder\.templates: got 'a {}', expected a list of at most 1000 texts",
        ),
        ("test", None, "test: got None, expected an object"),
        ("test.pipeline", [], r"test\.pipeline: got \[\], expected an object"),
        ("test.pipeline.short_side", "512", r"test\.pipeline\.short_side: got '512', expected a whole number"),
        ("test.pipeline.mode", ..., r"has no entry 'test\.pipeline\.mode'"),
        ("test.pipeline.mode", "whol", "mode: got 'whol', expected 'whole' or 'slide'"),
        ("test.pad_multiple", 0.5, r"test\.pad_multiple: got 0\.5, expected a whole number"),
        ("test.max_logits", None, r"test\.max_logits: got None, expected a whole number"),
        ("test.calibration", "0.1", r"test\.calibration: got '0\.1', expected a number"),
        ("scores", math.inf, "Infinity is no number of JSON"),
    ],
)
def test_an_entry_of_another_kind_is_named_with_its_file(model: Path, entry: str, value: object, message: str) -> None:
    spec = {"kind": "openclip", "model": "ViT-B-16", "pretrained": None, "templates": ["a {}."]}
    edit(model, text_encoder=spec)
    config: dict[str, Any] = json.loads((model / "config.json").read_text())
    *groups, last = entry.split(".")
    inner = config
    for group in groups:
        inner = inner[group]
    inner |= {last: value}
    if value is ...:
        del inner[last]
    (model / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=rf"^model: {model}/config\.json:? .*{message}"):
        Segmenter.from_pretrained(model)


FIRST = Path(__file__).with_name("model_format_1")
"""A model of format 1, as it was written on 2026-11-26: other entries, another place of the tiny CLIP."""


def test_a_model_of_format_1_loads_and_segments_as_before() -> None:
    segmenter = Segmenter.from_pretrained(FIRST)
    assert segmenter.class_names == ("sea", "sand", "boat")
    assert (segmenter.unseen, segmenter.seen) == (("boat",), ("sea", "sand", "house"))
    pipeline = TestPipeline(short_side=40, mode="slide", crop=32, stride=24)
    assert segmenter.settings == TestSettings(pipeline, pad_multiple=16, calibration=0.002)
    assert segmenter.record["protocol"] == "world-2-1"
    assert segmenter.record["scores"]["mIoU_seen"] == 0.4
    photo = np.random.default_rng(0).integers(0, 256, (50, 60, 3), dtype=np.uint8)
    with Image.open(FIRST.with_name("model_format_1_labels.png")) as before:
        assert (segmenter.segment(photo).labels == np.array(before)).mean() > 0.999  # kernels round differently
    found = segmenter.segment(photo, ["sea", "red balloon"])  # its text tower has moved since
    assert found.class_names == ("sea", "red balloon")


def test_a_model_of_format_1_is_saved_in_todays_format(tmp_path: Path) -> None:
    Segmenter.from_pretrained(FIRST).save_pretrained(tmp_path / "model")
    again, before = (Segmenter.from_pretrained(folder) for folder in (tmp_path / "model", FIRST))
    assert (again.settings, again.text_spec, again.record) == (before.settings, before.text_spec, before.record)
    assert json.loads((tmp_path / "model" / "config.json").read_text())["format"] == storage.FORMAT == 2
    assert "Calibration 0.002" in (tmp_path / "model" / "README.md").read_text()


def test_the_oldest_models_lack_entries_and_are_tested_as_then(tmp_path: Path) -> None:
    shutil.copytree(FIRST, tmp_path / "model")
    edit(tmp_path / "model", test_pipeline=..., seen=..., seen_offset=...)
    again = Segmenter.from_pretrained(tmp_path / "model")
    assert again.settings == TestSettings(OWN_SIZE, pad_multiple=16)
    assert again.seen == ("sea", "sand")


def test_loading_a_model_leaves_the_random_numbers_as_they_were(saved: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    Segmenter.from_pretrained(saved)
    assert torch.equal(torch.rand(3), expected)


def test_a_second_round_trip_writes_the_same_bytes(saved: Path, tmp_path: Path) -> None:
    Segmenter.from_pretrained(saved).save_pretrained(tmp_path / "again")
    for name in ALL:
        assert (tmp_path / "again" / name).read_bytes() == (saved / name).read_bytes(), name


def test_saving_leaves_the_segmenter_as_it_was(tmp_path: Path) -> None:
    segmenter = make().train()
    before = {name: tensor.clone() for name, tensor in segmenter.student.state_dict().items()}
    segmenter.save_pretrained(tmp_path / "model")
    assert segmenter.student.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in segmenter.student.state_dict().items())
    assert not any(module.training for module in Segmenter.from_pretrained(tmp_path / "model").modules())


def test_channels_last_students_and_shared_tensors_can_be_saved(tmp_path: Path) -> None:
    student = Mine(8)
    student.append(nn.Conv2d(8, 8, 1)).append(nn.Conv2d(8, 8, 1)).to(memory_format=torch.channels_last)
    student[4].weight = student[3].weight
    segmenter = make(student)
    segmenter.save_pretrained(tmp_path / "model")
    state = load_file(tmp_path / "model" / "student.safetensors")
    assert state.keys() == student.state_dict().keys()
    assert all(torch.equal(tensor, student.state_dict()[name]) for name, tensor in state.items())


def test_four_files_and_no_pickle(saved: Path) -> None:
    assert sorted(path.name for path in saved.iterdir()) == ALL
    for path in saved.iterdir():
        assert not path.read_bytes().startswith((b"PK", b"\x80")), "a zip of pickles or a pickle"
        if path.suffix == ".safetensors":
            with safe_open(path, "pt") as file:
                assert list(file.keys())
        elif path.suffix == ".json":
            assert isinstance(json.loads(path.read_text(encoding="utf-8")), dict)


def test_nothing_of_the_teacher_is_saved(tiny_clip: tuple[Path, Path], tmp_path: Path) -> None:
    teacher = OpenClipTeacher(str(tiny_clip[0]), str(tiny_clip[1]))
    split = ClassSplit(names=NAMES, unseen=NAMES[1:2])
    module = TrainingModule(SMPStudent("FPN", "tu-test_efficientnet", 16), teacher, split)
    module.segmenter().save_pretrained(tmp_path / "model")
    student, words = (load_file(tmp_path / "model" / name) for name in FILES[1:])
    assert student.keys() == module.framework.student.state_dict().keys()
    assert all(name.startswith("network.") for name in student)
    assert list(words) == ["vectors"]
    towers = [*teacher.image.network.state_dict().values(), *teacher.tower.network.state_dict().values()]
    assert len(towers) > 20
    for name, tensor in student.items():
        if tensor.numel() > 1:
            same = [tower for tower in towers if tower.shape == tensor.shape and torch.equal(tower, tensor)]
            assert not [tower for tower in same if tower.unique().numel() > 1], name
    config = read_config(tmp_path / "model")
    assert config["text_encoder"] == teacher.spec()


def test_config_says_what_was_saved(saved: Path) -> None:
    config = read_config(saved)
    keys = ["format", "student", "student_class", "class_names", "unseen", "seen", "wanted", "text_encoder", "test"]
    assert list(config) == keys
    assert config["format"] == 2
    assert config["test"].keys() == {"pipeline", "pad_multiple", "max_logits", "calibration"}
    assert config["student"]["encoder"] == "tu-test_efficientnet"
    assert config["student_class"] == "clipteacher.students.smp.SMPStudent"
    assert config["class_names"] == list(NAMES)
    assert "naïve 木" in (saved / "config.json").read_text(encoding="utf-8"), "names can be read"


def test_extra_entries_are_kept_and_do_not_disturb(tmp_path: Path) -> None:
    segmenter = make()
    segmenter.save_pretrained(tmp_path / "model", {"protocol": "drawn-3-1", "steps": 7})
    config = read_config(tmp_path / "model")
    assert (config["protocol"], config["steps"]) == ("drawn-3-1", 7)
    assert torch.equal(logits(Segmenter.from_pretrained(tmp_path / "model")), logits(segmenter))
    again = Segmenter.from_pretrained(tmp_path / "model")
    assert again.record == {"protocol": "drawn-3-1", "steps": 7}
    again.save_pretrained(tmp_path / "again")
    assert read_config(tmp_path / "again") == config, "what is known of a model goes with it"
    assert again.with_names(NAMES[:2]).record == {}, "scores are those of its own names alone"


def refused(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def test_nan_among_the_extra_entries_is_null(tmp_path: Path) -> None:
    make(Mine()).save_pretrained(tmp_path / "model", {"scores": {"U": math.nan, "S": 0.5}})
    text = (tmp_path / "model" / "config.json").read_text()
    assert json.loads(text, parse_constant=refused)["scores"] == {"U": None, "S": 0.5}


def test_an_infinity_among_the_extra_entries_leaves_no_trace(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        make(Mine()).save_pretrained(tmp_path / "model", {"lr": math.inf})
    assert not list(tmp_path.iterdir())


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    segmenter = make(Mine())
    (tmp_path / "model").mkdir()
    segmenter.save_pretrained(tmp_path / "model")
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == ALL
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert torch.equal(logits(Segmenter.from_pretrained(tmp_path / "model", student=Mine())), logits(segmenter))


def test_folders_on_the_way_are_made_and_others_may_read(tmp_path: Path) -> None:
    make(Mine()).save_pretrained(tmp_path / "a" / "b" / "model")
    assert (tmp_path / "a" / "b" / "model").stat().st_mode & 0o777 == 0o755
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["model"]


def test_an_older_folder_is_replaced_whole(model: Path) -> None:
    (model / "left over.txt").write_text("of an older run")
    segmenter = make(Mine())
    segmenter.save_pretrained(model)
    assert sorted(path.name for path in model.iterdir()) == ALL
    assert [path.name for path in model.parent.iterdir()] == ["model"]
    assert torch.equal(logits(Segmenter.from_pretrained(model, student=Mine())), logits(segmenter))


def fail_at(monkeypatch: pytest.MonkeyPatch, call: int, error: BaseException) -> None:
    """Let the writing of safetensors stop in its nth file, half of which is then on disk."""
    calls = 0

    def write(tensors: dict[str, Tensor], path: Path) -> None:
        nonlocal calls
        calls += 1
        if calls == call:
            path.write_bytes(b"half")
            raise error
        save_file(tensors, path)

    monkeypatch.setattr(storage, "save_file", write)


@pytest.mark.parametrize("older", [True, False])
@pytest.mark.parametrize("call", [1, 2])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_failing_midway_leaves_no_trace(
    model: Path, monkeypatch: pytest.MonkeyPatch, older: bool, call: int, error: BaseException
) -> None:
    target = model if older else model.parent / "new"
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    fail_at(monkeypatch, call, error)
    with pytest.raises(type(error)):
        make(Mine()).save_pretrained(target)
    assert [path.name for path in model.parent.iterdir()] == ["model"]
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before


def test_an_entry_that_is_no_json_leaves_no_trace(model: Path) -> None:
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    with pytest.raises(TypeError, match="not JSON serializable"):
        make(Mine()).save_pretrained(model, {"protocol": object()})
    assert [path.name for path in model.parent.iterdir()] == ["model"]
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before


def test_failing_at_the_last_rename_leaves_the_older_folder(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    rename = Path.rename

    def stop(self: Path, target: Path) -> Path:
        if target == model and "student.safetensors" in {path.name for path in self.iterdir()} and self != model:
            monkeypatch.undo()
            raise OSError("the disk went away")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", stop)
    with pytest.raises(OSError, match="went away"):
        make(Mine()).save_pretrained(model)
    assert [path.name for path in model.parent.iterdir()] == ["model"]
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before


def test_a_folder_that_is_no_model_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "thesis.tex").write_text("years")
    with pytest.raises((FileExistsError, ValueError), match="work"):
        make(Mine()).save_pretrained(tmp_path / "work")
    assert (tmp_path / "work" / "thesis.tex").exists()


def test_extra_entries_cannot_replace_the_models_own(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="class_names"):
        make(Mine()).save_pretrained(tmp_path / "model", {"class_names": ["a", "b", "c"]})


def test_ones_own_network_is_handed_over(tmp_path: Path) -> None:
    segmenter = make(Mine())
    segmenter.save_pretrained(tmp_path / "model")
    own = Mine()
    again = Segmenter.from_pretrained(tmp_path / "model", student=own)
    assert again.student is own
    assert torch.equal(logits(again), logits(segmenter))


def test_ones_own_network_cannot_be_built(tmp_path: Path) -> None:
    make(Mine()).save_pretrained(tmp_path / "model")
    message = rf"{tmp_path / 'model'} holds .*your own \({Mine.__module__}\.Mine\).*from_pretrained\(folder, student="
    with pytest.raises(ValueError, match=message):
        Segmenter.from_pretrained(tmp_path / "model")


def test_a_described_student_may_be_handed_over_too(saved: Path) -> None:
    own = SMPStudent("FPN", "tu-test_efficientnet", 8)
    assert torch.equal(logits(Segmenter.from_pretrained(saved, student=own)), logits(Segmenter.from_pretrained(saved)))


def test_another_network_than_was_trained(saved: Path) -> None:
    message = (
        rf"{saved / 'student.safetensors'} does not fit Mine: .* …\. .*\(clipteacher\.students\.smp\.SMPStudent\)\.$"
    )
    with pytest.raises(ValueError, match=message) as error:
        Segmenter.from_pretrained(saved, student=Mine())
    assert len(str(error.value)) < 600 + len(str(saved)), "not each of hundreds of tensors"


def test_a_network_of_another_width_than_was_trained(saved: Path) -> None:
    with pytest.raises(ValueError, match=rf"(?s){saved / 'student.safetensors'} does not fit SMPStudent: .*size mism"):
        Segmenter.from_pretrained(saved, student=SMPStudent("FPN", "tu-test_efficientnet", 12))


def cut(name: str, keep: int) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:keep])


def put(name: str, content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(content)


def words(**tensors: Tensor) -> Callable[[Path], object]:
    return lambda folder: save_file(tensors, folder / "vocabulary.safetensors")


FAULTS: dict[str, tuple[Callable[[Path], object], type[Exception], str]] = {
    "no config": (lambda f: (f / FILES[0]).unlink(), FileNotFoundError, r"no config\.json in .*`clipteacher train`"),
    "no student": (lambda f: (f / FILES[1]).unlink(), FileNotFoundError, r"no student\.safetensors in .*not whole"),
    "no words": (lambda f: (f / FILES[2]).unlink(), FileNotFoundError, r"no vocabulary\.safetensors in .*not whole"),
    "student cut": (cut(FILES[1], 5000), ValueError, "the weights in .* cannot be read"),
    "student's end cut": (cut(FILES[1], -1), ValueError, "the weights in .* cannot be read"),
    "words cut": (cut(FILES[2], 20), ValueError, "the weights in .* cannot be read"),
    "student empty": (put(FILES[1], b""), ValueError, "the weights in .* cannot be read"),
    "no JSON": (put(FILES[0], b"{"), ValueError, r"config\.json is no JSON \("),
    "no text": (put(FILES[0], b"\xff\xfe\x00"), ValueError, r"config\.json is no JSON \("),
    "no object": (put(FILES[0], b"[]"), ValueError, "has format 'list', expected 2, or 1"),
    "no format": (lambda f: edit(f, format=...), ValueError, "has format None, expected 2"),
    "a later format": (lambda f: edit(f, format=3), ValueError, "has format 3, expected 2, or 1. Update clipteacher"),
    "another kind": (lambda f: edit(f, student={"kind": "hf"}), ValueError, "kind 'hf', expected one of smp"),
    "no vectors": (words(x=torch.zeros(3, 8)), ValueError, "the weights in .* cannot be read .*vectors"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_spoilt_folder_is_named(model: Path, fault: str) -> None:
    spoil, error, message = FAULTS[fault]
    spoil(model)
    with pytest.raises(error, match=message) as raised:
        Segmenter.from_pretrained(model)
    assert str(model) in str(raised.value)


UNNAMED: dict[str, Callable[[Path], object]] = {
    "vectors of another width": words(vectors=torch.zeros(3, 5)),
    "vectors of one axis": words(vectors=torch.zeros(3)),
    "names missing": lambda f: edit(f, class_names=...),
    "names too few": lambda f: edit(f, class_names=["sky"]),
    "student missing": lambda f: edit(f, student=...),
    "student's argument unknown": lambda f: edit(f, student={"kind": "smp", "depth": 3}),
    "test pipeline of another mode": lambda f: edit(f, test={"pipeline": {"short_side": None, "mode": "x"}}),
    "test pipeline of an unknown field": lambda f: edit(f, test={"pipeline": {"window": 5}}),
    "padding of no whole number": lambda f: edit(f, test={"pipeline": asdict(OWN_SIZE), "pad_multiple": 1.5}),
    "an unknown setting": lambda f: edit(f, test={"pipeline": asdict(OWN_SIZE), "flip": True}),
    "settings missing": lambda f: edit(f, test=...),
    "format 1 without names": lambda f: edit(f, format=1, names=...),
}


@pytest.mark.parametrize("fault", UNNAMED)
def test_a_folder_with_a_wrong_entry_is_named(model: Path, fault: str) -> None:
    UNNAMED[fault](model)
    with pytest.raises(ValueError, match=re.escape(str(model))):
        Segmenter.from_pretrained(model)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=rf"no folder {tmp_path / 'nowhere'}; expected"):
        Segmenter.from_pretrained(tmp_path / "nowhere")


def test_reading_alone_loads_no_weights(model: Path) -> None:
    put(FILES[1], b"")(model)
    assert read_config(model)["class_names"] == list(NAMES)
