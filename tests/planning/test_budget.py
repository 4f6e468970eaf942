"""The number of steps: what fits into the time, and what the photos bear."""

import pytest

from clipteacher.planning.budget import EPOCHS, FEWEST, MOST, Seconds, choose_steps


def test_the_time_is_spent() -> None:
    seconds = Seconds(step=2.0, teacher=0.5, test=0.2)
    chosen = choose_steps(seconds, minutes=20, photos=300, val_photos=100, batch_size=10)
    spent = chosen.steps * 2.0 + 300 * 0.5 + 100 * 0.2
    assert 0.8 * 20 * 60 < spent < 20 * 60
    assert chosen.minutes == pytest.approx(20, abs=1)
    assert "20 minutes" in chosen.reason
    assert "each photo is shown" in chosen.reason


def test_a_large_set_is_not_shown_whole() -> None:
    seconds = Seconds(step=1.0, teacher=0.5, test=0.0)
    chosen = choose_steps(seconds, minutes=20, photos=100_000, val_photos=100, batch_size=10)
    # The teacher sees each crop's photo for the first time: 1 + 10 · 0.5 seconds a step.
    assert chosen.steps == int(20 * 60 * 0.85 / 6)
    assert "2% of the photos are shown" in chosen.reason


def test_a_small_set_is_not_overtrained() -> None:
    chosen = choose_steps(Seconds(0.01, 0.01, 0.01), minutes=60, photos=40, val_photos=10, batch_size=10)
    assert chosen.steps == EPOCHS * 40 // 10
    assert f"each photo is shown {EPOCHS} times" in chosen.reason
    assert chosen.minutes < 1


def test_fewer_than_the_fewest_are_said() -> None:
    chosen = choose_steps(Seconds(10.0, 1.0, 1.0), minutes=3, photos=300, val_photos=100, batch_size=10)
    assert chosen.short
    assert chosen.steps == FEWEST
    assert chosen.minutes > 15, "what they really take"
    assert "more than fit into 3 minutes" in chosen.reason


def test_there_is_an_end() -> None:
    chosen = choose_steps(Seconds(1e-4, 0, 0), minutes=600, photos=10**6, val_photos=10, batch_size=16)
    assert chosen.steps == MOST
    assert not chosen.short


def test_few_photos_need_no_more_steps_than_are_enough() -> None:
    seconds = Seconds(step=1.0, teacher=0.0, test=0.0)  # 255 steps fit into five minutes, 204 into four
    five, four = (
        choose_steps(seconds, minutes=minutes, photos=300, val_photos=0, batch_size=10, fewest=250)
        for minutes in (5, 4)
    )
    assert (five.short, four.short) == (False, True)
    few = choose_steps(seconds, minutes=4, photos=20, val_photos=0, batch_size=10, fewest=250)
    assert (few.steps, few.short) == (EPOCHS * 20 // 10, False)
