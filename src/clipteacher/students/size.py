"""How large a network is and how much it computes, counted as papers count."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from clipteacher.utils.modes import in_mode

BILINEAR_PRODUCTS = 4


def count_parameters(network: nn.Module) -> int:
    """Count the numbers that training changes; buffers, such as a normalisation's statistics, are none."""
    return sum(parameter.numel() for parameter in network.parameters())


def count_flops(network: nn.Module, height: int, width: int, *, every_product: bool = False) -> int:
    """Count what a network computes for one image at test, in multiplications with addition.

    As most published figures do, one multiplication with its addition counts once, and only convolutions and products
    of matrices count (attention and factorisation too). Nothing is computed: the network must lie on the device "meta"
    (`network.to("meta")`), where it has shapes alone.

    Args:
        network: A student, images (B, 3, H, W) to features. Its mode is left as it was.
        height: H.
        width: W.
        every_product: Count all products, as torchprofile does, the tool of SegNeXt's authors: one for each value of a
            product by element and of a normalisation, four for each value of a bilinear interpolation, and the output
            is brought to H × W as for a prediction.

    Raises:
        ValueError: The network is not on the device "meta".
    """
    places = {parameter.device.type for parameter in network.parameters()}
    if places != {"meta"}:
        raise ValueError(f"flops: got a network on {sorted(places)}, expected ['meta']. Move it: network.to('meta')")
    mapping = _products() if every_product else None
    with (
        torch.no_grad(),
        in_mode(network, training=False),
        sdpa_kernel(SDPBackend.MATH),
        FlopCounterMode(display=False, custom_mapping=mapping) as counter,
    ):
        features = network(torch.empty(1, 3, height, width, device="meta"))
        if every_product:
            F.interpolate(features, size=(height, width), mode="bilinear", align_corners=False)
    return int(counter.get_total_flops()) // 2  # torch counts the addition by itself


def _products() -> dict[Any, Callable[..., int]]:
    """Formulas for the operations that `FlopCounterMode` passes over."""
    aten = torch.ops.aten
    once = (aten.mul, aten.native_batch_norm, aten.native_layer_norm, aten.native_group_norm)
    formulas = dict.fromkeys(once, _counted(1)) | {aten.upsample_bilinear2d: _counted(BILINEAR_PRODUCTS)}
    # An operation whose overload is not named as well is taken apart before it is looked up.
    overloads: dict[Any, Callable[..., int]] = {name.default: formulas[name] for name in formulas if name != aten.mul}
    return formulas | overloads | {aten.mul.Tensor: formulas[aten.mul]}


def _counted(products: int) -> Callable[..., int]:
    """A formula that counts so many products for each value that comes out, twice each, as torch's own formulas do."""

    def formula(*_arguments: object, out_shape: Sequence[Any], **_options: object) -> int:
        shape = out_shape if isinstance(out_shape, torch.Size) else out_shape[0]  # a norm gives its statistics too
        return 2 * products * math.prod(shape)

    return formula
