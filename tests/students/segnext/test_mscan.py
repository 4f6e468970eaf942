"""MSCAN: the attention against its formula by loops, stages, shortcuts, and what training changes."""

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from clipteacher.students.segnext.mscan import MSCAN, Attention, Block, DropPath, FeedForward, MultiScaleConvAttention

Array = NDArray[np.float64]


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def tiny(drop_path: float = 0.0) -> MSCAN:
    return MSCAN((8, 16, 24, 32), (2, 2, 2, 2), (1, 2, 1, 1), drop_path)


def depthwise(x: Array, conv: nn.Conv2d) -> Array:
    """Each channel by its own kernel, zeros beyond the border, pixel by pixel."""
    kernel, bias = (t.detach().double().numpy() for t in (conv.weight, conv.bias) if t is not None)
    channels, height, width = x.shape
    _, _, tall, wide = kernel.shape
    out = np.zeros_like(x)
    for c in range(channels):
        for i in range(height):
            for j in range(width):
                total = bias[c]
                for u in range(tall):
                    for v in range(wide):
                        y, z = i + u - tall // 2, j + v - wide // 2
                        if 0 <= y < height and 0 <= z < width:
                            total += kernel[c, 0, u, v] * x[c, y, z]
                out[c, i, j] = total
    return out


def test_attention_is_its_formula() -> None:
    """Att = Conv1x1(Σ Scale_i(DWConv(F))), Out = Att ⊗ F, by loops."""
    unit = MultiScaleConvAttention(2)
    features = torch.rand(1, 2, 5, 6)
    x = features[0].double().numpy()
    local = depthwise(x, unit.conv0)
    total = local.copy()
    for first, second in (("conv0_1", "conv0_2"), ("conv1_1", "conv1_2"), ("conv2_1", "conv2_2")):
        across, down = unit.get_submodule(first), unit.get_submodule(second)
        assert isinstance(across, nn.Conv2d)
        assert isinstance(down, nn.Conv2d)
        total += depthwise(depthwise(local, across), down)
    assert unit.conv3.bias is not None
    mix, bias = unit.conv3.weight.detach().double().numpy()[:, :, 0, 0], unit.conv3.bias.detach().double().numpy()
    expected = (np.einsum("oc,chw->ohw", mix, total) + bias[:, None, None]) * x
    np.testing.assert_allclose(unit(features)[0].detach().numpy(), expected, rtol=1e-4, atol=1e-5)


def test_strips_are_7_11_and_21_long() -> None:
    kernels = {name: module.kernel_size for name, module in MultiScaleConvAttention(2).named_modules() if name}
    assert kernels == {
        "conv0": (5, 5),
        "conv0_1": (1, 7),
        "conv0_2": (7, 1),
        "conv1_1": (1, 11),
        "conv1_2": (11, 1),
        "conv2_1": (1, 21),
        "conv2_2": (21, 1),
        "conv3": (1, 1),
    }


def test_a_block_starts_almost_as_the_identity() -> None:
    """Layer scales of 0.01 on both parts."""
    block = Block(8, 4, 0.0).eval()
    features = torch.rand(2, 8, 6, 6)
    with torch.no_grad():
        normal = block.norm1(features)
        attended = features + 0.01 * block.attn(normal)
        expected = attended + 0.01 * block.mlp(block.norm2(attended))
        torch.testing.assert_close(block(features), expected)


def test_attention_has_a_shortcut_and_gelu() -> None:
    attention = Attention(4)
    features = torch.randn(1, 4, 3, 3)
    with torch.no_grad():
        assert attention.proj_2.bias is not None
        attention.proj_2.weight.zero_()
        attention.proj_2.bias.zero_()
        assert torch.equal(attention(features), features)
        feed = FeedForward(4, 8)
        hidden = feed.dwconv(feed.fc1(features))
        gelu = 0.5 * hidden * (1 + torch.erf(hidden / math.sqrt(2)))
        torch.testing.assert_close(feed(features), feed.fc2(gelu))
        assert hidden.shape == (1, 32, 3, 3)


@pytest.mark.parametrize(("height", "width"), [(64, 96), (65, 33), (1, 1)])
def test_maps_are_at_strides_4_8_16_32_rounded_up(height: int, width: int) -> None:
    maps = tiny().eval()(torch.rand(1, 3, height, width))
    sizes = [(math.ceil(height / s), math.ceil(width / s)) for s in (4, 8, 16, 32)]
    assert [tuple(m.shape) for m in maps] == [(1, c, *size) for c, size in zip((8, 16, 24, 32), sizes, strict=True)]


def test_maps_are_normalised_by_position() -> None:
    for level in tiny().eval()(torch.rand(1, 3, 64, 64)):
        torch.testing.assert_close(level.mean(dim=1), torch.zeros(level[:, 0].shape), atol=1e-5, rtol=0)


def rates(network: MSCAN) -> list[float]:
    return [module.drop_path.drop_prob or 0.0 for module in network.modules() if isinstance(module, Block)]


def test_drop_path_grows_linearly_over_the_blocks() -> None:
    assert rates(tiny(0.2)) == pytest.approx([0.0, 0.05, 0.1, 0.15, 0.2])
    assert rates(tiny(0.0)) == [0.0] * 5
    assert rates(MSCAN((8,), (2,), (1,), 0.3)) == [0.0], "one block alone"


def outputs(network: MSCAN, images: Tensor) -> list[Tensor]:
    with torch.no_grad():
        maps: list[Tensor] = network(images)
    return maps


def test_drop_path_works_in_training_alone() -> None:
    images = torch.rand(4, 3, 32, 32)
    network = tiny(0.9).eval()
    assert all(torch.equal(a, b) for a, b in zip(outputs(network, images), outputs(network, images), strict=True))
    for module in network.modules():
        if isinstance(module, Block):
            module.drop_path.train()
    deepest = [outputs(network, images)[3] for _ in range(4)]
    assert any(not torch.equal(deepest[0], other) for other in deepest[1:])


def test_convolutions_begin_as_the_authors_do() -> None:
    network = MSCAN((64, 128, 160, 256), (8, 8, 4, 4), (1, 1, 1, 1), 0.0)
    fc1 = network.get_submodule("block4.0.mlp.fc1")
    deep = network.get_submodule("block4.0.mlp.dwconv.dwconv")
    assert isinstance(fc1, nn.Conv2d)
    assert isinstance(deep, nn.Conv2d)
    assert fc1.weight.std().item() == pytest.approx(math.sqrt(2 / (256 * 4)), rel=0.02)
    assert deep.weight.std().item() == pytest.approx(math.sqrt(2 / 9), rel=0.05)  # fan out by group
    assert fc1.bias is not None
    assert not fc1.bias.any()


def test_drop_path_is_timms() -> None:
    from timm.layers import DropPath as Timms

    features = torch.rand(16, 3, 4, 5)
    for rate in (0.0, 0.3, 1.0):
        for training in (True, False):
            made = []
            for layer in (DropPath(rate), Timms(rate)):
                torch.manual_seed(1)
                made.append(layer.train(training)(features))
            assert torch.equal(*made)
