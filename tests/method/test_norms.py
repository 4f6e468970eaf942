"""1 / |R| and its gradient, to the bit, as autograd has it from the formula."""

import pytest
import torch
from tests.stand_ins import random_tensor
from torch import Tensor

from clipteacher.method.norms import inverse_norm


def by_formula(features: Tensor) -> Tensor:
    norm: Tensor = torch.linalg.vector_norm(features, dim=1, keepdim=True)
    return 1 / norm.clamp(min=1e-12)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_value_and_gradient_to_the_bit(layout: torch.memory_format) -> None:
    """Of features that are zero, too, and of some so small that their squares are, or that the bound holds."""
    features = random_tensor(5, 7, 3, 4)
    for image, size in enumerate((0.0, 1e-30, 1e-15, 1e-13)):
        features[image, :, 0, 0] *= size
    found = []
    for function in (by_formula, inverse_norm):
        leaf = features.to(memory_format=layout).requires_grad_()
        value = function(leaf)
        value.backward(random_tensor(5, 1, 3, 4, seed=1))  # type: ignore[no-untyped-call]
        assert leaf.grad is not None
        found.append((value.detach(), leaf.grad))
        assert leaf.grad.isfinite().all()
    assert torch.equal(found[0][0], found[1][0])
    assert torch.equal(found[0][1], found[1][1])


def test_as_it_is_meant() -> None:
    value = inverse_norm(random_tensor(2, 3, 4, 5))
    assert value.shape == (2, 1, 4, 5)
    expected = 1 / sum(float(x) ** 2 for x in random_tensor(2, 3, 4, 5)[1, :, 2, 3]) ** 0.5
    assert value[1, 0, 2, 3].item() == pytest.approx(expected, rel=1e-5)
