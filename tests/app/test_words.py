"""Words as a visitor types them: split, checked, and written so that they can be read back."""

from pathlib import Path

import pytest

from clipteacher.app.limits import Limits
from clipteacher.app.words import typed_words, words_text

LIMITS = Limits(words=5, letters=20)


def read(text: str, own: tuple[str, ...] = ()) -> tuple[str, ...]:
    return typed_words(text, own, LIMITS)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cat", ("cat",)),
        ("cat,dog", ("cat", "dog")),
        ("  old   chair ,\tsky, ", ("old chair", "sky")),
        ("cat\ndog, bird", ("cat", "dog", "bird")),
        ("cat; dog, bird", ("cat", "dog", "bird")),
        ("'building, edifice'; sky", ("building, edifice", "sky")),
        ("[cat, dog];", ("cat", "dog")),
        ("🐈, 猫, קת", ("🐈", "猫", "קת")),
        ("<b>, &, '\"'", ("<b>", "&", '"')),
    ],
)
def test_words_are_split(text: str, words: tuple[str, ...]) -> None:
    assert read(text) == words


@pytest.mark.parametrize("text", ["", "  ", ",", " , ;\n", "\u200a,\u3000"])
def test_no_word(text: str) -> None:
    with pytest.raises(ValueError, match="Words: got none"):
        read(text, own=("sky",))


@pytest.mark.parametrize("text", ["cat, dog, cat", "Cat, cat", "old  chair, old chair", "STRASSE, straße"])
def test_a_repeated_word_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"^Words: got '.*' (twice|beside).*Remove one"):
        read(text)


@pytest.mark.parametrize("text", [",,cat", "cat,,dog", "'cat", "[cat", "classes.txt", "\u202etac"])
def test_what_is_no_list_of_words(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody reads a file of the machine by its name."""
    (tmp_path / "classes.txt").write_text("secret\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"^Words: got .*expected") as raised:
        read(text)
    assert "secret" not in str(raised.value)


def test_a_word_of_200_tokens_is_too_long_and_not_repeated_in_full() -> None:
    with pytest.raises(ValueError, match="has 961 letters, expected at most 20") as error:
        read("token " * 160 + "x")
    assert len(str(error.value)) < 250


def test_too_many_words() -> None:
    with pytest.raises(ValueError, match="got 6, expected at most 5"):
        read("a, b, c, d, e, f")


@pytest.mark.parametrize(
    "names",
    [
        ("sky", "grass"),
        ("sky",),
        ("building, edifice", "sky"),
        ("a; b", "c, d", "Crane", "crane"),  # a vocabulary may contain anything
        tuple(f"class {i}" for i in range(9)),
        ("a word of more than twenty letters",),
    ],
)
def test_the_models_own_words_are_read_back_whatever_they_hold(names: tuple[str, ...]) -> None:
    assert read(words_text(names), own=names) == names
    assert read(f"\n{words_text(names)}  ", own=names) == names
