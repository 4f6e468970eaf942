"""How large a network is and how much it computes, counted as papers count."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode


def count_parameters(network: nn.Module) -> int:
    """Count the numbers that training changes; buffers, such as a normalisation's statistics, are none."""
    return sum(parameter.numel() for parameter in network.parameters())


def count_flops(network: nn.Module, height: int, width: int) -> int:
    """Count what a network computes for one image at test, in multiplications with addition.

    As the published figures do, one multiplication with its addition counts once, and only convolutions and products of
    matrices count (attention and factorisation too); normalisation, activation and interpolation do not. Nothing is
    computed: the network must lie on the device "meta" (`network.to("meta")`), where it has shapes alone.

    Args:
        network: A student, images (B, 3, H, W) to features. Its mode is left as it was.
        height: H.
        width: W.

    Raises:
        ValueError: The network is not on the device "meta".
    """
    places = {parameter.device.type for parameter in network.parameters()}
    if places != {"meta"}:
        raise ValueError(f"flops: got a network on {sorted(places)}, expected ['meta']. Move it: network.to('meta')")
    training = network.training
    network.eval()
    try:
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            network(torch.empty(1, 3, height, width, device="meta"))
    finally:
        network.train(training)
    return int(counter.get_total_flops()) // 2  # torch counts the addition by itself
