"""Spans along a line: against the rule written out; tables of two sides are in tests/inference/test_placement.py."""

import pytest

from clipteacher.utils.spans import spans


@pytest.mark.parametrize(
    ("side", "window", "stride", "expected"),
    [
        (10, 4, 2, [(0, 4), (2, 6), (4, 8), (6, 10)]),
        (10, 4, 4, [(0, 4), (4, 8), (6, 10)]),
        (4, 4, 1, [(0, 4)]),
        (3, 4, 2, [(0, 3)]),
        (5, 4, 4, [(0, 4), (1, 5)]),
    ],
)
def test_by_hand(side: int, window: int, stride: int, expected: list[tuple[int, int]]) -> None:
    assert spans(side, window, stride) == expected


@pytest.mark.parametrize("side", range(1, 30))
def test_every_place_is_covered_in_order_and_no_window_is_too_many(side: int) -> None:
    for window in range(1, 9):
        for stride in range(1, window + 1):
            placed = spans(side, window, stride)
            assert {place for first, last in placed for place in range(first, last)} == set(range(side))
            assert all(last - first == min(window, side) for first, last in placed)
            assert placed == sorted(set(placed))
            if len(placed) > 1:
                assert placed[-2][1] < side, "the one before the last does not reach the end"
