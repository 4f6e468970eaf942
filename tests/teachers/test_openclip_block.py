"""open_clip's blocks taken apart: put together again, they are the block's own forward."""

from typing import Any, get_args

import pytest
import torch
from open_clip.transformer import CustomResidualAttentionBlock, ResidualAttentionBlock
from tests.stand_ins import random_tensor

from clipteacher.teachers.dense_readings import Dense, read_dense
from clipteacher.teachers.openclip_block import open_clip_block, value_block

OPTIONS: dict[str, dict[str, bool]] = {
    "scaled": {"scale_heads": True, "scale_attn_inner": True, "scale_attn": True, "scale_fc": True},
    "normed": {"qk_norm": True},
}
NAMES = ("plain", "layer_scale", *OPTIONS)


def block_of(name: str) -> Any:  # noqa: ANN401 (open_clip is untyped)
    """A block of width 16 with 4 heads and random weights, norms and scales included."""
    scale = 0.5 if name == "layer_scale" else None
    kind: Any = CustomResidualAttentionBlock if name in OPTIONS else ResidualAttentionBlock
    block = kind(16, 4, ls_init_value=scale, **OPTIONS.get(name, {})).eval()
    for seed, parameter in enumerate(block.parameters()):
        noise = random_tensor(*parameter.shape, seed=seed)
        parameter.data = 1 + 0.3 * noise if name_of_scale(block, parameter) else 0.4 * noise
    return block.requires_grad_(False)


def name_of_scale(block: Any, parameter: torch.nn.Parameter) -> bool:  # noqa: ANN401
    (name,) = (name for name, each in block.named_parameters() if each is parameter)
    return name.endswith(("gamma", "head_scale")) or (parameter.ndim == 1 and name.endswith("weight"))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("prefix", [0, 1, 2])
def test_the_parts_make_the_block(name: str, prefix: int) -> None:
    block, x = block_of(name), random_tensor(2, prefix + 6, 16)
    parts = open_clip_block(block, x, prefix)
    assert parts.q.shape == parts.k.shape == parts.v.shape == (2, 4, prefix + 6, 4)
    own = block(x)
    torch.testing.assert_close(read_dense(parts, (2, 3), "tokens"), own[:, prefix:], rtol=1e-5, atol=1e-5)
    expected = value_block(block, x[:, prefix:])
    torch.testing.assert_close(read_dense(parts, (2, 3), "value"), expected, rtol=1e-5, atol=1e-5)
    assert (own[:, prefix:] - expected).abs().max() > 0.05


@pytest.mark.parametrize("name", NAMES)
def test_queries_and_keys_are_those_that_the_attention_multiplies(name: str) -> None:
    """Written out for the attention of one token, with what the block has between the layer norm and the softmax."""
    block, x = block_of(name), random_tensor(1, 5, 16)
    parts, attention = open_clip_block(block, x, 1), block.attn
    rows = attention.in_proj_weight @ block.ln_1(x)[0, 2] + attention.in_proj_bias
    for h in range(4):
        q, k, v = (rows[16 * part + 4 * h :][:4] for part in range(3))
        if name == "normed":
            q, k = attention.ln_q(q), attention.ln_k(k)
        for part, expected in zip(parts[:3], (q, k, v), strict=True):
            torch.testing.assert_close(part[0, h, 2], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dense", get_args(Dense))
def test_what_a_patch_sees_of_another(name: str, dense: Dense) -> None:
    """Only the value path keeps a change of one patch to itself."""
    block, x = block_of(name), random_tensor(1, 7, 16)
    y = x.clone()
    y[:, 2] = y[:, 2].flip(-1)  # not a shift, which the layer norm would take away
    one, other = (read_dense(open_clip_block(block, each, 1), (2, 3), dense) for each in (x, y))
    changed = (one - other).abs().amax(-1)[0] > 1e-6
    assert changed.tolist() == ([False, True, False, False, False, False] if dense == "value" else [True] * 6)
