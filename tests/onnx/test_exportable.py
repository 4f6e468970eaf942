"""Layers made exportable compute what the ones they replace compute, at every size."""

import copy

import pytest
import torch
from timm.models.swin_transformer import SwinTransformerBlock
from torch import nn

from clipteacher.onnx.graph import DynamicPool, DynamicSwinBlock, exportable


@pytest.mark.parametrize("size", [(2, 2), (3, 3), (6, 6), (1, 4)])
@pytest.mark.parametrize("of", [(6, 6), (7, 13), (2, 3), (1, 1), (32, 5)])
def test_pooling_is_torchs(size: tuple[int, int], of: tuple[int, int]) -> None:
    features = torch.randn(2, 4, *of, generator=torch.Generator().manual_seed(0))
    expected = nn.AdaptiveAvgPool2d(size)(features)
    torch.testing.assert_close(DynamicPool(*size)(features), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shift", [0, 3])
@pytest.mark.parametrize("size", [(14, 14), (7, 7), (8, 20), (2, 3), (1, 1), (15, 4)])
def test_swin_block_is_timms(shift: int, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    block = SwinTransformerBlock(8, (14, 14), num_heads=2, window_size=7, shift_size=shift, dynamic_mask=True).eval()
    nn.init.normal_(block.attn.relative_position_bias_table)
    other = exportable(block)
    assert type(other) is DynamicSwinBlock
    assert type(block) is SwinTransformerBlock, "the first is left as it was"
    features = torch.randn(2, *size, 8)
    with torch.no_grad():
        torch.testing.assert_close(other(features), block(features), rtol=1e-5, atol=1e-5)


def test_only_what_cannot_be_exported_is_replaced() -> None:
    kept = [nn.AdaptiveAvgPool2d(1), nn.AdaptiveAvgPool2d((1, 1)), nn.AdaptiveAvgPool2d((None, 2)), nn.AvgPool2d(2)]
    network = nn.Sequential(*kept, nn.Sequential(nn.AdaptiveAvgPool2d(3))).train()
    other = exportable(network)
    assert [type(module) for module in other] == [type(module) for module in [*kept, nn.Sequential()]]  # type: ignore[attr-defined]
    assert isinstance(other.get_submodule("4.0"), DynamicPool)
    assert isinstance(network.get_submodule("4.0"), nn.AdaptiveAvgPool2d)
    assert network.training
    assert not other.training


def test_a_pool_that_is_the_whole_network() -> None:
    pool = nn.AdaptiveAvgPool2d(2)
    made = exportable(pool)
    images = torch.rand(1, 3, 5, 7)
    torch.testing.assert_close(made(images), pool(images))
    assert copy.deepcopy(made)(images).shape == (1, 3, 2, 2)
