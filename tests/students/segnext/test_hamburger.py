"""The factorisation against loops, its bases, and the decoder around it."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from clipteacher.students.segnext.hamburger import NMF, ConvNorm, Hamburger, LightHamHead, nmf

Array = NDArray[np.float64]


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def naive_nmf(x: Array, d: Array, steps: int) -> Array:
    """One image, one number at a time: X (D, N) ≈ D Cᵀ, D (D, R), C (N, R)."""
    channels, positions = x.shape
    rank = d.shape[1]
    d = d.copy()
    c = np.zeros((positions, rank))
    for n in range(positions):
        scores = [sum(x[k, n] * d[k, r] for k in range(channels)) for r in range(rank)]
        total = sum(np.exp(score) for score in scores)
        c[n] = [np.exp(score) / total for score in scores]

    def update_c() -> Array:
        new = np.zeros_like(c)
        for n in range(positions):
            for r in range(rank):
                above = sum(x[k, n] * d[k, r] for k in range(channels))
                below = sum(c[n, s] * sum(d[k, s] * d[k, r] for k in range(channels)) for s in range(rank))
                new[n, r] = c[n, r] * above / (below + 1e-6)
        return new

    for _ in range(steps):
        c = update_c()
        new = np.zeros_like(d)
        for k in range(channels):
            for r in range(rank):
                above = sum(x[k, n] * c[n, r] for n in range(positions))
                below = sum(d[k, s] * sum(c[n, s] * c[n, r] for n in range(positions)) for s in range(rank))
                new[k, r] = d[k, r] * above / (below + 1e-6)
        d = new
    c = update_c()
    return d @ c.T


@pytest.mark.parametrize("steps", [0, 1, 7])
@pytest.mark.parametrize("rank", [1, 3])
def test_factorisation_by_loops(steps: int, rank: int) -> None:
    features, bases = torch.rand(2, 4, 6, dtype=torch.float64), torch.rand(2, 4, rank, dtype=torch.float64)
    rebuilt = nmf(features, bases, steps)
    for image in range(2):
        expected = naive_nmf(features[image].numpy(), bases[image].numpy(), steps)
        np.testing.assert_allclose(rebuilt[image].numpy(), expected, rtol=1e-9)


def test_more_updates_come_closer() -> None:
    features, bases = torch.rand(1, 8, 40), torch.rand(1, 8, 4)
    errors = [(nmf(features, bases, steps) - features).square().sum().item() for steps in (0, 1, 3, 7, 50)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.8 * errors[0]


def test_a_matrix_of_low_rank_is_rebuilt() -> None:
    features = torch.rand(1, 8, 2) @ torch.rand(1, 2, 40)
    torch.testing.assert_close(nmf(features, torch.rand(1, 8, 2), 2000), features, atol=0.02, rtol=0)


def test_nothing_stays_nothing_and_all_stays_finite() -> None:
    bases = torch.rand(1, 8, 4)
    assert not nmf(torch.zeros(1, 8, 5), bases, 7).any()
    assert nmf(torch.full((1, 8, 5), 1e6), bases, 7).isfinite().all()
    assert (nmf(torch.rand(1, 8, 5), bases, 7) >= 0).all()


def test_gradients_go_through_all_updates() -> None:
    features = torch.rand(1, 3, 4, dtype=torch.float64, requires_grad=True)
    bases = torch.rand(1, 3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, d: nmf(x, d, 3), (features, bases))


def make(seed: int = 0) -> NMF:
    return NMF(8, 4, 6, 7, seed)


def test_bases_for_testing_are_drawn_once_from_the_seed() -> None:
    torch.manual_seed(1)
    first = make().bases
    torch.manual_seed(2)
    assert torch.equal(make().bases, first)
    assert not torch.equal(make(1).bases, first)
    assert first.shape == (1, 8, 4)
    assert (first >= 0).all()
    torch.testing.assert_close(first.norm(dim=1), torch.ones(1, 4))
    assert list(make().state_dict()) == ["bases"]


def test_at_test_each_image_has_the_same_bases_and_seven_updates() -> None:
    ham, features = make().eval(), torch.rand(3, 8, 5, 6)
    state = torch.get_rng_state()
    rebuilt = ham(features)
    assert torch.equal(torch.get_rng_state(), state), "nothing is drawn"
    for image in range(3):
        expected = nmf(features[image : image + 1].flatten(2), ham.bases, 7).view(1, 8, 5, 6)
        torch.testing.assert_close(rebuilt[image : image + 1], expected)


def test_training_draws_bases_for_each_image_and_updates_six_times() -> None:
    ham = make().train()
    features = torch.rand(1, 8, 5, 6).expand(2, -1, -1, -1)
    torch.manual_seed(3)
    rebuilt = ham(features)
    torch.manual_seed(3)
    expected = nmf(features.flatten(2), F.normalize(torch.rand(2, 8, 4), dim=1), 6).view(2, 8, 5, 6)
    torch.testing.assert_close(rebuilt, expected)
    assert not torch.equal(rebuilt[0], rebuilt[1])
    assert not torch.equal(ham(features), rebuilt)


@pytest.mark.parametrize("training", [True, False])
def test_under_autocast_the_factorisation_stays_in_float32(training: bool) -> None:
    ham = make().train(training)
    features = 100 * torch.rand(1, 8, 5, 6)
    torch.manual_seed(3)
    plain = ham(features)
    torch.manual_seed(3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(ham(features), plain)
        assert ham(features.bfloat16()).dtype == torch.bfloat16


def test_the_burger_adds_context_to_its_input() -> None:
    burger = Hamburger(32, NMF(32, 4, 6, 7, 0)).eval()
    features = torch.randn(1, 32, 4, 4)
    with torch.no_grad():
        ham = burger.ham(F.relu(burger.ham_in.conv(features)))
        expected = F.relu(features + F.group_norm(burger.ham_out.conv(ham), 32, burger.ham_out.gn.weight))
        torch.testing.assert_close(burger(features), expected)


def test_a_convolution_has_a_bias_only_without_a_norm() -> None:
    assert sorted(ConvNorm(32, 64).state_dict()) == ["conv.weight", "gn.bias", "gn.weight"]
    assert sorted(ConvNorm(32, 64, norm=False).state_dict()) == ["conv.bias", "conv.weight"]
    assert (ConvNorm(32, 64)(torch.randn(1, 32, 3, 3)) >= 0).all()
    assert (ConvNorm(32, 64, activation=False)(torch.randn(1, 32, 3, 3)) < 0).any()


def test_the_decoder_works_at_its_finest_map() -> None:
    head = LightHamHead((4, 6), 32, NMF(32, 4, 6, 7, 0)).eval()
    maps = [torch.rand(2, 4, 5, 7), torch.rand(2, 6, 3, 4)]
    with torch.no_grad():
        out = head(maps)
        larger = F.interpolate(maps[1], size=(5, 7), mode="bilinear", align_corners=False)
        expected = head.align(head.hamburger(head.squeeze(torch.cat([maps[0], larger], dim=1))))
    assert out.shape == (2, 32, 5, 7)
    assert torch.equal(out, expected)
