"""A CLIP's weights are read as all others are; TorchScript and the prefix of DDP come on top."""

import pickle
import zipfile
from pathlib import Path
from typing import Any

import open_clip as _untyped
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from clipteacher.teachers import openclip_build
from clipteacher.teachers.openclip_build import load_weights
from clipteacher.utils.weights import read_weights

open_clip: Any = _untyped


def clip(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    vision = {"image_size": 16, "layers": 1, "width": 16, "head_width": 8, "patch_size": 8}
    text = {"context_length": 8, "vocab_size": 20, "width": 16, "heads": 2, "layers": 1}
    network: nn.Module = open_clip.CLIP(8, vision, text)
    return network


def load(file: Path) -> dict[str, Tensor]:
    """Load a file into a CLIP with other weights."""
    network = clip(1)
    load_weights(network, file, "tiny", quick_gelu=False)
    return dict(network.state_dict())


def assert_same(state: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert state.keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.equal(state[name], tensor), name


def test_there_is_one_reader_of_state_dicts() -> None:
    assert vars(openclip_build)["read_weights"] is read_weights


@pytest.mark.parametrize("wrapper", ["state_dict", "model"])
def test_each_wrapper_that_other_weights_may_have(tmp_path: Path, wrapper: str) -> None:
    state, file = dict(clip(0).state_dict()), tmp_path / "clip.pt"
    torch.save({wrapper: {f"module.{name}": tensor for name, tensor in state.items()}, "epoch": 3}, file)
    assert_same(load(file), state)


@pytest.mark.parametrize("suffix", [".safetensors", ".bin"])
def test_half_precision_is_loaded_into_float32(tmp_path: Path, suffix: str) -> None:
    halves, file = {name: tensor.half() for name, tensor in clip(0).state_dict().items()}, tmp_path / f"clip{suffix}"
    save_file(halves, file) if suffix == ".safetensors" else torch.save(halves, file)
    loaded = load(file)
    assert {tensor.dtype for tensor in loaded.values()} == {torch.float32}
    assert_same(loaded, {name: tensor.float() for name, tensor in halves.items()})


@pytest.mark.filterwarnings("ignore:.*torch.jit.*")
def test_a_torchscript_archive(tmp_path: Path) -> None:
    class Holder(nn.Module):
        """Every entry under its own name; the towers' code plays no part."""

        def forward(self, x: Tensor) -> Tensor:
            return x

    network, holder = clip(0), Holder()
    for name, child in network.named_children():
        holder.add_module(name, bare(child))
    for name, parameter in network.named_parameters(recurse=False):
        holder.register_parameter(name, parameter)
    torch.jit.save(torch.jit.script(holder), tmp_path / "clip.pt")
    assert_same(load(tmp_path / "clip.pt"), dict(network.state_dict()))


def bare(module: nn.Module) -> nn.Module:
    """The parameters of a module by their names, without its code."""
    shell = nn.Module()
    for name, child in module.named_children():
        shell.add_module(name, bare(child))
    for name, parameter in module.named_parameters(recurse=False):
        shell.register_parameter(name, parameter)
    return shell


@pytest.mark.filterwarnings("ignore:.*torch.jit.*")
def test_a_broken_archive_is_named(tmp_path: Path) -> None:
    file = tmp_path / "archive.pt"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/constants.pkl", b"")
    with pytest.raises(ValueError, match=f"{file} cannot be read as weights"):
        load(file)


class Malicious:
    """Pickled, it creates the file that it was given as it is loaded."""

    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.victim,))


def test_a_malicious_pickle_does_not_run(tmp_path: Path) -> None:
    file, victim = tmp_path / "clip.pt", tmp_path / "victim"
    file.write_bytes(pickle.dumps({"visual.proj": Malicious(victim)}, protocol=2))
    with pytest.raises(ValueError, match=f"{file} cannot be read as weights"):
        load(file)
    assert not victim.exists()


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=f"no file {tmp_path / 'clip.pt'}"):
        load(tmp_path / "clip.pt")
