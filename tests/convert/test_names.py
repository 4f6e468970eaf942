"""Labels as people type them become classes."""

from collections import Counter

import pytest

from clipteacher.convert.names import name_classes, split_ignored
from clipteacher.data.files import DataError


def test_case_and_blanks_do_not_count_and_the_usual_spelling_wins() -> None:
    found = name_classes(Counter({"Traffic Sign": 1, "dog": 2, "traffic  sign": 5, " dog ": 1}))
    assert found.names == ("traffic sign", "dog")
    assert found.ids == {"Traffic Sign": 0, "traffic  sign": 0, "dog": 1, " dog ": 1}
    assert found.notes == (
        "'Traffic Sign', 'traffic  sign' are one class, 'traffic sign'",
        "'dog', ' dog ' are one class, 'dog'",
    )


def test_a_sign_of_one_or_two_characters_is_one_label() -> None:
    one, two = "Gr\u00fcn", "Gru\u0308n"
    found = name_classes(Counter({one: 2, two: 1}))
    assert found.names == (one,)
    assert found.ids == {one: 0, two: 0}
    assert split_ignored([one, "cat"], [two])[0] == {one}


def test_names_given_decide_order_and_spelling_and_may_be_new() -> None:
    found = name_classes(Counter({"cat": 1, "dog": 1}), ["Dog", "zebra", "cat"])
    assert found.names == ("Dog", "zebra", "cat")
    assert found.ids == {"cat": 2, "dog": 0}
    assert not found.notes


def test_other_labels_are_refused_or_ignored() -> None:
    labels = Counter({"cat": 1, "dgo": 1})
    with pytest.raises(DataError, match=r"dgo are labels.*Did you mean 'dog'.*--drop_others"):
        name_classes(labels, ["cat", "dog"])
    found = name_classes(labels, ["cat", "dog"], drop_others=True)
    assert found.ids == {"cat": 0, "dgo": 255}
    assert found.notes == ("ignored, since they are not among the classes: dgo",)


def test_labels_that_say_that_nothing_is_labelled() -> None:
    labels = ["cat", "Void", "__ignore__", "tree"]
    assert split_ignored(labels, []) == (frozenset({"Void", "__ignore__"}), "not labelled (255): 'Void', '__ignore__'")
    assert split_ignored(labels, [" Tree "])[0] == {"Void", "__ignore__", "tree"}
    assert split_ignored(["cat"], []) == (frozenset(), None)
    with pytest.raises(DataError, match=r"ignore: got 'tre', expected one of the labels. Did you mean 'tree'"):
        split_ignored(labels, ["tre"])


@pytest.mark.parametrize(
    ("labels", "wanted", "message"),
    [
        ({" ": 3}, None, "on 3 shapes"),
        ({}, None, "got 0"),
        ({f"class {i}": 1 for i in range(256)}, None, "got 256"),
        ({"cat": 1}, ["cat", "Cat "], "each class once"),
        ({"cat": 1}, ["cat", "cat"], "each class once"),
        ({"cat": 1}, ["cat", ""], "Remove a comma"),
    ],
)
def test_what_is_no_list_of_classes(labels: dict[str, int], wanted: list[str] | None, message: str) -> None:
    with pytest.raises(DataError, match=message):
        name_classes(Counter(labels), wanted)
