"""Swin with UPerNet: sides, windows, weights in two namings, and its options."""

import re
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import Tensor

from clipteacher.students.swin_upernet import SwinUPerNetStudent


def make(**arguments: Any) -> SwinUPerNetStudent:  # noqa: ANN401
    torch.manual_seed(0)
    return SwinUPerNetStudent(**({"channels": 8} | arguments)).eval()


@pytest.fixture(scope="module")
def student() -> SwinUPerNetStudent:
    return make()


@pytest.mark.parametrize("size", [(32, 32), (96, 64), (64, 160)])
def test_any_multiple_of_32_works(student: SwinUPerNetStudent, size: tuple[int, int]) -> None:
    with torch.no_grad():
        assert student(torch.rand(1, 3, *size)).shape == (1, 8, size[0] // 4, size[1] // 4)


def test_every_other_block_shifts_its_windows_in_every_stage(student: SwinUPerNetStudent) -> None:
    encoder = student.network.encoder.model
    for stage in ("layers_0", "layers_1", "layers_2", "layers_3"):
        shifts = [block.shift_size for block in encoder.get_submodule(stage).blocks]
        assert shifts == [(0, 0), (3, 3)] * (len(shifts) // 2), stage
        assert {block.window_size for block in encoder.get_submodule(stage).blocks} == {(7, 7)}


def test_the_decoder_is_upernets(student: SwinUPerNetStudent) -> None:
    decoder = student.network.decoder
    assert [block[0].output_size for block in decoder.psp.blocks] == [1, 2, 3, 6]
    assert decoder.fusion_block[0].weight.shape == (512, 2048, 3, 3)
    assert [tuple(norm.normalized_shape) for norm in decoder.feature_norms] == [(96,), (192,), (384,), (768,)]


def test_drop_path_reaches_the_encoder() -> None:
    with torch.device("meta"):
        last = make(drop_path=0.4).network.encoder.model.layers_3.blocks[-1]
    assert last.drop_path1.drop_prob == pytest.approx(0.4)


def test_small_training_images_do_not_shift_the_last_stages_windows() -> None:
    with torch.device("meta"):
        blocks = make(image_size=224).network.encoder.model.layers_3.blocks
    assert [block.shift_size for block in blocks] == [(0, 0), (0, 0)]


def authors_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """As in swin_tiny_patch4_window7_224.pth: a stage ends with its downsampling, and buffers are saved too."""
    theirs = {
        re.sub(r"^layers\.(\d+)\.downsample", lambda m: f"layers.{int(m[1]) - 1}.downsample", name): tensor
        for name, tensor in state.items()
        if not name.startswith("head.")
    }
    index = {"layers.0.blocks.0.attn.relative_position_index": torch.zeros(49, 49, dtype=torch.int64)}
    return theirs | index | {"head.weight": torch.zeros(1000, 768), "head.bias": torch.zeros(1000)}


def test_encoder_weights_of_the_authors_arrive(tmp_path: Path) -> None:
    torch.manual_seed(1)
    with torch.device("meta"):
        shapes = timm.create_model("swin_tiny_patch4_window7_224", pretrained=False).state_dict()
    state = {name: torch.rand(tensor.shape) for name, tensor in shapes.items()}
    theirs = authors_names(state)
    assert theirs["layers.0.downsample.reduction.weight"].shape == (192, 384)
    assert "layers.3.downsample.reduction.weight" not in theirs
    torch.save({"model": theirs}, tmp_path / "swin_tiny_patch4_window7_224.pth")
    own = make(weights=str(tmp_path / "swin_tiny_patch4_window7_224.pth")).network.encoder.state_dict()
    assert len(own) > 150
    for name, tensor in own.items():
        plain = re.sub(r"^layers_(\d+)", r"layers.\1", name.removeprefix("model."))
        assert torch.equal(tensor, state[plain]), name


def test_an_unknown_size() -> None:
    with pytest.raises(ValueError, match="Swin of size 'T', expected one of tiny, small, base"):
        SwinUPerNetStudent("T")
