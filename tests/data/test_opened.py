"""Opening data: which classes are held back, which names training may know, and what the protocol is called."""

import re
from pathlib import Path
from typing import Any

import pytest
from tests.data.tiny_copies import write_msrc21, write_voc12

from clipteacher.data.opened import open_data
from clipteacher.protocols import VOC12_15_5, protocol_named

UNSEEN = VOC12_15_5.class_split.unseen


@pytest.mark.parametrize(
    ("unseen", "wanted", "held_back", "name"),
    [
        (["sun"], [], ("sun",), "drawn-3-1"),
        (["sun"], ["red barn"], ("sun",), "drawn-3-1-transductive-0-of-1"),
        ([], ["red barn", "猫"], (), "drawn-4-0-transductive"),
        ([], ["sun"], ("sun",), "drawn-3-1-transductive"),
        ([], ["house", "red barn", "sun"], ("sun", "house"), "drawn-2-2-transductive"),
        (["house"], ["sun", "red barn"], ("sun", "house"), "drawn-2-2-transductive-1-of-2"),
        (None, [], ("sky", "house"), "drawn-2-2"),
        (None, ["house", "sun"], ("sky", "sun", "house"), "drawn-1-3-transductive-2-of-3"),
    ],
)
def test_a_folder_of_your_own(
    folder: Path, unseen: list[str] | None, wanted: list[str], held_back: tuple[str, ...], name: str
) -> None:
    """Wanted names need be no class; those that are one are held back as unseen ones are."""
    data = open_data(folder, "train", None, unseen, lambda names: [names[0], names[3]], wanted=wanted)
    assert data.class_split.names == ("sky", "grass", "sun", "house")
    assert data.class_split.unseen == held_back
    assert data.wanted == tuple(wanted)
    assert data.protocol == name
    assert data.released is False
    assert open_data(folder, "train", "mine", unseen, wanted=wanted).protocol == "mine"


@pytest.mark.parametrize(
    ("unseen", "wanted", "message"),
    [
        (["sun"], ["sun", "red barn"], "wanted: got ['sun'] as unseen as well, expected each name in one"),
        (["sum"], ["sun"], "unseen: got 'sum', expected names of the class list. Did you mean 'sun'?"),
        ([], ["Sky"], "wanted: got 'Sky' beside 'sky', expected different words"),
        ([], ["red barn", "red barn"], "wanted: got 'red barn' twice, at positions 0 and 1"),
        ([], ["red barn", ""], "wanted: got '' at position 1 as a word, expected letters"),
    ],
)
def test_wanted_names_that_a_folder_refuses(folder: Path, unseen: list[str], wanted: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        open_data(folder, "train", None, unseen, wanted=wanted)


def test_the_settings_of_a_released_data_set(tmp_path: Path) -> None:
    write_voc12(tmp_path)
    inductive = open_data(tmp_path, "train", "voc12-15-5", None)
    transductive = open_data(tmp_path, "train", "voc12-15-5-transductive", None)
    assert (inductive.wanted, transductive.wanted) == ((), UNSEEN)
    assert transductive.protocol == "voc12-15-5-transductive"
    assert transductive.class_split == inductive.class_split
    assert transductive.released is True


@pytest.mark.parametrize(
    ("protocol", "names", "message"),
    [
        (
            "voc12-15-5",
            {"wanted": ["cat"]},
            "wanted: got cat beside protocol voc12-15-5, which is inductive. Leave out one of the two.",
        ),
        ("voc-20", {"wanted": ["cat"]}, "wanted: got cat beside protocol voc-20, which is inductive."),
        (
            "voc12-15-5-transductive",
            {"wanted": ["cat", "dog"]},
            "wanted: got cat, dog beside protocol voc12-15-5-transductive, which has its own, pottedplant, sheep, sofa",
        ),
        (
            "voc12-15-5-transductive",
            {"wanted": UNSEEN},
            "wanted: got pottedplant, sheep, sofa, train, tvmonitor beside",
        ),
        (
            "voc12-15-5-transductive",
            {"unseen": ["cat"]},
            "unseen: got cat beside protocol voc12-15-5-transductive, which holds back pottedplant",
        ),
    ],
)
def test_names_beside_a_protocol_are_refused(
    tmp_path: Path, protocol: str, names: dict[str, Any], message: str
) -> None:
    """Before a file is looked for: the folder is empty."""
    with pytest.raises(ValueError, match=re.escape(message)):
        open_data(tmp_path, "train", protocol, **{"unseen": None} | names)


def test_the_transductive_msrc21(tmp_path: Path) -> None:
    protocol = protocol_named("msrc21-16-5-transductive")
    write_msrc21(tmp_path, protocol.class_split.names)
    data = open_data(tmp_path, "val", protocol.name, None)
    assert (data.protocol, data.wanted) == (protocol.name, ("cow", "car", "flower", "sign", "cat"))
