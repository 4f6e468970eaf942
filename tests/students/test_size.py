"""Counting, against numbers worked out by hand."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clipteacher.students.size import count_flops, count_parameters


class Mixed(nn.Module):
    """One of each operation that counts."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.deep = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.drop = nn.Dropout()

    def forward(self, images: Tensor) -> Tensor:
        x = self.norm(self.conv(images))
        x = self.drop(F.relu(self.deep(x) * x))
        tokens = x.flatten(2).transpose(1, 2)
        return F.interpolate((tokens @ tokens.transpose(1, 2)).unsqueeze(1), scale_factor=0.5, mode="bilinear")


H, W = 4, 6
N = H * W
PRODUCTS = N * 8 * 27 + N * 8 * 9 + N * N * 8


def meta() -> nn.Module:
    return Mixed().to("meta")


def test_parameters_leave_statistics_out() -> None:
    assert count_parameters(Mixed()) == count_parameters(meta()) == (8 * 27 + 8) + 16 + (8 * 9 + 8)


def test_a_multiplication_and_its_addition_count_once() -> None:
    assert count_flops(meta(), H, W) == PRODUCTS


def test_every_product_adds_norms_products_and_interpolation() -> None:
    """The output of 12 × 12 is brought to the image's size."""
    more = N * 8 + N * 8 + 4 * (N // 2) ** 2 + 4 * N
    assert count_flops(meta(), H, W, every_product=True) == PRODUCTS + more


def test_attention_counts_however_it_is_written() -> None:
    class Attends(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.query = nn.Linear(3, 16)

        def forward(self, images: Tensor) -> Tensor:
            q = self.query(images.flatten(2).transpose(1, 2)).unsqueeze(1)
            return F.scaled_dot_product_attention(q, q, q)

    assert count_flops(Attends().to("meta"), H, W) == N * 3 * 16 + 2 * N * N * 16


@pytest.mark.parametrize("training", [True, False])
def test_modes_are_left_as_they_were(training: bool) -> None:
    network = meta().train(training)
    assert isinstance(network, Mixed)
    network.norm.eval()
    count_flops(network, H, W)
    assert [network.training, network.norm.training, network.drop.training] == [training, False, training]


def test_a_network_elsewhere_is_refused() -> None:
    with pytest.raises(ValueError, match=r"got a network on \['cpu'\], expected \['meta'\]\. Move it: network\.to"):
        count_flops(Mixed(), H, W)
    assert torch.get_default_device().type == "cpu"
