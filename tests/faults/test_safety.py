"""What somebody else's files can make clipteacher do: read them, and nothing else."""

import ast
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import clipteacher
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.segmenter.vocabulary import build_text_encoder
from clipteacher.students.smp import SMPStudent
from clipteacher.teachers.openclip_source import read_config
from clipteacher.utils.weights import read_weights

SOURCE = Path(clipteacher.__file__).parent


class Code:
    """Runs when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("suffix", ["pt", "pth", "bin", "safetensors"])
def test_weights_run_no_code(tmp_path: Path, suffix: str) -> None:
    path, mark = tmp_path / f"weights.{suffix}", tmp_path / "ran"
    torch.save({"state_dict": {"w": torch.zeros(1)}, "code": Code(mark)}, path)
    with pytest.raises(ValueError, match=rf"weights\.{suffix} cannot be read as weights"):
        read_weights(path)
    assert not mark.exists()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    student = SMPStudent("FPN", "tu-test_efficientnet", 4)
    Segmenter(student, ("sky", "grass"), torch.randn(2, 4)).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    config = json.loads((folder / "config.json").read_text())
    change(config)
    (folder / "config.json").write_text(json.dumps(config))


STUDENTS: dict[str, tuple[dict[str, Any], str]] = {
    "weights": ({"weights": "/etc/passwd"}, "'weights', which reads a file"),
    "a checkpoint for timm": ({"options": {"checkpoint_path": "evil.pth"}}, "'checkpoint_path', which reads a file"),
    "a download by timm": ({"options": {"pretrained": True}}, "'pretrained', which reads a file"),
    "deep down": ({"options": {"aux_params": {"weights": "x"}}}, "'weights', which reads a file"),
    "a network of the hub": ({"encoder": "tu-hf-hub:somebody/network"}, "no path and no address"),
    "a network on the disk": ({"encoder": "tu-local-dir:/tmp/x"}, "no path and no address"),
    "a path in a list": ({"options": {"out_indices": ["../../x"]}}, "no path and no address"),
    "a class path": ({"kind": "os.system"}, "kind 'os.system', expected one of smp"),
}


@pytest.mark.parametrize("what", STUDENTS)
def test_a_model_folder_opens_no_other_file(model: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    entries, message = STUDENTS[what]
    edit(model, lambda config: config["student"].update(entries))
    opened: list[str] = []
    monkeypatch.setattr("timm.create_model", lambda *given, **more: opened.append(str(given)))
    monkeypatch.setattr("torch.load", lambda path, *_, **__: opened.append(str(path)))
    with pytest.raises(ValueError, match=message) as raised:
        Segmenter.from_pretrained(model)
    assert str(model / "config.json") in str(raised.value)
    assert not opened


PIPELINE = {"short_side": None, "mode": "whole"}
ENTRIES: dict[str, tuple[dict[str, Any], str]] = {
    "padding without end": (
        {"test": {"pipeline": PIPELINE, "pad_multiple": 10**9}},
        r"pad_multiple: got 1000000000, expected a whole number in 1\.\.",
    ),
    "padding of no pixel": ({"test": {"pipeline": PIPELINE, "pad_multiple": 0}}, "pad_multiple: got 0"),
    "a tower of words": ({"text_encoder": "openclip"}, "text_encoder: got .openclip., expected an object, or null"),
    "names of numbers": ({"class_names": [1, 2]}, "expected a list of names"),
    "a string of names": ({"class_names": "ab"}, "expected a list of names"),
    "a name twice": ({"class_names": ["sky", "sky"]}, "a name twice"),
}


@pytest.mark.parametrize("what", ENTRIES)
def test_entries_of_other_kinds_are_refused(model: Path, what: str) -> None:
    entries, message = ENTRIES[what]
    edit(model, lambda config: config.update(entries))
    with pytest.raises(ValueError, match=message):
        Segmenter.from_pretrained(model)


def test_a_student_is_no_larger_than_its_vectors(model: Path) -> None:
    """A description that asks for more memory than the weights have is refused before the memory is."""
    for channels, message in (
        (10**9, r"student\.channels: got 1000000000, expected a whole number in 1\.\.65536"),
        (5, "channels: got 5, expected 4, the width of its text features"),
    ):
        edit(model, lambda config, channels=channels: config["student"].update(channels=channels))  # type: ignore[misc]
        with pytest.raises(ValueError, match=message):
            Segmenter.from_pretrained(model)


def test_vectors_without_an_axis(model: Path) -> None:
    save_file({"vectors": torch.tensor(1.0)}, model / "vocabulary.safetensors")
    with pytest.raises(ValueError, match=r"have shape \(\), expected \(N, C\)"):
        Segmenter.from_pretrained(model)


@pytest.mark.parametrize("gate", [torch.zeros(5), torch.zeros(6, 1), torch.zeros(6, dtype=torch.int64)])
def test_a_gate_of_another_shape(gate: torch.Tensor, model: Path) -> None:
    vectors = load_file(model / "vocabulary.safetensors")["vectors"]
    save_file({"vectors": vectors, "gate": gate}, model / "vocabulary.safetensors")
    with pytest.raises(ValueError, match=r"got a gate of shape \(.*\) and type \w+, expected \(6,\)"):
        Segmenter.from_pretrained(model)


def test_a_gate_that_is_no_number(model: Path) -> None:
    vectors = load_file(model / "vocabulary.safetensors")["vectors"]
    save_file({"vectors": vectors, "gate": torch.full((6,), torch.inf)}, model / "vocabulary.safetensors")
    with pytest.raises(ValueError, match="got NaN in 'gate'"):
        Segmenter.from_pretrained(model)


def test_a_package_that_a_model_names_is_looked_up_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "somebodys_package"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('ran')")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"no open_clip_config\.json in the package somebodys_package"):
        read_config("package:somebodys_package")
    assert "somebodys_package" not in sys.modules
    with pytest.raises(ValueError, match=r"got kind 'os\.system'"):
        build_text_encoder({"kind": "os.system", "command": "x"})


def calls(path: Path) -> list[str]:
    """Names of all that a file calls, dotted."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]


def test_nothing_unpickles_evaluates_or_loads_yaml_with_code() -> None:
    forbidden = {"eval", "exec", "pickle.load", "pickle.loads", "yaml.load", "yaml.unsafe_load", "os.system"}
    loads = []
    for path in SOURCE.rglob("*.py"):
        found = calls(path)
        assert not forbidden & set(found), path
        # No archive is unpacked, so none can write outside its folder.
        assert not [call for call in found if call.split(".")[-1] in ("extract", "extractall", "unpack_archive")], path
        loads += [path.name for call in found if call == "torch.load"]
        text = path.read_text(encoding="utf-8")
        assert text.count("np.load(") == text.count("allow_pickle=False"), path
        assert text.count("torch.load(") == text.count("weights_only=True") - text.count("ckpt_path="), path
    assert sorted(loads) == ["checkpoints.py", "weights.py"]


def test_a_layer_of_ones_own_is_still_taken(tmp_path: Path) -> None:
    Segmenter(nn.Conv2d(3, 4, 1), ("sky",), torch.ones(1, 4)).save_pretrained(tmp_path / "own")
    assert Segmenter.from_pretrained(tmp_path / "own", student=nn.Conv2d(3, 4, 1)).class_names == ("sky",)
