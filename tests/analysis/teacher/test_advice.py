"""Each piece of advice appears where its metric calls for it, and only there."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from clipteacher.analysis.student.confusions import PredictedAs
from clipteacher.analysis.teacher.advice import (
    FEW_PHOTOS,
    FEW_SEEN,
    LARGE,
    MIXED,
    NEAR,
    RARE,
    WEAK_IOU,
    advise,
    near_pairs,
)
from clipteacher.analysis.teacher.metrics import NameMetrics

GOOD = NameMetrics("", 20, 0.8, 0.9, 0.9, (PredictedAs("name 0", 0.1),), 0.9, 0.1, 0.1, "name 0", 0.5)
BARE = dataclasses.replace(GOOD, photos=0, IoU=float("nan"), predicted_as=(), high_shown=float("nan"), high_other=0.5)


def metrics(count: int = FEW_SEEN, last: NameMetrics = GOOD, **change: Any) -> list[NameMetrics]:  # noqa: ANN401
    """Good names, the last of which is otherwise."""
    good = [dataclasses.replace(GOOD, name=f"name {number}") for number in range(count - 1)]
    return [*good, dataclasses.replace(last, name="odd", **change)]


def text_features(count: int) -> NDArray[np.float32]:
    return np.eye(count, dtype=np.float32)


def advice(names: list[NameMetrics], **options: Any) -> tuple[str, ...]:  # noqa: ANN401
    return advise(names, text_features(len(names)), **options)


def test_a_good_teacher_gets_no_advice() -> None:
    assert advice(metrics()) == ()
    assert advice([dataclasses.replace(BARE, name=f"name {number}", pixels=0.1) for number in range(4)]) == ()


@pytest.mark.parametrize(
    ("last", "at", "beyond", "words"),
    [
        (GOOD, {"IoU": WEAK_IOU}, {"IoU": 0.299}, "hardly finds these names: odd (IoU 29.9)"),
        (
            GOOD,
            {"predicted_as": (PredictedAs("fog", 0.249),)},
            {"predicted_as": (PredictedAs("fog", MIXED),)},
            "odd is predicted as fog (25 %",
        ),
        (GOOD, {"photos": FEW_PHOTOS}, {"photos": 4}, "may be luck: odd (4)"),
        (GOOD, {"high_shown": 0.11}, {"high_shown": 0.1}, "no higher on photos that show them than on others: odd"),
        (BARE, {"high_other": RARE}, {"high_other": 0.04}, "fewer than 5 % of the photos: odd (4 %)"),
        (BARE, {"pixels": 0.19}, {"pixels": LARGE}, "get many pixels: odd (20 %)"),
    ],
)
def test_thresholds(last: NameMetrics, at: dict[str, Any], beyond: dict[str, Any], words: str) -> None:
    assert advice(metrics(FEW_SEEN + 1, last, **at)) == ()
    (piece,) = advice(metrics(FEW_SEEN + 1, last, **beyond))
    assert words in piece


def test_a_weak_name_with_what_it_is_predicted_as() -> None:
    weak, mixed = advice(metrics(IoU=0.05, predicted_as=(PredictedAs("boat", 0.6),)))
    assert "odd (IoU 5.0, mostly predicted as boat)" in weak
    assert "odd is predicted as boat (60 % of its pixels)" in mixed
    assert "These are most of the names" not in weak
    most = [dataclasses.replace(GOOD, name=f"name {number}", IoU=number / 100) for number in range(10)]
    (piece,) = advice(most)
    assert "These are most of the names" in piece
    assert "name 0 (IoU 0.0), name 1 (IoU 1.0)" in piece, "the weakest first"
    assert "and 4 more" in piece


def test_few_names_and_few_photos_say_little() -> None:
    few = metrics(4, BARE, pixels=0.49, high_other=0.0)[3:] + metrics(4)[:3]
    assert not [piece for piece in advice(few, photos=19) if "without masks" in piece]
    assert [piece for piece in advice(few, photos=20) if "fewer than 5 % of the photos" in piece]
    few[0] = dataclasses.replace(few[0], pixels=0.5)
    assert [piece for piece in advice(few, photos=19) if "get many pixels: odd (50 %)" in piece]


def test_few_seen_classes() -> None:
    assert advice(metrics(FEW_SEEN)) == ()
    (piece,) = advice(metrics(FEW_SEEN - 1))
    assert f"{FEW_SEEN - 1} classes have masks" in piece
    (piece,) = advice(metrics(FEW_SEEN), unseen=["odd"])
    assert f"{FEW_SEEN - 1} classes have masks" in piece


def test_near_duplicates() -> None:
    """The median distance is 1 here; a pair is near up to a part of that."""
    names = [f"name {number}" for number in range(6)]
    near, far = text_features(6), text_features(6)
    for table, distance in ((near, NEAR - 0.01), (far, NEAR + 0.01)):
        cosine = 1 - distance
        table[5] = 0
        table[5, 4], table[5, 5] = cosine, np.sqrt(1 - cosine**2)
    (pair,) = near_pairs(names, near)
    assert pair[:2] == ("name 4", "name 5")
    assert pair.ratio == pytest.approx(NEAR - 0.01, abs=1e-6)
    assert near_pairs(names, far) == ()
    assert near_pairs(names[:3], near[3:]) == (), "three names are too few to tell what is near"
    ten = np.eye(10, dtype=np.float32)
    ten[9] = ten[8]
    (piece,) = advise(metrics(), ten)
    assert "name 8 / odd (cosine 1.00)" in piece


def test_words_that_the_teacher_does_not_know_are_all_alike() -> None:
    names = ["a", "b", "c", "d"]
    assert len(near_pairs(names, np.ones((4, 2), dtype=np.float32))) == 6
