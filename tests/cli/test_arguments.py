"""Arguments that commands share: words as they are typed, and which protocol a model's scores may stand under."""

import re
from pathlib import Path

import pytest

from clipteacher.cli.arguments import NAMES, check_setting, device, names
from clipteacher.cli.parser import CommandParser
from clipteacher.planning.facts import machine_facts
from clipteacher.protocols import COCO_STUFF_156_15, CONTEXT_50_10_BG, MSRC21_16_5, VOC12_15_5, VOC20, Protocol
from clipteacher.protocols.protocol import transductive

WORDS = MSRC21_16_5.class_split.unseen  # cow, car, flower, sign, cat
ALL_OF_CONTEXT = CONTEXT_50_10_BG.class_split.unseen


@pytest.mark.parametrize(
    ("protocol", "wanted"),
    [
        (MSRC21_16_5, ()),
        (MSRC21_16_5, ("red barn", "sheep")),
        (transductive(MSRC21_16_5), WORDS),
        (transductive(MSRC21_16_5), ("red barn", *reversed(WORDS))),
        (transductive(MSRC21_16_5), tuple(f" {name.upper()}" for name in WORDS)),
        (VOC12_15_5, WORDS),
        (VOC20, ("cow", "cat")),
    ],
)
def test_a_model_that_knew_what_the_protocol_tells(protocol: Protocol, wanted: tuple[str, ...]) -> None:
    assert check_setting(protocol, wanted) is None  # type: ignore[func-returns-value]


@pytest.mark.parametrize(
    ("protocol", "wanted", "message"),
    [
        (
            transductive(MSRC21_16_5),
            ("red barn",),
            "protocol: got msrc21-16-5-transductive for a model whose training did not know cow, car, flower, sign, "
            "cat, expected one that wanted them. Score it under msrc21-16-5.",
        ),
        (
            MSRC21_16_5,
            WORDS,
            "protocol: got msrc21-16-5 for a model whose training knew cow, car, flower, sign, cat, expected one that "
            "did not, for the protocol is inductive. Score it under msrc21-16-5-transductive.",
        ),
        (
            CONTEXT_50_10_BG,
            ALL_OF_CONTEXT,
            "expected one that did not, for the protocol is inductive. Train it without these names.",
        ),
        (MSRC21_16_5, ("Cat",), "whose training knew cat alone of the 5 unseen names, expected one that knew all"),
        (
            transductive(MSRC21_16_5),
            WORDS[:4],
            "whose training knew cow, car, flower, sign alone of the 5 unseen names, expected one that knew all "
            "(transductive) or none (inductive). Train it so, or score it on a folder of your own.",
        ),
        (transductive(COCO_STUFF_156_15), WORDS, "whose training knew cow alone of the 15 unseen names"),
    ],
)
def test_a_model_that_knew_more_or_less(protocol: Protocol, wanted: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        check_setting(protocol, wanted)


def test_the_device_that_is_there() -> None:
    assert device("auto") == device(None)
    assert device("cpu").type == "cpu"
    assert machine_facts("auto").device == machine_facts().device


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("[1, 2]", ("1", "2")),
        ("[yes, no]", ("yes", "no")),
        ("[sky, 'no']", ("sky", "no")),
        ("null", ("null",)),
        ("no", ("no",)),
        ("1e3", ("1e3",)),
        ("'sky', 'sea'", ("sky", "sea")),
        ("sky; sea,", ("sky", "sea")),
        ("", ()),
        ("[]", ()),
    ],
)
def test_words_as_they_are_typed(typed: str, words: tuple[str, ...]) -> None:
    parser = CommandParser("segment")
    parser.add_argument("--classes", type=NAMES)
    assert names(parser.parse_args(["--classes", typed]).classes) == words
    assert names(parser.parse_args([]).classes) is None


def test_words_of_a_file_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("words.txt").write_text("sky\nno\n")
    assert names("words.txt", "unseen") == ("sky", "no")
    assert capsys.readouterr().out == "unseen: 2 words of words.txt, one a line\n"
    assert names("'words.txt'") == ("words.txt",)
    assert not capsys.readouterr().out


def test_an_error_says_which_argument() -> None:
    with pytest.raises(ValueError, match=r"^unseen: got '' after 'sky'"):
        names("sky,,sea", "unseen")
    with pytest.raises(ValueError, match=r"^classes: got 'gone\.txt', expected a file of that name"):
        names("gone.txt")
