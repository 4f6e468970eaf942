"""Seen and unseen classes by name, and the training labels that follow."""

import pickle

import numpy as np
import pytest

from clipteacher.protocols.splits import IGNORE, ClassSplit, ignore_id
from clipteacher.protocols.words import read_words

NAMES = ("building", "grass", "tree", "cow", "cat")


def test_ids_follow_the_order_of_names() -> None:
    split = ClassSplit(names=list(NAMES), unseen=["cat", "grass"])  # type: ignore[arg-type]
    assert split.names == NAMES
    assert split.unseen == ("grass", "cat")
    assert split.seen == ("building", "tree", "cow")
    assert split.seen_ids == (0, 2, 3)
    assert split.unseen_ids == (1, 4)
    assert split.label == "3-2"


def test_a_split_is_a_value() -> None:
    one, other = ClassSplit(NAMES, ("grass", "cat")), ClassSplit(NAMES, ("cat", "grass"))
    assert one == other
    assert hash(one) == hash(other)
    one.training_lut  # noqa: B018 (the cached table must not spoil pickling)
    assert pickle.loads(pickle.dumps(one)) == other  # noqa: S301 (our own bytes)
    with pytest.raises(AttributeError):
        one.names = ("x",)  # type: ignore[misc]


def test_training_labels_as_a_loop_gives_them() -> None:
    split = ClassSplit(NAMES, ("grass", "cat"))
    rng = np.random.default_rng(0)
    mask = rng.choice(np.array([0, 1, 2, 3, 4, 255], dtype=np.uint8), size=(7, 9))
    naive = np.empty_like(mask)
    for row in range(7):
        for column in range(9):
            value = mask[row, column]
            name = None if value == IGNORE else NAMES[value]
            naive[row, column] = split.seen.index(name) if name in split.seen else IGNORE
    labels = split.training_labels(mask)
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, naive)


def test_lut_is_read_only_and_closed() -> None:
    lut = ClassSplit(NAMES, ("cow",)).training_lut
    assert lut.shape == (256,)
    assert lut.dtype == np.uint8
    assert lut[:5].tolist() == [0, 1, 2, 255, 3]
    assert set(lut[5:].tolist()) == {255}
    with pytest.raises(ValueError, match="read-only"):
        lut[0] = 7


def test_without_unseen_classes_labels_stay() -> None:
    split = ClassSplit(NAMES, ())
    mask = np.array([0, 4, 255], dtype=np.uint8)
    assert split.label == "5-0"
    assert split.unseen_ids == ()
    np.testing.assert_array_equal(split.training_labels(mask), mask)


def test_without_seen_classes_nothing_is_left_to_train_on() -> None:
    split = ClassSplit(NAMES, NAMES)
    assert (split.label, split.seen, split.seen_ids, split.unseen_ids) == ("0-5", (), (), (0, 1, 2, 3, 4))
    assert split.training_labels(np.array([0, 4, 255], dtype=np.uint8)).tolist() == [255, 255, 255]


def test_255_classes_fit() -> None:
    names = tuple(f"class {i}" for i in range(255))
    split = ClassSplit(names, ("class 0",))
    assert (split.ignore, split.mask_dtype) == (255, np.uint8)
    assert split.training_labels(np.array([0, 1, 254, 255], dtype=np.uint8)).tolist() == [255, 0, 253, 255]


def test_more_classes_need_16_bits() -> None:
    split = ClassSplit(tuple(f"class {i}" for i in range(256)), ("class 0",))
    assert (split.ignore, split.mask_dtype) == (65535, np.uint16)
    assert split.training_lut.dtype == np.uint16
    assert split.training_lut.shape == (65536,)
    labels = split.training_labels(np.array([[0, 1], [255, 65535]], dtype=np.uint16))
    assert labels.dtype == np.uint16
    assert labels.tolist() == [[65535, 0], [254, 65535]], "255 is a class here"
    with pytest.raises(ValueError, match=r"got id 256, 65534, expected 0\.\.255 .* or 65535 = ignore"):
        split.training_labels(np.array([256, 65534], dtype=np.uint16))
    with pytest.raises(ValueError, match=r"got dtype uint8, expected uint16 .* there are 256 classes"):
        split.training_labels(np.array([0], dtype=np.uint8))


def test_the_ignore_id_is_never_a_class() -> None:
    assert [ignore_id(count) for count in (1, 254, 255, 256, 847, 65535)] == [255, 255, 255, 65535, 65535, 65535]
    assert all(ignore_id(count) >= count for count in range(1, 1000))


def test_a_16_bit_mask_of_an_8_bit_split_is_refused() -> None:
    with pytest.raises(ValueError, match="got dtype uint16, expected uint8"):
        ClassSplit(NAMES, ()).training_labels(np.array([0, 65535], dtype=np.uint16))


@pytest.mark.parametrize(
    ("names", "unseen", "message"),
    [
        (("cat", "dog", "cat"), (), r"names: got 'cat' twice, at positions 0 and 2.*once"),
        (NAMES, ("cow", "cow"), r"unseen: got 'cow' twice"),
        (NAMES, ("gras",), r"unseen: got 'gras'.*Did you mean 'grass'\?"),
        (NAMES, ("TREE",), r"Did you mean 'tree'\?"),
        (NAMES, ("zebra",), r"got 'zebra'.*The classes are: building, grass, tree, cow, cat\."),
        ((), (), r"names: got no class"),
        (tuple(map(str, range(65536))), (), r"got 65536 classes, expected at most 65535"),
        (("cat", " "), (), r"names: got ' ' at position 1"),
        ("cat", (), r"names: got the string 'cat'"),
        (NAMES, "cat", r"unseen: got the string 'cat'"),
    ],
)
def test_bad_splits(names: tuple[str, ...], unseen: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ClassSplit(names, unseen)


def test_a_name_that_is_no_string() -> None:
    with pytest.raises(TypeError, match=r"names: got 3 at position 1, expected a class name\. Write it in quotes"):
        ClassSplit(("cat", 3), ())  # type: ignore[arg-type]


def test_bad_masks() -> None:
    split = ClassSplit(NAMES, ("cow",))
    with pytest.raises(ValueError, match=r"got id 5, 254, expected 0\.\.4"):
        split.training_labels(np.array([0, 5, 254, 255], dtype=np.uint8))
    with pytest.raises(ValueError, match=r"got dtype int64, expected uint8"):
        split.training_labels(np.array([0, 1]))


def test_names_are_compared_in_the_composed_form_of_unicode() -> None:
    split, joined = "Ba\N{COMBINING DIAERESIS}ume", "B\N{LATIN SMALL LETTER A WITH DIAERESIS}ume"
    assert ClassSplit((split, "cat"), (joined,)).unseen == (joined,)
    assert ClassSplit((joined, "cat"), (split,)) == ClassSplit((split, "cat"), (joined,))
    assert read_words(f"{split}, cat") == read_words([joined, "cat"]) == (joined, "cat")
    with pytest.raises(ValueError, match="twice, at positions 0 and 1"):
        ClassSplit((split, joined), ())
