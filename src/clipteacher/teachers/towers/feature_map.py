"""timm's towers that end in a map of features: ConvNeXt, FastViT (MobileCLIP), Swin."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from clipteacher.teachers.dense_readings import Dense
from clipteacher.teachers.towers.tower import Tower


def feature_map_tower(visual: Any) -> Tower | None:  # noqa: ANN401 (open_clip's `TimmModel`)
    """Describe a tower whose last features are a map; None where timm does not say how wide its steps are."""
    trunk = visual.trunk
    info = getattr(trunk, "feature_info", None)
    if not info or hasattr(trunk, "num_prefix_tokens"):
        return None
    embed = getattr(trunk, "patch_embed", None)
    fixed = bool(getattr(embed, "strict_img_size", False))  # windows are laid out for one size
    native = tuple(embed.img_size) if embed is not None and fixed else visual.image_size
    step = int(info[-1]["reduction"])
    return Tower(f"timm, {type(trunk).__name__}", map_tokens, (step, step), native, fixed, attention=False)


def map_tokens(visual: Any, images: Tensor, dense: Dense) -> tuple[Tensor, Tensor]:  # noqa: ANN401 (as above)
    """Run a tower once for its CLS token, which is its pooled map, and for dense tokens, which are its map.

    Each position of the map goes through what the tower does after it, as if the map held nothing else: pool, norm,
    projection.

    Source: FC-CLIP (arXiv 2308.02487), which reads a ConvNeXt so.

    Args:
        visual: open_clip's `TimmModel` with a trunk that `feature_map_tower` knows.
        images: Normalised images, (B, 3, H, W), floating point; H and W multiples of the tower's step.
        dense: "tokens" or "value", which are the same here.

    Returns:
        CLS (B, C), as the tower's own forward gives it, and dense tokens (B, C, h, w).
    """
    trunk = visual.trunk
    features = trunk.forward_features(images)
    last = getattr(trunk, "output_fmt", "NCHW") == "NHWC"
    maps = features if last else features.permute(0, 2, 3, 1)
    alone = maps.flatten(0, 2)[:, None, None]  # (B · h · w, 1, 1, D): each position a picture of its own
    local = visual.head(trunk.forward_head(alone if last else alone.permute(0, 3, 1, 2)))
    return visual.head(trunk.forward_head(features)), local.unflatten(0, maps.shape[:3]).permute(0, 3, 1, 2)
