"""GLM: the attention against a loop, the bank against a list, and that each option does something."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from clipteacher.method import glm as module
from clipteacher.method.glm import CLSBank, GLMConfig, global_attention
from clipteacher.method.losses.infonce import info_nce


class GLM(module.GLM):
    """GLM with its loss as a number."""

    def forward(self, *arguments: Any, **options: Any) -> Tensor:  # type: ignore[override]  # noqa: ANN401
        return super().forward(*arguments, **options).mean()


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def unit(vector: list[float]) -> list[float]:
    length = math.sqrt(sum(x * x for x in vector))
    return [x / length for x in vector]


def naive_attention(cls: Tensor, features: Tensor, scale: float, normalize: bool) -> tuple[Tensor, Tensor]:
    batch, width, height, breadth = features.shape
    pooled, weights = torch.zeros(batch, width), torch.zeros(batch, height, breadth)
    for b in range(batch):
        places = [(y, x) for y in range(height) for x in range(breadth)]
        dense = [features[b, :, y, x].tolist() for y, x in places]
        asks = cls[b].tolist()
        if normalize:
            dense, asks = [unit(vector) for vector in dense], unit(asks)
        powers = [math.exp(scale * sum(s * r for s, r in zip(asks, vector, strict=True))) for vector in dense]
        for (y, x), power, vector in zip(places, powers, dense, strict=True):
            weights[b, y, x] = power / sum(powers)
            pooled[b] += weights[b, y, x] * torch.tensor(vector)
    return pooled, weights


def batch(size: int = 3, width: int = 6, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(size, width, generator=generator), torch.randn(size, width, 3, 5, generator=generator)


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("scale", [0.0, 0.5, 5.0])
@pytest.mark.parametrize("size", [1, 3])
def test_attention_as_a_loop_computes_it(size: int, scale: float, normalize: bool) -> None:
    cls, features = batch(size)
    pooled, weights = global_attention(cls, features, scale=scale, normalize=normalize)
    expected_pooled, expected_weights = naive_attention(cls, features, scale, normalize)
    torch.testing.assert_close(pooled, expected_pooled, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(weights, expected_weights, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("normalize", [True, False])
def test_no_scale_is_the_papers(normalize: bool) -> None:
    cls, features = batch(width=6)
    papers = global_attention(cls, features, scale=None, normalize=normalize)
    given = global_attention(cls, features, scale=1 / math.sqrt(6), normalize=normalize)
    torch.testing.assert_close(papers[1], given[1])
    torch.testing.assert_close(papers[0], given[0])


@pytest.mark.parametrize("scale", [None, 1.0, 20.0, 1000.0])
def test_weights_sum_to_one_over_each_image(scale: float | None) -> None:
    cls, features = batch()
    _, weights = global_attention(cls, features, scale=scale, normalize=True)
    assert weights.shape == (3, 3, 5)
    assert (weights >= 0).all()
    torch.testing.assert_close(weights.sum(dim=(1, 2)), torch.ones(3))


def test_one_position_gets_all_the_weight() -> None:
    cls, features = batch()
    pooled, weights = global_attention(cls, features[:, :, :1, :1], scale=3.0, normalize=True)
    assert (weights == 1).all()
    torch.testing.assert_close(pooled, F.normalize(features[:, :, 0, 0], dim=1))


def test_the_papers_scale_is_nearly_uniform_at_unit_length() -> None:
    """The farthest apart that features can be from CLS: one is CLS itself, the others its opposite."""
    cls = F.normalize(torch.randn(1, 512, generator=torch.Generator().manual_seed(0)), dim=1)
    features = -cls.view(1, 512, 1, 1).repeat(1, 1, 4, 4)
    features[0, :, 2, 1] = cls[0]
    _, weights = global_attention(cls, features, scale=None, normalize=True)
    logits = weights.log() - weights.log().mean()
    assert (logits.max() - logits.min()).item() == pytest.approx(2 * 0.0442, abs=1e-3)  # ±0.044 before the softmax
    assert ((weights * 16 - 1).abs() < 0.1).all()
    _, sharp = global_attention(cls, features, scale=GLMConfig().scale, normalize=True)
    assert sharp[0, 2, 1] > 0.99


def test_bank_is_a_ring_like_a_list_of_slots() -> None:
    bank = CLSBank(5, 2)
    slots: list[list[float]] = []
    written = 0
    for step, rows in enumerate([2, 2, 3, 1, 5, 7, 12]):
        cls = torch.arange(rows * 2, dtype=torch.float32).view(rows, 2) + 100 * step
        bank.enqueue(cls)
        for row in cls.tolist()[-5:]:
            if len(slots) < 5:
                slots.append(row)
            else:
                slots[written % 5] = row
            written += 1
        assert bank.read().tolist() == slots


def test_bank_grows_from_nothing_to_its_size() -> None:
    bank = CLSBank(4, 3)
    assert bank.read().shape == (0, 3)
    bank.enqueue(torch.ones(3, 3))
    assert bank.read().shape == (3, 3)
    bank.enqueue(torch.ones(3, 3))
    assert bank.read().shape == (4, 3)


def test_bank_keeps_no_gradient_and_its_own_precision() -> None:
    bank = CLSBank(4, 3)
    bank.enqueue(torch.ones(2, 3, dtype=torch.float64, requires_grad=True))
    assert bank.read().dtype == torch.float32
    assert not bank.read().requires_grad


def test_bank_is_read_before_the_batch_is_enqueued() -> None:
    glm = GLM(6, GLMConfig(bank_size=8))
    (first, features), (second, more) = batch(seed=0), batch(seed=1)
    config = glm.config

    def expected(cls: Tensor, features: Tensor, bank: Tensor | None) -> Tensor:
        pooled, _ = global_attention(cls, features, scale=config.scale, normalize=True)
        return info_nce(pooled, cls, bank, temperature=config.temperature).mean()

    torch.testing.assert_close(glm(first, features), expected(first, features, None))
    torch.testing.assert_close(glm(second, more), expected(second, more, first))
    torch.testing.assert_close(glm.bank.read(), F.normalize(torch.cat([first, second]), dim=1))


def test_no_bank() -> None:
    glm = GLM(6, GLMConfig(bank_size=0))
    cls, features = batch()
    assert glm(cls, features) == glm(cls, features)
    assert glm.bank.read().shape == (0, 6)


def test_a_checkpoint_resumes_with_the_bank() -> None:
    glm, resumed, fresh = (GLM(6, GLMConfig(bank_size=4)) for _ in range(3))
    glm(*batch(seed=0))
    assert set(glm.state_dict()) == {"bank.tokens", "bank.written"}
    resumed.load_state_dict(glm.state_dict())
    for seed in (1, 2, 3):  # past the ring's end
        loss, again, without = (module(*batch(seed=seed)) for module in (glm, resumed, fresh))
        assert loss == again
        if seed == 1:
            assert loss != without
    assert torch.equal(glm.bank.tokens, resumed.bank.tokens)


def test_two_steps_can_be_differentiated_after_both() -> None:
    """Enqueueing must not overwrite what the first step's backward still needs."""
    glm = GLM(6, GLMConfig(bank_size=4))
    leaves = [batch(seed=seed)[1].requires_grad_() for seed in (0, 1)]
    losses = [glm(batch(seed=seed)[0], features) for seed, features in enumerate(leaves)]
    torch.autograd.backward(torch.stack(losses).sum())
    for features in leaves:
        assert features.grad is not None
        assert features.grad.isfinite().all()
        assert (features.grad != 0).any()


