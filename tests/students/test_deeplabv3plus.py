"""DeepLabV3+: strides and dilations, its decoder by the original's steps, weights in two namings."""

from pathlib import Path

import pytest
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clipteacher.students.deeplabv3plus import DeepLabV3PlusStudent, SeparableASPP


def test_the_encoder_keeps_stride_8_with_dilation() -> None:
    with torch.device("meta"):
        encoder = DeepLabV3PlusStudent(50).encoder
    first = {name: (m.stride, m.dilation) for name, m in encoder.named_modules() if name.endswith("conv2")}
    assert first["layer2.0.conv2"] == ((2, 2), (1, 1))
    assert first["layer3.0.conv2"] == ((1, 1), (1, 1))
    assert first["layer3.1.conv2"] == ((1, 1), (2, 2))
    assert first["layer4.0.conv2"] == ((1, 1), (2, 2)), "the first block of a stage keeps half the dilation"
    assert first["layer4.1.conv2"] == ((1, 1), (4, 4))
    assert [m.weight.shape[0] for m in encoder.conv1 if isinstance(m, nn.Conv2d)] == [32, 32, 64], "the V1c entrance"


def conv_norm(module: nn.Module, x: Tensor) -> Tensor:
    conv, norm = list(module.children())[:2]
    assert isinstance(conv, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    assert conv.bias is None
    return F.relu(norm(F.conv2d(x, conv.weight, None, 1, conv.padding, conv.dilation, conv.groups)))


def separable(module: nn.Module, x: Tensor, dilation: int) -> Tensor:
    deep, point = module.children()
    conv = next(deep.children())
    assert isinstance(conv, nn.Conv2d)
    assert (conv.kernel_size, conv.dilation, conv.groups) == ((3, 3), (dilation, dilation), x.shape[1])
    return conv_norm(point, conv_norm(deep, x))


def test_the_decoder_by_the_originals_steps() -> None:
    torch.manual_seed(0)
    decoder = SeparableASPP(8, 12).eval()
    skip, features = torch.rand(2, 8, 10, 14), torch.rand(2, 12, 5, 7)
    with torch.no_grad():
        pooled = conv_norm(decoder.image_pool, features.mean(dim=(2, 3), keepdim=True))
        branches = [F.interpolate(pooled, size=(5, 7), mode="bilinear"), conv_norm(decoder.pyramid[0], features)]
        branches += [separable(decoder.pyramid[i], features, d) for i, d in ((1, 12), (2, 24), (3, 36))]
        x = conv_norm(decoder.bottleneck, torch.cat(branches, dim=1))
        x = F.interpolate(x, size=(10, 14), mode="bilinear", align_corners=False)
        x = torch.cat([x, conv_norm(decoder.skip, skip)], dim=1)
        assert x.shape[1] == 512 + 48
        for layer in decoder.fuse:
            x = separable(layer, x, 1)
        torch.testing.assert_close(decoder(skip, features), x)
    bottleneck = decoder.bottleneck[0]
    assert isinstance(bottleneck, nn.Conv2d)
    assert bottleneck.weight.shape == (512, 5 * 512, 3, 3), "dense, not separable"


@pytest.mark.parametrize("size", [(33, 65), (40, 8)])
def test_any_side_works(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    student = DeepLabV3PlusStudent(50, 8).eval()
    with torch.no_grad():
        assert student(torch.rand(1, 3, *size)).shape == (1, 8, -(-size[0] // 4), -(-size[1] // 4))


def openmmlabs_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """As in resnet50_v1c: the entrance is one sequence, `stem`."""
    theirs = {}
    for name, tensor in state.items():
        if name.startswith("conv1."):
            name = "stem." + name.removeprefix("conv1.")
        elif name.startswith("bn1."):
            name = "stem.7." + name.removeprefix("bn1.")
        theirs[name] = tensor
    return theirs


def test_encoder_weights_of_openmmlab_arrive(tmp_path: Path) -> None:
    torch.manual_seed(1)
    with torch.device("meta"):
        shapes = timm.create_model("resnet50c", pretrained=False).state_dict()
    state = {name: torch.rand(tensor.shape).to(tensor.dtype) for name, tensor in shapes.items()}
    theirs = openmmlabs_names(state)
    assert {"stem.0.weight", "stem.7.running_mean", "layer1.0.conv1.weight", "fc.bias"} <= theirs.keys()
    torch.save({"state_dict": theirs}, tmp_path / "resnet50_v1c.pth")
    own = DeepLabV3PlusStudent(50, 8, weights=str(tmp_path / "resnet50_v1c.pth")).encoder.state_dict()
    assert len(own) > 250
    assert all(torch.equal(tensor, state[name]) for name, tensor in own.items())


def test_an_unknown_depth_and_an_unknown_tag() -> None:
    with pytest.raises(ValueError, match=r"DeepLabV3\+ of depth 18, expected one of \(50, 101\)"):
        DeepLabV3PlusStudent(18)
    with pytest.raises(ValueError, match=r"got weights 'imagenet' \(Invalid pretrained tag.*\), expected a file or"):
        DeepLabV3PlusStudent(50, weights="imagenet")


def test_a_tag_is_asked_of_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(
        "timm.models._builder.load_pretrained", lambda *a, **k: asked.append(k["pretrained_cfg"]["tag"])
    )
    with torch.device("meta"):
        DeepLabV3PlusStudent(50, 8, weights="gluon_in1k")
    assert asked == ["gluon_in1k"]
