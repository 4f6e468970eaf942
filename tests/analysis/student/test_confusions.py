"""Where each class's pixels go, against counting by hand."""

import math

import pytest
import torch

from clipteacher.analysis.plots.confusion import confusion_table
from clipteacher.analysis.student.confusions import class_confusions
from clipteacher.protocols.splits import ClassSplit

SPLIT = ClassSplit(names=("sky", "cat", "tree", "car"), unseen=("cat", "car"))
MATRIX = torch.tensor([[70, 10, 0, 20], [30, 50, 15, 5], [0, 0, 8, 0], [0, 0, 0, 0]])


def test_by_hand() -> None:
    cat, car, sky, tree = class_confusions(MATRIX, SPLIT)
    assert (cat.name, cat.unseen, cat.pixels, cat.recall) == ("cat", True, 100, 0.5)
    assert cat.predicted_as == (("sky", 0.3), ("tree", 0.15), ("car", 0.05))
    assert [cat.to_seen, cat.to_unseen] == pytest.approx([0.45, 0.05])
    assert not sky.unseen
    assert [sky.recall, sky.to_seen] == pytest.approx([0.7, 0.0])
    assert [each.name for each in sky.predicted_as] == ["car", "cat"]
    assert (tree.recall, tree.predicted_as) == (1.0, ())
    assert (car.pixels, car.predicted_as) == (0, ())
    assert all(math.isnan(value) for value in (car.recall, car.to_seen, car.to_unseen))


def test_number_of_wrong_names() -> None:
    assert [len(each.predicted_as) for each in class_confusions(MATRIX, SPLIT, top=1)] == [1, 0, 1, 0]


def test_unseen_rows_come_first_in_the_chart() -> None:
    table = confusion_table(MATRIX, SPLIT)
    assert (table.names, table.unseen) == (("cat", "car", "sky", "tree"), 2)
    order = [1, 3, 0, 2]
    assert table.counts.tolist() == MATRIX[order][:, order].tolist()


@pytest.mark.parametrize(("seen", "unseen"), [(90, 10), (10, 90), (90, 90), (0, 200)])
def test_many_classes_are_joined_and_none_is_lost(seen: int, unseen: int) -> None:
    names = tuple(f"class {number}" for number in range(seen + unseen))
    split = ClassSplit(names, names[seen:])
    matrix = torch.randint(100, (len(names), len(names)), generator=torch.Generator().manual_seed(0))
    table = confusion_table(matrix, split, most=20)
    assert len(table.names) <= 22
    assert table.counts.sum() == matrix.sum()
    assert len(set(table.names)) == len(table.names)
    for row, name in enumerate(table.names):
        if name in names:
            assert (name in split.unseen) == (row < table.unseen)
            own = names.index(name)
            assert table.counts[row, row] == matrix[own, own]
            assert table.counts[row].sum() == matrix[own].sum()
