"""open_clip's attention pool (CoCa) against its own forward and a naive twin."""

from typing import Any

import pytest
import torch
from open_clip.transformer import VisionTransformer
from torch import Tensor

from clipteacher.teachers.dense_readings import Dense
from clipteacher.teachers.towers.families import tower_of


@pytest.fixture(scope="module", params=[24, 32])
def visual(request: pytest.FixtureRequest) -> Any:  # noqa: ANN401 (open_clip is untyped)
    """Joint spaces narrower than the tower, and as wide, where torch keeps keys and values in one matrix."""
    torch.manual_seed(0)
    tower = VisionTransformer(
        32, 8, 32, layers=3, heads=4, mlp_ratio=2, attentional_pool=True, attn_pooler_queries=6, attn_pooler_heads=4,
        output_dim=request.param,
    )  # fmt: skip
    for value in tower.parameters():
        value.data.add_(torch.randn(value.shape) * 0.1)
    return tower.eval().requires_grad_(False)


def pictures(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("dense", ["tokens", "value", "naclip"])
def test_cls_is_open_clips_own(visual: Any, dense: Dense) -> None:  # noqa: ANN401 (as above)
    images, tower = pictures(2, 3, 32, 32), tower_of(visual)
    cls, local = tower.read(visual, images, dense)
    torch.testing.assert_close(cls, visual(images), rtol=1e-5, atol=1e-5)
    assert local.shape == (2, visual.output_dim, 4, 4)
    assert tower.family == "open_clip, ViT, attention pool"


@pytest.mark.parametrize("dense", ["tokens", "value"])
def test_dense_equals_the_naive_twin(visual: Any, dense: Dense) -> None:  # noqa: ANN401 (as above)
    """Each token alone in the pool, where any query finds nothing else."""
    images = pictures(1, 3, 32, 32)
    tokens = visual.transformer(visual._embeds(images))[0, 1:]
    expected = torch.cat([visual.ln_post(visual.attn_pool(token[None, None]))[:, 0] @ visual.proj for token in tokens])
    found = tower_of(visual).read(visual, images, dense)[1][0].flatten(1).T
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_other_sizes(visual: Any) -> None:  # noqa: ANN401 (as above)
    assert tower_of(visual).read(visual, pictures(1, 3, 24, 56), "value")[1].shape[2:] == (3, 7)
