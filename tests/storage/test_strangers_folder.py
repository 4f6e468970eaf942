"""A model folder from a stranger: refused in one line, before a tensor is read or a network built."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.storage import folder_files
from clipteacher.storage.saved_model import MODEL_FILES
from clipteacher.students.smp import SMPStudent

READ = MODEL_FILES[:3]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("whole") / "model"
    spec = {"kind": "openclip", "model": "ViT-B-16", "pretrained": None, "templates": ["a {}."]}
    student = SMPStudent("FPN", "tu-test_efficientnet", 4)
    Segmenter(student, ("sky", "sea"), torch.randn(2, 4), text_spec=spec).save_pretrained(folder)
    return {name: (folder / name).read_bytes() for name in READ}


@pytest.fixture
def model(whole: dict[str, bytes], tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    for name, content in whole.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def untouched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was read or built of a folder; it should stay empty."""
    found: list[str] = []

    def build(spec: dict[str, Any]) -> nn.Module:
        found.append("a network")
        raise AssertionError

    def load(path: Path) -> dict[str, torch.Tensor]:
        found.append(str(path))
        raise AssertionError

    monkeypatch.setattr("clipteacher.students.build.build_student", build)
    monkeypatch.setattr("clipteacher.storage.saved_model.load_file", load)
    return found


def edit(folder: Path, entry: str, value: object) -> None:
    """Set an entry of config.json by its dotted name."""
    config = json.loads((folder / "config.json").read_text())
    *groups, last = entry.split(".")
    inner = config
    for group in groups:
        inner = inner[group]
    inner[last] = value
    (folder / "config.json").write_text(json.dumps(config))


def check_refused(folder: Path, said: str, untouched: list[str], kind: type[Exception] = ValueError) -> None:
    with pytest.raises(kind, match=said) as raised:
        Segmenter.from_pretrained(folder)
    message = str(raised.value)
    assert str(folder) in message, "the file is named"
    assert "\n" not in message
    assert len(message) < 500 + len(str(folder))
    assert not untouched


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("place", ["a file elsewhere", "the folder above", "itself", "nowhere"])
def test_links_that_lead_out(model: Path, name: str, place: str, untouched: list[str]) -> None:
    outside = model.parent / "secret"
    (model / name).replace(outside)
    target = {"a file elsewhere": outside, "the folder above": Path("../secret"), "itself": Path(name)}
    (model / name).symlink_to(target.get(place, Path("/nowhere/at/all")))
    said = "a link that leads nowhere" if place == "itself" else "is a link that leads out of the folder"
    if place == "itself":
        with pytest.raises((ValueError, FileNotFoundError), match=rf"{name}|{said}"):
            Segmenter.from_pretrained(model)
        assert not untouched
    else:
        check_refused(model, rf"{name} {said}, expected a file in it", untouched)


def test_a_link_within_the_folder_and_a_link_to_it_are_taken(model: Path) -> None:
    (model / "student.safetensors").replace(model / "weights.bin")
    (model / "student.safetensors").symlink_to("weights.bin")
    (model.parent / "latest").symlink_to(model)
    assert Segmenter.from_pretrained(model.parent / "latest").class_names == ("sky", "sea")


def test_snapshots_of_the_hubs_cache_are_links_and_are_taken(whole: dict[str, bytes], tmp_path: Path) -> None:
    snapshot, blobs = tmp_path / "models--a--b/snapshots/0123", tmp_path / "models--a--b/blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for number, (name, content) in enumerate(whole.items()):
        (blobs / str(number)).write_bytes(content)
        (snapshot / name).symlink_to(Path("../../blobs") / str(number))
    assert Segmenter.from_pretrained(snapshot).class_names == ("sky", "sea")


def test_a_cache_that_leads_out_is_refused(whole: dict[str, bytes], tmp_path: Path, untouched: list[str]) -> None:
    """A stranger may lay out a folder as the hub does."""
    snapshot, blobs = tmp_path / "models--a--b/snapshots/0123", tmp_path / "models--a--b/blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for name, content in whole.items():
        (tmp_path / name).write_bytes(content)
        (blobs / name).symlink_to(tmp_path / name)
        (snapshot / name).symlink_to(Path("../../blobs") / name)
    check_refused(snapshot, r"config\.json is a link that leads out", untouched)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
@pytest.mark.parametrize("name", READ)
def test_a_pipe_or_a_folder_is_no_file(model: Path, name: str, untouched: list[str]) -> None:
    """Reading a pipe would wait for ever."""
    (model / name).unlink()
    os.mkfifo(model / name)
    check_refused(model, rf"no {name}", untouched, FileNotFoundError)
    (model / name).unlink()
    (model / name).mkdir()
    check_refused(model, rf"no {name}", untouched, FileNotFoundError)


