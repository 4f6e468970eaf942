"""A model folder of any content: a segmenter, or one ValueError or FileNotFoundError that names the folder."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.fuzz.settings import FEW, JSON, MORE, outcome, spoilt
from torch import nn

from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.students.build import KINDS
from clipteacher.training.checkpoints import newest_whole
from clipteacher.utils.weights import read_weights

FILES = ("config.json", "student.safetensors", "vocabulary.safetensors")


def network() -> nn.Module:
    return nn.Conv2d(3, 4, 3, stride=4)


def write_model(folder: Path) -> dict[str, bytes]:
    torch.manual_seed(0)
    Segmenter(network(), ("sky", "grass"), torch.randn(2, 4), unseen=("grass",)).save_pretrained(folder)
    return {name: (folder / name).read_bytes() for name in FILES}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return write_model(tmp_path_factory.mktemp("whole") / "model")


def check(folder: Path, student: nn.Module | None) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    segmenter = outcome(
        lambda: Segmenter.from_pretrained(folder, student=student), str(folder), FileNotFoundError, ValueError
    )
    if segmenter is not None:
        labels = segmenter.segment(torch.rand(3, 8, 9)).labels
        assert labels.shape == (8, 9)
        assert 0 <= int(labels.min()) <= int(labels.max()) < len(segmenter.class_names)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before, "reading writes nothing"


@pytest.mark.parametrize("name", FILES)
@MORE
@given(data=st.data())
def test_any_bytes_in_place_of_a_file(name: str, data: st.DataObject, whole: dict[str, bytes], tmp_path: Path) -> None:
    content = data.draw(st.binary(max_size=80) | spoilt(whole[name]))
    for each in FILES:
        (tmp_path / each).write_bytes(content if each == name else whole[each])
    check(tmp_path, network())


@MORE
@given(data=st.data())
def test_any_entry_in_the_configuration(data: st.DataObject, whole: dict[str, bytes], tmp_path: Path) -> None:
    config = json.loads(whole["config.json"])
    for key in data.draw(st.lists(st.sampled_from(sorted(config)), min_size=1, max_size=2, unique=True)):
        config[key] = data.draw(JSON)
    for each in FILES[1:]:
        (tmp_path / each).write_bytes(whole[each])
    (tmp_path / "config.json").write_text(json.dumps(config))
    check(tmp_path, network())


ARGUMENTS = ("architecture", "encoder", "channels", "size", "mean", "std", "options", "weights", "depth", "dropout")


@FEW
@given(
    kind=st.sampled_from([*KINDS, "hf"]),
    arguments=st.dictionaries(st.sampled_from(ARGUMENTS) | st.text(max_size=5), JSON, min_size=1, max_size=3),
)
def test_any_description_of_a_student(
    kind: str, arguments: dict[str, Any], whole: dict[str, bytes], tmp_path: Path
) -> None:
    config = json.loads(whole["config.json"]) | {"student": {**arguments, "kind": kind}}
    for each in FILES[1:]:
        (tmp_path / each).write_bytes(whole[each])
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"config\.json|student\.safetensors"):  # its weights are of another network
        Segmenter.from_pretrained(tmp_path)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pth"])
@MORE
@given(data=st.data())
def test_any_weights(name: str, data: st.DataObject, whole: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / name
    torch.save(network().state_dict(), tmp_path / "whole.pth")
    valid = (tmp_path / "whole.pth").read_bytes() if name.endswith(".pth") else whole["student.safetensors"]
    path.write_bytes(data.draw(st.binary(max_size=80) | spoilt(valid)))
    state = outcome(lambda: read_weights(path), name, ValueError)
    if state is not None:
        assert all(isinstance(tensor, torch.Tensor) for tensor in state.values())


@pytest.mark.filterwarnings("ignore")
@MORE
@given(data=st.data())
def test_any_checkpoint(data: st.DataObject, tmp_path: Path) -> None:
    torch.save({"state_dict": network().state_dict(), "global_step": 3}, tmp_path / "whole.pth")
    content = data.draw(st.binary(max_size=80) | spoilt((tmp_path / "whole.pth").read_bytes()))
    (tmp_path / "last.ckpt").write_bytes(content)
    found = outcome(lambda: newest_whole(tmp_path), "last.ckpt", ValueError)
    if found is not None:
        assert found.content["global_step"] == 3
