"""The pictures: scales, order, what is left out, and that odd figures are drawn all the same."""

import math

import numpy as np
import pytest
import torch
from tests.analysis.student.worlds import SPLIT

from clipteacher.analysis.student.attention import photo_attention
from clipteacher.analysis.student.attention_picture import AttentionRow, attention_map, attention_picture
from clipteacher.analysis.student.axes import OTHER, OWN, ticks
from clipteacher.analysis.student.bias_picture import bias_picture
from clipteacher.analysis.student.calibration_sweep import OffsetPoint
from clipteacher.analysis.student.confusion_picture import confusion_picture
from clipteacher.analysis.student.cosine_picture import cosine_picture, drawn_classes
from clipteacher.analysis.student.cosines import ClassCosines
from clipteacher.pictures import report_rows
from clipteacher.protocols.splits import ClassSplit


def count(picture: object, colour: tuple[int, ...]) -> int:
    return int((np.asarray(picture) == np.array(colour)).all(axis=2).sum())


def cosines(name: str, margin: float, *, unseen: bool = False, positions: int = 9) -> ClassCosines:
    return ClassCosines(name, unseen, positions, 0.3 + margin, 0.3, margin, 0.5, "another")


@pytest.mark.parametrize(("low", "high"), [(-0.02, 0.33), (0, 1), (-2, 2), (0.001, 0.0013), (-7, 93)])
def test_scales_have_round_numbers_around_what_is_drawn(low: float, high: float) -> None:
    scale = ticks(low, high)
    assert scale[0] <= low <= scale[1]
    assert scale[-2] <= high <= scale[-1]
    assert len(scale) <= 11
    steps = np.diff(scale)
    assert np.allclose(steps, steps[0])
    digit = steps[0] / 10 ** math.floor(math.log10(steps[0]) + 1e-9)
    assert round(digit, 6) in (1, 2, 5)


def test_what_is_right_is_blue_and_what_is_wrong_is_not() -> None:
    right = confusion_picture(torch.eye(5, dtype=torch.int64) * 9, SPLIT, "a protocol")
    assert count(right, OWN) > 5 * 400
    assert count(right, OTHER) == 0
    wrong = confusion_picture(torch.eye(5, dtype=torch.int64).flip(0) * 9, SPLIT, "a protocol")
    assert count(wrong, OTHER) > 4 * 400


@pytest.mark.parametrize("seen", [0, 1, 40, 300])
def test_any_number_of_classes(seen: int) -> None:
    names = ("猫", *(f"a class with a long name, number {number}" for number in range(seen)))
    matrix = torch.zeros(seen + 1, seen + 1, dtype=torch.int64)  # no class occurs
    picture = confusion_picture(matrix, ClassSplit(names, names[:1]), "a protocol")
    assert max(picture.size) < 2500


def test_least_margin_first_and_unseen_before_seen() -> None:
    given = [cosines("a", 0.2), cosines("b", -0.1), cosines("c", 0.3, unseen=True), cosines("d", 0.1, unseen=True)]
    given.append(cosines("e", math.nan, positions=0))
    assert [each.name for each in drawn_classes(given)] == ["d", "c", "b", "a"]
    assert [each.name for each in drawn_classes(given, most=3)] == ["d", "c", "b"]


def test_bars_of_many_classes_of_none_and_of_one_name() -> None:
    many = [cosines(f"class {number}", number / 500) for number in range(100)]
    assert cosine_picture(many, "a protocol").height < 60 * 44 + 300
    assert cosine_picture([], "a protocol").width > 500
    alone = ClassCosines("one", True, 4, -0.2, math.nan, math.nan, 1.0, None)
    assert count(cosine_picture([alone], "a protocol"), OWN) > 500


def test_curves_of_one_offset_and_without_seen_classes() -> None:
    point = OffsetPoint(0.0, 0.5, math.nan, 0.5, math.nan)
    picture = bias_picture([point], "a protocol")
    assert count(picture, OTHER) > 20, "U"
    later = [point, point._replace(offset=0.1, U=0.7), point._replace(offset=0.3, U=math.nan)]
    assert count(bias_picture(later, "a protocol"), OTHER) > 200
    flat = [OffsetPoint(offset, 0.0, 0.0, 0.0, 0.0) for offset in (-0.1, 0.0)]
    assert bias_picture(flat, "a protocol").size == bias_picture(later, "a protocol").size, "labels stay inside"


def test_an_even_share_is_white() -> None:
    assert (attention_map(np.full((2, 2), 0.25), 8, 8) == 255).all()
    one = np.zeros((2, 2))
    one[0, 0] = 1.0
    map_ = attention_map(one, 2, 2)
    assert map_[0, 0].tolist() == list(OTHER)
    assert map_[1, 1].tolist() == list(OWN)


def test_rows_of_different_sizes_and_nothing_labelled() -> None:
    rows = []
    for height, width, label in ((40, 60, 1), (80, 30, 255)):
        truth = np.full((height, width), label)
        weights = torch.full((4, 6), 1 / 24)
        found = photo_attention(weights, torch.full((4, 6), label), SPLIT)
        rows.append(AttentionRow(np.zeros((height, width, 3), np.uint8), truth, found))
    picture = attention_picture(rows, SPLIT, "a protocol", panel_width=120)
    assert picture.height > 80 + 320


def test_choice_is_by_truth() -> None:
    masks = [np.full((2, 2), label) for label in (0, 1, 3, 0)]
    assert report_rows(masks, SPLIT, 2) == [1, 2]