NUMBERS: dict[str, tuple[str, object, str]] = {
    "padding": ("test.pad_multiple", 4096, r"test\.pad_multiple: got 4096, expected a whole number in 1\.\.1024"),
    "negative padding": ("test.pad_multiple", -32, "got -32, expected a whole number"),
    "padding of a float": ("test.pad_multiple", 32.0, r"got 32\.0, expected a whole number"),
    "size": ("test.pipeline.short_side", 10**9, r"short_side: got 1000000000, expected a whole number in 1\.\.4096"),
    "size of a truth": ("test.pipeline.short_side", True, "short_side: got True, expected a whole number"),
    "window": ("test.pipeline.crop", 10**6, r"crop: got 1000000, expected a whole number in 1\.\.4096"),
    "window of nothing": ("test.pipeline.crop", 0, "crop: got 0, expected a whole number"),
    "step": ("test.pipeline.stride", -1, "stride: got -1, expected a whole number"),
    "step of a text": ("test.pipeline.stride", "48", "stride: got '48', expected a whole number"),
    "memory": ("test.max_logits", 10**15, "max_logits: got 1000000000000000, expected a whole number"),
    "calibration beyond float32": ("test.calibration", 1e300, r"calibration: got 1e\+300, expected a number"),
    "calibration beyond float64": ("test.calibration", 10**400, "calibration: got 1000.*, expected a number"),
    "calibration of a truth": ("test.calibration", True, "calibration: got True, expected a number"),
    "normalisation by nothing": (
        "student.std",
        [0, 1, 1],
        r"student\.std: got \[0, 1, 1\], expected three numbers above 0",
    ),
    "normalisation of four": ("student.mean", [0, 1, 1, 1], r"student\.mean: got .*, expected three numbers"),
    "a wide layer": ("student.options", {"decoder_pyramid_channels": 10**6}, "got 1000000, expected at most 4096"),
    "many layers": ("student.options", {"x": [1] * 5000}, "got 5000 values, expected at most 4096"),
    "no encoder": ("student.encoder", None, r"student\.encoder: got None, expected text"),
    "an encoder of 10,000 letters": ("student.encoder", 10_000 * "e", r"student\.encoder: got 'eee.*, expected text"),
    "an encoder in two lines": ("student.encoder", "mit\nb0", r"student\.encoder: got 'mit\\nb0', expected text"),
    "no kind": ("text_encoder", {}, r"text_encoder\.kind: got None, expected text"),
    "a tower's strange entry": (
        "text_encoder.cache_dir",
        "/",
        "text_encoder: got 'cache_dir', expected only kind, model",
    ),
    "a tower's templates": ("text_encoder.templates", ["{}"] * 1001, "expected a list of at most 1000 texts"),
    "an unknown setting": ("test.flip", True, "test: .*unexpected keyword argument 'flip'"),
    "an unknown mode": ("test.pipeline.mode", "x", r"mode: got 'x', expected 'whole' or 'slide'"),
    "scores of a text": ("scores", "90 %", "scores: got '90 %', expected an object, or null"),
    "a protocol of an object": ("protocol", {}, "protocol: got {}, expected text"),
}


@pytest.mark.parametrize("what", NUMBERS)
def test_numbers_and_types_that_are_none(model: Path, what: str, untouched: list[str]) -> None:
    entry, value, said = NUMBERS[what]
    edit(model, entry, value)
    check_refused(model, rf"config\.json.*: .*{said}", untouched)


def test_windows_that_leave_pixels_out_or_see_each_a_thousand_times(model: Path, untouched: list[str]) -> None:
    for stride, said in ((1, "expected at least a 16th"), (600, "expected at most 512")):
        edit(model, "test.pipeline", {"short_side": None, "mode": "slide", "crop": 512, "stride": stride})
        check_refused(model, rf"config\.json: test: stride: got {stride} for windows of 512, {said}", untouched)


NAMES: dict[str, tuple[list[Any], str]] = {
    "10,000 letters": (["sky", 10_000 * "x"], r"got 'xxx.*… of 10000 letters, expected at most 1000"),
    "a new line": (["sky", "a\nb"], r"got 'a\\nb' with the control character '\\n'"),
    "an escape": (["sky", "\x1b[2J"], r"with the control character '\\x1b'"),
    "a turn of direction": (["sky", "\u202eaes"], r"got '\\u202eaes' with '\\u202e', which turns the direction"),
    "an isolate": (["sky", "a\u2067b"], "turns the direction"),
    "70,000 names": ([str(number) for number in range(70_000)], "got 70000 values, expected a list of names"),
    "a number": (["sky", 3], r"got \['sky', 3\], expected a list of names"),
    "a blank": (["sky", " "], r"got \['sky', ' '\], expected a list of names"),
    "nothing": (["sky", None], "expected a list of names"),
}


@pytest.mark.parametrize("entry", ["class_names", "unseen", "seen", "wanted"])
@pytest.mark.parametrize("what", NAMES)
def test_names_that_are_none(model: Path, entry: str, what: str, untouched: list[str]) -> None:
    names, said = NAMES[what]
    edit(model, entry, names)
    check_refused(model, rf"config\.json: {entry}: .*{said}", untouched)


