"""SegFormer: its decoder's width, the authors' encoder weights, and dropout."""

from pathlib import Path

import pytest
import torch
from torch import nn

from clipteacher.students.segformer import DECODER_CHANNELS, SegFormerStudent
from clipteacher.students.smp import SMPStudent


def test_decoders_are_as_wide_as_the_authors() -> None:
    assert DECODER_CHANNELS == {"b0": 256, "b1": 256, "b2": 768, "b3": 768, "b4": 768, "b5": 768}
    fuse = SegFormerStudent("b0", 8).network.decoder.fuse_stage[0]
    assert fuse.weight.shape == (256, 4 * 256, 1, 1)


def test_an_encoder_of_the_authors_arrives(tmp_path: Path) -> None:
    """Names as in mit_b0.pth, a few of which are spelled out here; its classifier stays in the file."""
    torch.manual_seed(1)
    state = {
        name: torch.randn_like(tensor)
        for name, tensor in SegFormerStudent("b0", 8).network.encoder.state_dict().items()
    }
    assert {
        "patch_embed1.proj.weight",
        "block1.0.attn.q.weight",
        "block1.0.attn.sr.weight",
        "block4.1.mlp.dwconv.dwconv.weight",
        "norm4.bias",
    } <= state.keys()
    torch.save(state | {"head.weight": torch.zeros(1000, 256), "head.bias": torch.zeros(1000)}, tmp_path / "mit_b0.pth")
    own = SegFormerStudent("b0", 8, weights=str(tmp_path / "mit_b0.pth")).network.encoder.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in own.items())
    with pytest.raises(ValueError, match="does not fit"):
        SegFormerStudent("b1", 8, weights=str(tmp_path / "mit_b0.pth"))


def test_dropout_changes_training_alone_and_no_name() -> None:
    plain = SMPStudent("Segformer", "mit_b0", 8, options={"decoder_segmentation_channels": 256}).eval()
    student = SegFormerStudent("b0", 8, dropout=0.5).eval()
    student.load_state_dict(plain.state_dict())
    images = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(student(images), plain(images))
        student.network.segmentation_head.train()
        torch.manual_seed(0)
        dropped = student(images)
    assert not torch.equal(dropped, plain(images))
    assert isinstance(student.network.segmentation_head.dropout, nn.Dropout2d)


def test_an_unknown_size() -> None:
    with pytest.raises(ValueError, match="SegFormer of size 'mit_b0', expected one of b0, b1, b2, b3, b4, b5"):
        SegFormerStudent("mit_b0")
