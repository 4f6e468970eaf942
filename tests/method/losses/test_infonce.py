"""InfoNCE against a loop over queries and candidates."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from clipteacher.method.losses import infonce as losses


def info_nce(*arguments: Any, **options: Any) -> Tensor:  # noqa: ANN401
    """The loss of one process, as a number."""
    return losses.info_nce(*arguments, **options).mean()


def cosine(a: list[float], b: list[float]) -> float:
    lengths = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(y * y for y in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / lengths


def naive(queries: Tensor, positives: Tensor, bank: Tensor | None, temperature: float) -> float:
    candidates = positives.tolist() + ([] if bank is None else bank.tolist())
    total = 0.0
    for i, query in enumerate(queries.tolist()):
        powers = [math.exp(cosine(query, candidate) / temperature) for candidate in candidates]
        total -= math.log(powers[i] / sum(powers))
    return total / len(queries)


def vectors(rows: int, seed: int, width: int = 5) -> Tensor:
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(seed)) * 3


@pytest.mark.parametrize("temperature", [0.07, 0.5, 2.0])
@pytest.mark.parametrize("bank_rows", [None, 0, 1, 7])
@pytest.mark.parametrize("batch", [1, 4])
def test_as_a_loop_computes_it(batch: int, bank_rows: int | None, temperature: float) -> None:
    queries, positives = vectors(batch, 0), vectors(batch, 1)
    bank = None if bank_rows is None else vectors(bank_rows, 2)
    loss = info_nce(queries, positives, bank, temperature=temperature)
    assert loss.shape == ()
    assert loss.item() == pytest.approx(naive(queries, positives, bank, temperature), rel=1e-5, abs=1e-6)


def test_a_batch_of_one_without_a_bank_has_nothing_to_tell_apart() -> None:
    assert info_nce(vectors(1, 0), vectors(1, 1), temperature=0.1).item() == 0
    assert info_nce(vectors(1, 0), vectors(1, 1), vectors(3, 2), temperature=0.1).item() > 0


def test_bank_rows_are_negatives() -> None:
    queries = torch.eye(2, 5)
    without = info_nce(queries, queries, temperature=1.0).item()
    far = info_nce(queries, queries, -queries, temperature=1.0).item()
    near = info_nce(queries, queries, queries, temperature=1.0).item()
    assert without < far < near
    # Each query's own positive once more, as a negative: e / (2e + 2) instead of e / (e + 1).
    assert near == pytest.approx(without + math.log(2), rel=1e-5)


def test_a_bank_row_pushes_the_query_away() -> None:
    query = torch.tensor([[1.0, 1.0, 0.0]], requires_grad=True)
    torch.autograd.backward(
        info_nce(query, torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([[0.0, 1.0, 0.0]]), temperature=0.5)
    )
    assert query.grad is not None
    assert query.grad[0, 0] < 0 < query.grad[0, 1]  # descent goes towards the positive, away from the bank


def test_other_rows_of_the_batch_are_negatives() -> None:
    queries = torch.eye(3)
    swapped = queries[[1, 0, 2]]
    assert info_nce(queries, queries, temperature=0.1) < 1e-3
    assert info_nce(queries, swapped, temperature=0.1) > 6  # two of three queries sit on another's positive


def test_a_lower_temperature_sharpens() -> None:
    queries = torch.eye(2)
    losses = [info_nce(queries, queries, temperature=t).item() for t in (0.1, 1.0, 10.0)]
    assert losses == sorted(losses)
    assert losses[0] < 1e-4
    assert losses[2] == pytest.approx(math.log(2), abs=0.06)


def test_length_of_the_vectors_does_not_matter() -> None:
    queries, positives, bank = vectors(3, 0), vectors(3, 1), vectors(2, 2)
    torch.testing.assert_close(
        info_nce(queries * 7, positives * 0.1, bank * 100, temperature=0.2),
        info_nce(queries, positives, bank, temperature=0.2),
    )


def test_vectors_of_zero_length_stay_finite() -> None:
    queries = torch.zeros(2, 4, requires_grad=True)
    loss = info_nce(queries, torch.zeros(2, 4), torch.zeros(3, 4), temperature=0.07)
    torch.autograd.backward(loss)
    assert loss.item() == pytest.approx(math.log(5))
    assert queries.grad is not None
    assert queries.grad.isfinite().all()


@pytest.mark.parametrize(
    ("queries", "positives"),
    [((2, 3), (3, 3)), ((2, 3), (2, 4)), ((3,), (3,)), ((2, 3, 1), (2, 3, 1))],
)
def test_shapes_that_do_not_fit(queries: tuple[int, ...], positives: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"info_nce: got queries \(.*, positives \(.*expected both \(B, C\)"):
        info_nce(torch.ones(queries), torch.ones(positives), temperature=1.0)


@pytest.mark.parametrize("temperature", [0.0, -0.1])
def test_temperature_must_be_positive(temperature: float) -> None:
    with pytest.raises(ValueError, match=f"got temperature {temperature}, expected a number above 0"):
        info_nce(torch.ones(2, 3), torch.ones(2, 3), temperature=temperature)