def test_more_names_than_text_features(model: Path, untouched: list[str]) -> None:
    edit(model, "class_names", ["sky", "sea", "sand"])
    check_refused(model, r"config\.json: class_names: got 3 beside 2 text features", untouched)


CONTENTS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "17 MiB": (lambda content: content + b" " * (17 * 2**20), "has 17 MiB, expected at most 16"),
    "deep": (lambda content: content[:-2] + b', "x": ' + 40 * b"[" + 40 * b"]" + b"}", "is nested too deep"),
    "deeper than Python goes": (lambda content: 200_000 * b"[", "is nested too deep"),
    "an entry twice": (lambda content: content[:-2] + b', "test": {}}', "is no JSON .*the entry 'test' twice"),
    "NaN": (lambda content: content[:-2] + b', "x": NaN}', "NaN is no number of JSON"),
    "a number of 5,000 digits": (lambda content: content[:-2] + b', "x": ' + b"9" * 5000 + b"}", "is no JSON"),
    "a list": (lambda content: b"[]", "has format 'list', expected 2"),
}


@pytest.mark.parametrize("what", CONTENTS)
def test_a_configuration_that_is_none(model: Path, what: str, untouched: list[str]) -> None:
    change, said = CONTENTS[what]
    path = model / "config.json"
    path.write_bytes(change(path.read_bytes().rstrip() + b"\n"))
    check_refused(model, rf"config\.json {said}|config\.json .*{said}", untouched)


def test_a_configuration_of_100_megabytes_is_not_read(model: Path, untouched: list[str]) -> None:
    with (model / "config.json").open("r+b") as file:
        file.truncate(100 * 2**20)  # sparse: nothing is written
    check_refused(model, r"config\.json has 100 MiB, expected at most 16", untouched)


def test_an_older_format_is_checked_as_well(model: Path, untouched: list[str]) -> None:
    config = json.loads((model / "config.json").read_text())
    test = config.pop("test")
    config |= {"format": 1, "names": config.pop("class_names"), "test_pipeline": test["pipeline"], "pad_multiple": 4096}
    (model / "config.json").write_text(json.dumps(config | {"text_encoder": {"kind": "openclip", "model": []}}))
    check_refused(model, r"test\.pad_multiple: got 4096|text_encoder\.model: got \[\], expected text", untouched)


FEATURES: dict[str, tuple[dict[str, torch.Tensor], str]] = {
    "no vectors": ({"x": torch.zeros(2, 4)}, "no tensor 'vectors'"),
    "one axis": ({"vectors": torch.zeros(2)}, r"have shape \(2,\), expected \(N, C\)"),
    "whole numbers": ({"vectors": torch.zeros(2, 4, dtype=torch.int64)}, "numbers of type I64, expected one of F64"),
    "another width": ({"vectors": torch.zeros(2, 5)}, "channels: got 4, expected 5, the width of its text features"),
}


@pytest.mark.parametrize("what", FEATURES)
def test_text_features_that_are_none(model: Path, what: str, untouched: list[str]) -> None:
    tensors, said = FEATURES[what]
    save_file(tensors, model / "vocabulary.safetensors")
    check_refused(model, said, untouched)


def test_files_that_are_no_safetensors(model: Path, untouched: list[str]) -> None:
    for name in READ[:2]:
        content = (model / name).read_bytes()
        (model / name).write_bytes(b"PK\x03\x04" + bytes(100))
        check_refused(model, rf"the weights in .*{name} cannot be read", untouched)
        (model / name).write_bytes(content)


@pytest.mark.parametrize("name", READ[:2])
def test_not_a_number_among_weights_or_text_features(model: Path, name: str) -> None:
    """Such a network would give every pixel the first name."""
    tensors = load_file(model / name)
    tensor = next(each for each in tensors.values() if each.is_floating_point())
    tensor.view(-1)[0] = torch.nan
    save_file(tensors, model / name)
    with pytest.raises(ValueError, match=rf"{name}: got NaN in '.*', expected finite numbers"):
        Segmenter.from_pretrained(model)


@pytest.mark.parametrize("names", [["sky", "a\nb"], ["sky", "\u202ea"], ["sky", 2000 * "x"], ["sky", "sky"]])
def test_what_would_not_be_read_again_is_not_written(names: list[str], tmp_path: Path) -> None:
    made = Segmenter(nn.Conv2d(3, 4, 1), ("sky", "sea"), torch.ones(2, 4))
    made.class_names = tuple(names)
    with pytest.raises(ValueError, match="class_names: got"):
        made.save_pretrained(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_a_whole_folder_is_well_within_the_limits(whole: dict[str, bytes]) -> None:
    assert len(whole["config.json"]) < folder_files.MOST_BYTES / 1000
