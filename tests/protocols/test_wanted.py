"""Wanted names: words that training may know, and which of their masks are held back."""

import re
from typing import Any

import pytest

from clipteacher.protocols.splits import ClassSplit
from clipteacher.protocols.wanted import check_wanted, held_back, setting_suffix
from clipteacher.protocols.words import folded

NAMES = ("sky", "tree", "cat", "dog")


def test_wanted_names_keep_their_order_and_may_be_any_words() -> None:
    assert check_wanted(["red barn", "猫", "cat"], labelled=["sky", "tree"]) == ("red barn", "猫", "cat")
    assert check_wanted([], labelled=["sky"]) == ()


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (["sky"], "wanted: got 'sky', which is labelled, expected names without masks. Leave it out."),
        (["cat", "cat"], "wanted: got 'cat' twice, at positions 0 and 1, expected each word once."),
        (["cat", " "], "wanted: got ' ' at position 1 as a word, expected letters. Write it out, or remove it."),
        ([""], "wanted: got '' at position 0 as a word, expected letters."),
        ([3], "wanted: got 3 at position 0, expected a word. Put quotes around it, as typed"),
        ("cat, sky", "wanted: got 'sky', which is labelled"),
        (["Sky"], "wanted: got 'Sky' beside 'sky', expected different words"),
        (["  sky"], "wanted: got 'sky', which is labelled"),
        (["old  chair"], "wanted: got 'old chair', which is labelled"),
        (["Cat", "cat"], "wanted: got 'cat' beside 'Cat', expected different words: they differ by case alone."),
    ],
)
def test_wanted_names_that_are_none(wanted: Any, message: str) -> None:  # noqa: ANN401
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        check_wanted(wanted, labelled=["sky", "old chair"])


def test_case_and_spaces_make_no_other_word() -> None:
    assert folded("  Old\tChair ") == folded("old chair") == "old chair"
    assert folded("STRASSE") == folded("Straße")
    assert folded("oldchair") != folded("old chair")


def test_masks_of_unseen_and_of_wanted_names_are_held_back() -> None:
    assert held_back(NAMES, ["dog"], ["cat", "bicycle"]) == ClassSplit(NAMES, ("cat", "dog"))
    assert held_back(NAMES, [], ["bicycle"]) == ClassSplit(NAMES, ())
    assert held_back(NAMES, ["dog"], []) == ClassSplit(NAMES, ("dog",))
    assert held_back(NAMES, [], NAMES).seen == ()
    assert held_back(NAMES, "dog", "cat; bicycle") == ClassSplit(NAMES, ("cat", "dog"))


@pytest.mark.parametrize(
    ("unseen", "wanted", "message"),
    [
        (["cat", "dog"], ["dog", "cat"], "wanted: got ['dog', 'cat'] as unseen as well, expected each name in one"),
        (["catt"], [], "unseen: got 'catt', expected names of the class list. Did you mean 'cat'?"),
        ([], ["cat", "cat"], "wanted: got 'cat' twice, at positions 0 and 1"),
        ([], ["Tree"], "wanted: got 'Tree' beside 'tree'"),
        (["cat"], ["Cat"], "wanted: got 'Cat' beside 'cat'"),
        ([], "cat,, dog", "wanted: got '' after 'cat'"),
    ],
)
def test_names_that_cannot_be_held_back(unseen: list[str], wanted: Any, message: str) -> None:  # noqa: ANN401
    """An unseen name in capitals would still tell training its word."""
    with pytest.raises(ValueError, match=re.escape(message)):
        held_back(NAMES, unseen, wanted)


@pytest.mark.parametrize(
    ("wanted", "suffix"),
    [
        ([], ""),
        (["cat", "dog"], "-transductive"),
        (["bicycle", "dog", "cat"], "-transductive"),
        (["dog"], "-transductive-1-of-2"),
        (["bicycle"], "-transductive-0-of-2"),
    ],
)
def test_the_suffix_says_how_many_unseen_names_training_knew(wanted: list[str], suffix: str) -> None:
    assert setting_suffix(ClassSplit(NAMES, ("cat", "dog")), wanted) == suffix


def test_the_suffix_where_no_class_is_unseen() -> None:
    assert setting_suffix(ClassSplit(NAMES, ()), ["bicycle"]) == "-transductive"
