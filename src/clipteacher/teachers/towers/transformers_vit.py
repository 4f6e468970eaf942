"""Vision transformers of the transformers library: CLIP, MetaCLIP 2, AltCLIP, Chinese-CLIP, SigLIP, SigLIP 2 and kin.

They are recognised by their modules: `vision_model` with `encoder.layers` and `post_layernorm`, pooled by a class token
and `visual_projection`, or by an attention pool `head`. Positions are interpolated as the library does it.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clipteacher.teachers.dense_readings import Dense, read_dense
from clipteacher.teachers.last_block import LastBlock
from clipteacher.teachers.towers.tower import Tower, as_map

_BLOCK = ("layer_norm1", "layer_norm2", "mlp", "self_attn")
_ATTENTION = ("q_proj", "k_proj", "v_proj", "out_proj")


def transformers_tower(model: Any) -> Tower:  # noqa: ANN401 (one of transformers' models)
    """Describe the image tower of a model of transformers.

    Args:
        model: The whole model, with `get_image_features`.

    Raises:
        ValueError: Its image tower is no vision transformer of this kind.
    """
    vision: Any = getattr(model, "vision_model", None)
    layers: Any = getattr(getattr(vision, "encoder", None), "layers", None)
    known = layers is not None and all(hasattr(layers[-1], name) for name in _BLOCK)
    known = known and all(hasattr(layers[-1].self_attn, name) for name in _ATTENTION)
    pooled = _pool(vision) is not None or hasattr(model, "visual_projection")
    if not (known and pooled and hasattr(vision, "post_layernorm") and hasattr(model, "get_image_features")):
        raise ValueError(
            f"model: got {type(model).__name__}; expected a model of transformers whose image tower is a vision "
            "transformer as CLIP's or SigLIP's, such as CLIPModel or SiglipModel. Write a teacher of your own: "
            "clipteacher.teachers.teacher.Teacher says what it must give."
        )
    config, how = vision.config, "class token" if _pool(vision) is None else "attention pool"
    patch = int(config.patch_size)
    side = int(getattr(config, "image_size", 0)) or round(config.num_patches**0.5) * patch
    return Tower(f"transformers, ViT, {how}", transformers_vit_tokens, (patch, patch), (side, side))


def transformers_vit_tokens(model: Any, images: Tensor, dense: Dense) -> tuple[Tensor, Tensor]:  # noqa: ANN401 (as above)
    """Run a model's image tower once for its CLS token and its dense tokens.

    Dense tokens go through what the tower does after its last block: final norm, and projection or the value path of
    the attention pool.

    Args:
        model: A model that `transformers_tower` knows.
        images: Normalised images, (B, 3, H, W), floating point; H and W multiples of the patch size.
        dense: "tokens": the last layer's. "value": the value path of the last attention; with an attention pool this
            is the pool's, so that "tokens" and "value" are the same. All others: that reading of the last block.

    Returns:
        CLS (B, C), as `get_image_features` gives it, and dense tokens (B, C, H / patch, W / patch).
    """
    vision = model.vision_model
    patch = int(vision.config.patch_size)
    grid = (images.shape[-2] // patch, images.shape[-1] // patch)
    last, seen = vision.encoder.layers[-1], {}

    def keep(_: nn.Module, args: tuple[Any, ...], named: dict[str, Any], out: Any) -> None:  # noqa: ANN401 (a hook)
        seen["in"] = args[0] if args else named["hidden_states"]
        seen["out"] = out if isinstance(out, Tensor) else out[0]  # a tuple until transformers 5

    hook = last.register_forward_hook(keep, with_kwargs=True)
    try:
        features = model.get_image_features(**_inputs(vision, images, grid))
    finally:
        hook.remove()
    cls = features if isinstance(features, Tensor) else features.pooler_output  # a tensor until transformers 5
    prefix = seen["in"].shape[1] - grid[0] * grid[1]
    if dense == "tokens" or (dense == "value" and _pool(vision) is not None):
        local = seen["out"][:, prefix:]
    else:
        local = read_dense(transformers_block(last, seen["in"], prefix), grid, dense)
    local = vision.post_layernorm(local)
    pool = _pool(vision)
    return cls, as_map(model.visual_projection(local) if pool is None else _values(pool, local), grid)


def transformers_block(block: Any, x: Tensor, prefix: int) -> LastBlock:  # noqa: ANN401 (an encoder layer)
    """Take an encoder layer apart for the tokens that enter it.

    Args:
        block: A layer with pre-normalisation, as CLIP's, in evaluation mode.
        x: Tokens that enter it, (B, L, D), floating point.
        prefix: How many of them, the first, are no patches.

    Returns:
        The layer's parts.
    """
    attention, normed = block.self_attn, block.layer_norm1(x)
    q, k, v = (
        part(normed).reshape(*x.shape[:2], attention.num_heads, -1).transpose(1, 2)
        for part in (attention.q_proj, attention.k_proj, attention.v_proj)
    )
    return LastBlock(q, k, v, prefix, x, attention.out_proj, partial(_feed_forward, block))


def _feed_forward(block: Any, x: Tensor) -> Tensor:  # noqa: ANN401 (as above)
    """The second half of the layer, (B, N, D) to (B, N, D)."""
    return x + block.mlp(block.layer_norm2(x))  # type: ignore[no-any-return]


def _inputs(vision: Any, images: Tensor, grid: tuple[int, int]) -> dict[str, Any]:  # noqa: ANN401 (an image tower)
    """Arguments of `get_image_features`: images, or their patches where the tower takes any aspect (NaFlex)."""
    if not isinstance(getattr(vision.embeddings, "patch_embedding", None), nn.Linear):
        return {"pixel_values": images, "interpolate_pos_encoding": True}
    side = int(vision.config.patch_size)
    tiles = images.reshape(len(images), 3, grid[0], side, grid[1], side)
    patches = tiles.permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2)  # rows · columns, then y, x and channels
    return {
        "pixel_values": patches,
        "pixel_attention_mask": torch.ones(patches.shape[:2], dtype=torch.long, device=images.device),
        "spatial_shapes": torch.tensor([grid] * len(images), device=images.device),
    }


def _pool(vision: Any) -> Any:  # noqa: ANN401 (as above)
    """The attention pool of an image tower; None where there is none."""
    pool = getattr(vision, "head", None)
    return pool if hasattr(pool, "probe") else None


def _values(pool: Any, x: Tensor) -> Tensor:  # noqa: ANN401 (an attention pool)
    """What the pool's query finds that attends to one token alone: tokens (B, L, D) to (B, L, D)."""
    attention = pool.attention
    values = F.linear(x, attention.in_proj_weight.chunk(3)[2], attention.in_proj_bias.chunk(3)[2])
    values = attention.out_proj(values)
    return values + pool.mlp(pool.layernorm(values))  # type: ignore[no-any-return]
