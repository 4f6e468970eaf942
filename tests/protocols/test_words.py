"""Lists of words: the words that are meant, or one error; the same from a text, from a list and back."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fuzz.settings import MORE, outcome

from clipteacher.protocols.words import MOST_WORDS, folded, named_file, read_words, tidy, word_fault, write_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1, 2]", ("1", "2")),
        ("[yes, no]", ("yes", "no")),
        ("on, off, null, ~, 1e3, 0x10, 007, true", ("on", "off", "null", "~", "1e3", "0x10", "007", "true")),
        ("'sky', 'sea'", ("sky", "sea")),
        ('["caf\\u00e9", "a, b"]', ("café", "a, b")),
        ('["sky", no]', ("sky", "no")),
        ("sky; sea\nsand", ("sky", "sea", "sand")),
        ("sky,\n sea\n,sand\r\n", ("sky", "sea", "sand")),
        ("sky\n\n\nsea", ("sky", "sea")),
        ("sky,", ("sky",)),
        ("[sky, sea,];", ("sky", "sea")),
        ("", ()),
        ("  \n", ()),
        ("[]", ()),
        (" , ", ()),
        ("'building, edifice'; “sky, too”", ("building, edifice", "sky, too")),
        ('\'it\'\'s\', "a ""b"""', ("it's", 'a "b"')),
        ("bird's nest, lord's table", ("bird's nest", "lord's table")),
        ("grass [dry], bench (wooden)", ("grass [dry]", "bench (wooden)")),
        ("'names.txt', 'dogs'''", ("names.txt", "dogs'")),
        ("猫，狗、鸟；قط، كلب", ("猫", "狗", "鸟", "قط", "كلب")),
        ("old \t chair\u200b, \ufeffsky\u00a0", ("old chair", "sky")),
        ("node.js, <b>&</b>, {}, 🐈‍⬛", ("node.js", "<b>&</b>", "{}", "🐈‍⬛")),
        ("a" + 300_000 * " " + "b", ("a b",)),
    ],
)
def test_the_words_that_are_meant(text: str, words: tuple[str, ...]) -> None:
    assert read_words(text) == words
    assert read_words(write_words(words)) == words
    assert read_words(list(words)) == words


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[sky, sea", "got '[sky, sea' with '[' alone, expected ']' at the end. Add it."),
        ("sky, sea]", "got 'sea]' with ']' alone, expected brackets in pairs."),
        ("[sky], [sea]", "got 'sky]' with ']' alone"),
        ("(sky, sea)", "got '(sky' with '(' alone"),
        ("{sky: 1, sea: 2}", "got '{sky: 1' with '{' alone"),
        ("'sky, sea", "got \"'sky, sea\" with ' alone, expected a second one where the word ends."),
        ("sky, sea'", "got \"sea'\" with a stray ', expected quotes around a whole word."),
        ('5" pipe', 'with a stray "'),
        ("'sky' sea", "got ' sea' right after 'sky' in quotes, expected a comma. Add it."),
        ("sky,,sea", "got '' after 'sky', expected a word between two separators. Remove one, or write the word."),
        ("sky;\n;sea", "got '' after 'sky'"),
        (", sky", "got '', expected a word"),
        ("sky,,", "got '' after 'sky'"),
        ("sky, ''", "got '' after 'sky'"),
        ("sky, Sky", "got 'Sky' beside 'sky', expected different words: they differ by case alone. Remove one."),
        ("STRASSE, straße", "got 'straße' beside 'STRASSE'"),
        ("old  chair, old chair", "got 'old chair' twice, at positions 0 and 1"),
        ("Zu\u0308rich, Z\u00fcrich", "got 'Zürich' twice"),
        ("- sky\n- sea", "got '- sky' with a list's dash"),
        ("names.txt", "looks like a file's name"),
        ("sky, names.yaml", "got 'names.yaml' as a word, which looks like a file's name"),
        ("c\x1b[2Jat", "with the control character '\\x1b', expected text."),
        ("cat\0", "control character '\\x00'"),
        ("\u202etac", "got '\\u202etac' with '\\u202e', which turns the direction of writing"),
        ("a\u2066b", "turns the direction"),
        (10_000 * "x", "of 10000 letters, expected at most 1000."),
    ],
)
def test_what_is_no_list_of_words_is_one_error(text: str, said: str) -> None:
    with pytest.raises(
        ValueError, match=rf"^unseen: {'.*' if not said.startswith('got') else ''}{re.escape(said)}"
    ) as e:
        read_words(text, "unseen")
    assert "\n" not in str(e.value)
    assert len(str(e.value)) < 300


@pytest.mark.parametrize(
    ("listed", "kind", "said"),
    [
        (["sky", 1], TypeError, "got 1 at position 1, expected a word. Put quotes around it, as typed"),
        ([False], TypeError, "got False at position 0"),
        ([None], TypeError, "got None at position 0"),
        ([["sky"]], TypeError, "got ['sky'] at position 0"),
        ({"sky": 1}, TypeError, "got {'sky': 1}, expected a list of words"),
        ({"sky"}, TypeError, "got {'sky'}, expected a list"),
        (b"sky", TypeError, "got b'sky', expected a list"),
        (3, TypeError, "got 3, expected a list"),
        (None, TypeError, "got None, expected a list"),
        (["sky", " "], ValueError, "got ' ' at position 1 as a word, expected letters."),
        (["old\nchair"], ValueError, "got 'old\\nchair' at position 0 with the control character '\\n'"),
        (["sky", "sky\n"], ValueError, "got 'sky' twice"),
        (("sky", "SKY"), ValueError, "got 'SKY' beside 'sky'"),
        ((f"word {i}" for i in range(MOST_WORDS + 1)), ValueError, "got 65536 words, expected at most 65535."),
    ],
)
def test_lists_that_are_none(listed: Any, kind: type[Exception], said: str) -> None:  # noqa: ANN401
    with pytest.raises(kind, match=f"^classes: {re.escape(said)}"):
        read_words(listed)


def test_words_of_a_list_keep_their_commas_and_brackets() -> None:
    words = ("building, edifice", "[x", "names.txt", "'tis", "- a", '"', "(", "a; b")
    assert read_words(words) == read_words(iter(words)) == words
    assert read_words([" sky\n", "old  chair"]) == ("sky", "old chair")


@MORE
@given(words=st.lists(st.text(min_size=1, max_size=12), max_size=4, unique_by=folded))
def test_any_words_are_read_back(words: list[str]) -> None:
    kept = tuple(tidy(word) for word in words if not word_fault(word) and tidy(word))
    assert read_words(write_words(kept)) == kept


@MORE
@given(text=st.text(alphabet="ab,;'\"[](){} \n“”.-", max_size=14))
def test_any_text_is_words_or_one_error(text: str) -> None:
    words = outcome(lambda: read_words(text), "classes: got ", ValueError)
    assert words is None or all(word == tidy(word) != "" for word in words)
    assert words is None or read_words(write_words(words)) == words


def test_which_texts_name_a_file() -> None:
    assert [named_file(text) for text in ("names.txt", " a b/NAMES.TXT ", "'names.txt'", "txt", "")] == [
        *(True, True, False, False, False)
    ]
