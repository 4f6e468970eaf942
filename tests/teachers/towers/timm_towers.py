"""Tiny random towers of timm's, as open_clip wraps them."""

from functools import partial
from typing import Any
from unittest import mock

import timm
import torch
from open_clip.timm_model import TimmModel
from torch import Tensor, nn

WIDTH = 24
VIT = {"img_size": 32, "patch_size": 8, "embed_dim": 32, "depth": 3, "num_heads": 4}
TOWERS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "siglip": ("vit_base_patch16_siglip_224", {"pool": "map", "proj": "none"}, VIT | {"embed_dim": WIDTH}),
    "pe_core": ("vit_pe_core_tiny_patch16_384", {"pool": "map", "proj": ""}, VIT | {"ref_feat_shape": (4, 4)}),
    "eva01": ("eva_giant_patch14_224", {"pool": "token", "proj": ""}, VIT | {"init_values": 0.1}),
    "eva02": ("eva02_base_patch16_clip_224", {"pool": "token", "proj": ""}, VIT),
    "eva02_post_norm": ("eva02_enormous_patch14_clip_224", {"pool": "token", "proj": ""}, VIT | {"mlp_ratio": 2}),
    "clip": ("vit_large_patch14_clip_224", {"pool": "token", "proj": ""}, VIT),
    "gap": ("vit_medium_patch16_gap_256", {"pool": "", "proj": "linear"}, VIT),
    "relative": ("vit_relpos_medium_patch16_cls_224", {"pool": "", "proj": "linear"}, VIT),
    "mobileclip": ("vit_base_mci_224", {"pool": "token", "proj": ""}, {"img_size": 64, "depth": 1}),
}
"""Name in timm, pool and projection as open_clip configures them, and what makes it tiny."""
ANY_SIZE = [name for name in TOWERS if name != "relative"]


def timm_tower(name: str, wrapped: dict[str, Any], tiny: dict[str, Any]) -> Any:  # noqa: ANN401 (open_clip is untyped)
    """Build a tower with random weights, noise where they start at 0 or 1."""
    create = timm.create_model
    torch.manual_seed(0)
    with mock.patch.object(timm, "create_model", lambda *args, **named: partial(create, *args, **named)(**tiny)):
        tower: nn.Module = TimmModel(name, embed_dim=WIDTH, image_size=tiny.get("img_size", 64), **wrapped)
    generator = torch.Generator().manual_seed(0)
    for value in tower.parameters():
        value.data.add_(torch.randn(value.shape, generator=generator) * (0.2 if value.ndim < 2 else 0.05))
    return tower.eval().requires_grad_(False)


def pictures(*shape: int) -> Tensor:
    """Draw random images."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))
