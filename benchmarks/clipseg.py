"""CLIPSeg (arXiv 2112.10003) as transformers has it, with random weights: from an image to labels by N prompts.

Its sizes are those of the published `clipseg-rd64`: patches of 16, images of 352². (transformers' own default, patches
of 32 and 224², is of no published CLIPSeg.) Its network gives one map for a pair of image and prompt, in two ways:

- "documented": `forward` as its documentation shows it, with the image repeated for every prompt, so that the image
  encoder runs once for each of them;
- "shared": its public parts one after the other. `clip.get_image_features` encodes the image once, and `decoder` takes
  these activations, a batch of one, with a batch of prompts, over which they broadcast. The maps are the same to the
  bit, and none of the code is ours; yet it is no documented call. It is the fastest use that the public code allows.

In both ways the prompts are encoded before, as our names are. Maps are brought from 352² to the image's size, a batch
of prompts at a time, and a pixel has the label of its highest map.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

SIDE = 352
BATCH = 4
"""Prompts at once: of 1, 4, 16 and 32, the fastest for each prompt on a CPU."""


def clipseg_network(*, tiny: bool = False) -> Any:  # noqa: ANN401 (transformers is not typed)
    """Build CLIPSeg with random weights, in eval mode; a tiny one shows that a script works."""
    import transformers as _untyped  # what `gpu.py` measures besides does without

    transformers: Any = _untyped
    vision: dict[str, Any] = {"patch_size": 16}
    options: dict[str, Any] = {}
    if tiny:
        small = {"num_hidden_layers": 1, "hidden_size": 32, "intermediate_size": 32, "num_attention_heads": 2}
        vision |= small
        options = {"text_config": small, "extract_layers": [0], "reduce_dim": 16, "projection_dim": 32}
        options |= {"decoder_num_attention_heads": 2, "decoder_intermediate_size": 16}
    config = transformers.CLIPSegConfig(vision_config=vision, **options)
    return transformers.CLIPSegForImageSegmentation(config).eval()


def maps_of(network: Any, image: Tensor, prompts: Tensor, *, shared: bool) -> list[Tensor]:  # noqa: ANN401
    """Compute the map of each prompt.

    Args:
        network: `clipseg_network`.
        image: (1, 3, S, S), float.
        prompts: Embeddings of the prompts, (N, D), float.
        shared: Encode the image once, see above.

    Returns:
        Logits (n, S, S), float, of `BATCH` prompts each.
    """
    batches, size = torch.split(prompts, BATCH), image.shape[2:]
    if not shared:
        calls = [
            network(pixel_values=image.expand(len(some), -1, -1, -1), conditional_embeddings=some) for some in batches
        ]
    else:
        seen = network.clip.get_image_features(
            pixel_values=image, interpolate_pos_encoding=True, output_hidden_states=True
        )
        activations = [seen.hidden_states[layer + 1] for layer in network.extract_layers]
        calls = [network.decoder(activations, some) for some in batches]
    return [call.logits.reshape(-1, *size) for call in calls]


def labels_of(network: Any, image: Tensor, prompts: Tensor, *, shared: bool) -> Tensor:  # noqa: ANN401
    """Label an image of any size (1, 3, H, W), float: ids of prompts (H, W), int64. The rest is as in `maps_of`."""
    small = F.interpolate(image, size=(SIDE, SIDE), mode="bilinear", align_corners=False, antialias=True)
    best = image.new_full(image.shape[2:], -torch.inf)
    labels = torch.zeros(image.shape[2:], dtype=torch.int64, device=image.device)
    first = 0
    for maps in maps_of(network, small, prompts, shared=shared):
        enlarged = F.interpolate(maps[None], size=image.shape[2:], mode="bilinear", align_corners=False)[0]
        values, ids = enlarged.max(dim=0)
        wins = values > best
        best, labels = torch.where(wins, values, best), torch.where(wins, ids + first, labels)
        first += len(maps)
    return labels


def clipseg_ways(network: Any, image: Tensor, count: int, prompts: int) -> dict[str, Callable[[], Tensor]]:  # noqa: ANN401
    """Return both ways to label an image by `count` prompts; the documented one by no more than `prompts` of them."""
    generator = torch.Generator().manual_seed(0)
    text = torch.randn(count, network.config.projection_dim, generator=generator).to(image.device, image.dtype)
    return {
        "clipseg": lambda: labels_of(network, image, text, shared=True),
        "clipseg, documented": lambda: labels_of(network, image, text[:prompts], shared=False),
    }
