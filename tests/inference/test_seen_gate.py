"""The gate for seen names: a linear discriminant of labelled and latent pixels, added to the logits of seen names."""

import pytest
import torch
from torch import Tensor

from clipteacher.inference.seen_gate import PixelMoments, SeenGate, fit_gate, gate_entry, gated_text

CHANNELS = 6


def pixels(count: int, mean: float, seed: int) -> Tensor:
    """Features (count, C) around a mean in the first channel, of unlike variances."""
    noise = torch.randn(count, CHANNELS, generator=torch.Generator().manual_seed(seed))
    return noise * torch.linspace(0.5, 2, CHANNELS) + mean * torch.eye(CHANNELS)[0]


def moments(*batches: Tensor) -> PixelMoments:
    found = PixelMoments(CHANNELS)
    for each in batches:
        found.add(each)
    return found


def test_moments_are_those_of_all_pixels_together() -> None:
    one, other = pixels(50, 1, 0), pixels(70, 3, 1)
    found, together = moments(one, other), torch.cat([one, other]).double()
    assert found.count == 120
    assert torch.allclose(found.mean, together.mean(dim=0))
    assert torch.allclose(found.covariance, together.T.cov(correction=0), atol=1e-5)


@pytest.mark.parametrize("separation", [0.5, 1.2])
def test_it_sets_the_means_apart_as_asked_with_the_border_between_them(separation: float) -> None:
    labelled, latent = pixels(4000, 1, 0), pixels(1000, -1, 1)
    gate = fit_gate(moments(labelled), moments(latent), separation)
    assert gate is not None
    added = [each @ gate.direction + gate.offset for each in (labelled, latent)]
    assert added[0].mean().item() == pytest.approx(separation / 2, abs=1e-4)
    assert added[1].mean().item() == pytest.approx(-separation / 2, abs=1e-4)
    assert ((added[0] > 0).float().mean() + (added[1] < 0).float().mean()) / 2 > 0.95
    assert gate.direction.abs().argmax() == 0
    assert gate_entry(gate) == {"seen_gate": separation}


def test_how_many_pixels_there_are_of_a_kind_does_not_matter() -> None:
    labelled, latent = pixels(500, 1, 0), pixels(400, -1, 1)
    one = fit_gate(moments(labelled), moments(latent), 1)
    other = fit_gate(moments(labelled, labelled, labelled), moments(latent), 1)
    assert one is not None
    assert other is not None
    assert torch.allclose(one.direction, other.direction, atol=1e-6)
    assert one.offset == pytest.approx(other.offset, abs=1e-6)


def test_pixels_of_one_kind_or_all_alike_give_none() -> None:
    some, none = moments(pixels(50, 1, 0)), PixelMoments(CHANNELS)
    assert fit_gate(some, none, 1) is None
    assert fit_gate(none, some, 1) is None
    assert fit_gate(some, some, 1) is None
    still = moments(torch.zeros(9, CHANNELS))
    assert fit_gate(still, still, 1) is None
    assert gate_entry(None) == {}


def test_fewer_pixels_than_channels_will_do() -> None:
    gate = fit_gate(moments(pixels(2, 3, 0)), moments(pixels(1, -3, 1)), 1)
    assert gate is not None
    assert gate.direction.isfinite().all()


def test_it_is_added_to_seen_names_alone() -> None:
    text, gate = torch.randn(3, CHANNELS), SeenGate(torch.randn(CHANNELS), 0.4, 1.2)
    found = gated_text(text, ["sky", "cat", "sea"], {"sky", "sea"}, gate)
    assert torch.equal(found[1], text[1])
    assert torch.equal(found[::2], text[::2] + gate.direction)
    assert gated_text(text, ["sky", "cat", "sea"], {"sky"}, None) is text


def test_a_gate_as_numbers() -> None:
    gate = SeenGate(torch.randn(CHANNELS), -0.25, 1.5)
    again = SeenGate.of(gate.numbers)
    assert torch.equal(again.direction, gate.direction)
    assert (again.offset, again.separation) == (-0.25, 1.5)