def test_descent_brings_the_features_to_their_image() -> None:
    cls, features = batch()
    features.requires_grad_()
    glm = GLM(6, GLMConfig(bank_size=0))
    optimiser = torch.optim.SGD([features], lr=1.0)
    before = glm(cls, features).item()
    for _ in range(30):
        optimiser.zero_grad()
        glm(cls, features).backward()
        optimiser.step()
    assert glm(cls, features).item() < 0.5 * before


@pytest.mark.parametrize("keep", [0.01, 0.2, 0.5, 0.99])
def test_only_the_positions_most_like_the_cls_token_are_asked(keep: float) -> None:
    cls, features = batch()
    pooled, weights = global_attention(cls, features, scale=5.0, normalize=True, keep=keep)
    count = math.ceil(keep * 15)
    for b in range(3):
        unit_cls, dense = F.normalize(cls[b], dim=0), F.normalize(features[b].flatten(1), dim=0)
        order = sorted(range(15), key=lambda place: -float(unit_cls @ dense[:, place]))[:count]
        powers = {place: math.exp(5.0 * float(unit_cls @ dense[:, place])) for place in order}
        expected = torch.zeros(15)
        for place, power in powers.items():
            expected[place] = power / sum(powers.values())
        torch.testing.assert_close(weights[b].flatten(), expected, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(pooled[b], dense @ expected, rtol=1e-4, atol=1e-5)


def test_all_positions_kept_are_the_paper_to_the_bit() -> None:
    cls, features = batch()
    plain = global_attention(cls, features, scale=5.0, normalize=True)
    kept = global_attention(cls, features, scale=5.0, normalize=True, keep=1.0)
    assert torch.equal(plain[0], kept[0])
    assert torch.equal(plain[1], kept[1])


def test_ever_fewer_positions_are_asked_and_a_checkpoint_knows_how_many() -> None:
    config = GLMConfig(bank_size=0, keep=0.2, keep_steps=2)
    glm, resumed = GLM(6, config), GLM(6, config)
    cls, features = batch()
    losses = [glm(cls, features) for _ in range(4)]
    for loss, share in zip(losses, (1.0, 0.6, 0.2, 0.2), strict=True):
        assert loss == GLM(6, GLMConfig(bank_size=0, keep=share))(cls, features)
    resumed.load_state_dict(glm.state_dict())
    assert resumed(cls, features) == losses[-1]
    fresh = GLM(6, config).eval()
    assert fresh(cls, features) == fresh(cls, features) == losses[0], "steps are those of training"


@pytest.mark.parametrize("options", [{"keep": 0.0}, {"keep": 1.1}, {"keep": math.nan}, {"keep_steps": -1}])
def test_no_such_share_of_positions(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=rf"glm.{next(iter(options))}: got {next(iter(options.values()))}, expected"):
        GLMConfig(**options)


@pytest.mark.parametrize(
    "option", [{"normalize": False}, {"scale": 1.0}, {"temperature": 0.5}, {"bank_size": 2}, {"keep": 0.2}]
)
def test_each_option_changes_the_loss(option: dict[str, Any]) -> None:
    plain, other = GLM(6), GLM(6, GLMConfig(**option))
    for glm in (plain, other):
        glm(*batch(seed=0))
    losses = [glm(*batch(seed=1)) for glm in (plain, other)]
    assert not torch.isclose(losses[0], losses[1], rtol=1e-3)


def test_length_of_the_cls_token_does_not_matter() -> None:
    cls, features = batch()
    losses = [GLM(6)(factor * cls, features) for factor in (1, 50)]
    torch.testing.assert_close(losses[0], losses[1])
