"""What the tests of losses share: a check of a loss against the sum and the count of its naive twin."""

import pytest

from clipteacher.method.losses.loss_sum import LossSum


def check_sum(loss: LossSum, twin: tuple[float, float], *, rel: float = 1e-5) -> None:
    """Check sum, count and mean of a loss; without anything that counts the divisor is `minimum`."""
    total, count = twin
    assert loss.total.shape == loss.count.shape == loss.mean().shape == ()
    assert not loss.count.requires_grad
    assert loss.count.item() == pytest.approx(count, rel=rel)
    assert loss.total.item() == pytest.approx(total, rel=rel, abs=1e-5)
    assert loss.mean().item() == pytest.approx(total / max(loss.minimum, count), rel=rel, abs=1e-6)
