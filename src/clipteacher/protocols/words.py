"""Lists of words: one reader for the command line, the web page, YAML and Python, and what a word may be."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from clipteacher.protocols.splits import IGNORE_16_BIT, composed

MOST_LETTERS: Final = 1000
"""Letters of a word; text towers read less."""

MOST_WORDS: Final = IGNORE_16_BIT
"""Words of a list: a mask of 16 bits holds no more ids."""

_QUOTES: Final[Mapping[str, str]] = {'"': '"', "'": "'", "“": "”", "‘": "’", "„": "“”", "«": "»"}  # noqa: RUF001
_MARKS: Final = frozenset("\"'“”‘’„«»")  # noqa: RUF001
_BRACKETS: Final[Mapping[str, str]] = {")": "(", "]": "[", "}": "{"}
_SEPARATORS: Final = ",;，；、،؛"  # noqa: RUF001 (those of other scripts, too)
_SEPARATOR: Final = re.compile(rf"\s*[{_SEPARATORS}]\s*|\s*\n\s*")
_FILE: Final = re.compile(r".+\.(txt|names|csv|tsv|json|ya?ml)", re.IGNORECASE)
_INVISIBLE: Final = dict.fromkeys(
    map(ord, "\u00ad\u061c\u200b\u200e\u200f\u2060\ufeff")
)  # come with text that is pasted
_NO_TEXT: Final = ("Cc", "Cs", "Zl", "Zp")  # Unicode's controls, halves of a pair, ends of line and paragraph
_TURNING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_SHOWN: Final = 40


def read_words(given: str | Iterable[str], field: str = "classes") -> tuple[str, ...]:
    r"""Read a list of words.

    In a text, commas, semicolons and new lines separate words, and brackets may stand around all of it. Quotes keep
    what is between them together, commas and all. Nothing else means anything: `no`, `1` and `null` are words. A
    separator at the end does no harm. Words of a list are taken as they are.

    Spaces around a word, or doubled within, are dropped, and so are signs that cannot be seen; words are compared
    without them and without case, in Unicode's composed form (NFC), in which they are returned.

    Args:
        given: A text, as it is typed, or words one by one.
        field: What the words are for, which an error begins with.

    Returns:
        The words, in their order; none for a blank text or an empty list.

    Raises:
        TypeError: It is neither, or one of the words is no string.
        ValueError: A word is empty or given twice, or is none, see `word_fault`; there are too many; a quote or a
            bracket has no partner; or the text names a file.

    Example:
        >>> read_words("cat,  old chair; sky"), read_words("[yes, no, 1]"), read_words("")
        (('cat', 'old chair', 'sky'), ('yes', 'no', '1'), ())
        >>> read_words("'building, edifice', sky"), read_words(["building, edifice", "sky"])
        (('building, edifice', 'sky'), ('building, edifice', 'sky'))
    """
    if isinstance(given, str):
        words = _typed(given, field)
    elif isinstance(given, Iterable) and not isinstance(given, bytes | bytearray | Mapping | set | frozenset):
        words = _listed(given, field)
    else:
        raise TypeError(f"{field}: got {_shown(given)}, expected a list of words, or a text with commas.")
    if len(words) > MOST_WORDS:
        raise ValueError(f"{field}: got {len(words)} words, expected at most {MOST_WORDS}. Remove some.")
    first: dict[str, int] = {}
    for position, word in enumerate(words):
        if fault := word_fault(word):
            raise ValueError(f"{field}: got {_shown(word)} {fault}")
        other = first.setdefault(folded(word), position)
        if other != position and words[other] == word:
            raise ValueError(
                f"{field}: got {_shown(word)} twice, at positions {other} and {position}, expected each word once. "
                "Remove one."
            )
        if other != position:
            raise ValueError(
                f"{field}: got {_shown(word)} beside {_shown(words[other])}, expected different words: they differ by "
                "case alone. Remove one."
            )
    return words


def write_words(words: Sequence[str]) -> str:
    r"""Write words as a text that `read_words` reads as the same words: with commas, and quotes where they are needed.

    Example:
        >>> write_words(["sky", "building, edifice", "lord's table"])
        'sky, "building, edifice", lord\'s table'
    """
    return ", ".join(map(_written, words))


def tidy(word: str) -> str:
    r"""Return a word in Unicode's composed form, without spaces around it or doubled, or signs that cannot be seen.

    Example:
        >>> tidy("  old\tchair\u200b")
        'old chair'
    """
    return " ".join(composed(word).translate(_INVISIBLE).split())


def folded(name: str) -> str:
    """Return a name without what makes no other word of it: case, spaces around it or doubled, and Unicode's form.

    Example:
        >>> folded(" Red  barn") == folded("red barn")
        True
    """
    return composed(tidy(name).casefold())


def word_fault(word: str) -> str:
    r"""Say why a string is no word; "" where it is one. Any script, signs and emoji are words.

    A line break would split a table's row; an escape sequence would be obeyed by a terminal; what turns the direction
    of writing would make one word look like another.

    Returns:
        What goes on after "got" and the word.

    Example:
        >>> word_fault("cat"), word_fault("c\tat")
        ('', "with the control character '\\t', expected text. Take it out.")
    """
    if not word.strip():
        return "as a word, expected letters. Write it out, or remove it."
    if len(word) > MOST_LETTERS:
        return f"of {len(word)} letters, expected at most {MOST_LETTERS}. Shorten it, or put commas between words."
    for sign in word:
        if unicodedata.category(sign) in _NO_TEXT:
            return f"with the control character {sign!r}, expected text. Take it out."
        if sign in _TURNING:
            return f"with {sign!r}, which turns the direction of writing, expected text. Take it out."
    return ""


def named_file(text: str) -> bool:
    """Whether a text, as it is typed, is the name of a file of words: it ends in .txt and has no quotes around it."""
    return text.strip().lower().endswith(".txt") and text.strip()[0] not in _QUOTES


def _listed(given: Iterable[object], field: str) -> tuple[str, ...]:
    """Take words of a list."""
    words = []
    for position, word in enumerate(given):
        if not isinstance(word, str):
            raise TypeError(
                f"{field}: got {_shown(word)} at position {position}, expected a word. Put quotes around it, as typed: "
                "YAML and Python read yes, no, null and numbers as something else."
            )
        if fault := word_fault(word.strip()):
            raise ValueError(f"{field}: got {_shown(word)} at position {position} {fault}")
        words.append(tidy(word))
    return tuple(words)


def _typed(text: str, field: str) -> tuple[str, ...]:
    """Take words of a text."""
    text = re.sub(r"[^\S\n]+", " ", "\n".join(text.splitlines())).strip()
    if text.startswith("["):
        if (words := _json_words(text)) is not None:
            return _listed(words, field)
        inner = re.fullmatch(r"\[(.*)\] ?[,;]?", text, re.DOTALL)
        if inner is None:
            raise ValueError(f"{field}: got {_shown(text)} with '[' alone, expected ']' at the end. Add it.")
        text = inner[1].strip()
    if not text.strip(f" \n{_SEPARATORS}"):
        return ()
    words, at = [], 0
    while at < len(text):
        word, at = _next_word(text, at, field)
        if not word:
            after = f" after {_shown(words[-1])}" if words else ""
            raise ValueError(
                f"{field}: got ''{after}, expected a word between two separators. Remove one, or write the word."
            )
        words.append(word)
        separator = _SEPARATOR.match(text, at)
        at = len(text) if separator is None else separator.end()
    return tuple(words)


def _json_words(text: str) -> list[str] | None:
    """Take words of a list as programs write it, with escapes; None where it is none of words alone."""
    try:
        words = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return words if isinstance(words, list) and all(isinstance(word, str) for word in words) else None


def _next_word(text: str, at: int, field: str) -> tuple[str, int]:
    """Take the word that begins at a place, and say where it ends: at a separator, or at the text's end."""
    if text[at] in _QUOTES:
        word, end = _quoted(text, at, field)
        if end < len(text) and _SEPARATOR.match(text, end) is None:
            raise ValueError(
                f"{field}: got {_shown(text[end:])} right after {_shown(word)} in quotes, expected a comma. Add it."
            )
        return word, end
    found = _SEPARATOR.search(text, at)
    end = len(text) if found is None else found.start()
    word = tidy(text[at:end])
    if word and (fault := word_fault(word) or _bare_fault(word)):
        raise ValueError(f"{field}: got {_shown(word)} {fault}")
    return word, end


def _quoted(text: str, at: int, field: str) -> tuple[str, int]:
    """Take what is between quotes; a quote that is doubled there stands for itself."""
    closing = _QUOTES[text[at]]
    found = re.compile(rf"((?:[^{closing}]|([{closing}])\2)*)[{closing}](?![{closing}])").match(text, at + 1)
    if found is None:
        raise ValueError(
            f"{field}: got {_shown(text[at:])} with {text[at]} alone, expected a second one where the word ends. Add "
            "it, or put the whole word in other quotes."
        )
    return tidy(re.sub(rf"([{closing}])\1", r"\1", found[1])), found.end()


def _bare_fault(word: str) -> str:
    """Say why a word without quotes around it is not what somebody means; "" where it is."""
    if '"' in word or word[0] in _MARKS or word[-1] in _MARKS:
        mark = '"' if '"' in word else word[0] if word[0] in _MARKS else word[-1]
        return (
            f"with a stray {mark}, expected quotes around a whole word. Take it out, or put the word in other quotes."
        )
    opened: list[str] = []
    for sign in word:
        if sign in _BRACKETS.values():
            opened.append(sign)
        elif sign in _BRACKETS and (not opened or opened.pop() != _BRACKETS[sign]):
            opened = [sign]
            break
    if opened:
        return f"with {opened[0]!r} alone, expected brackets in pairs. Add the other, or put the word in quotes."
    if word.startswith(("- ", "* ")):
        return "with a list's dash, expected the word alone. Take the dash out, or put the word in quotes."
    if _FILE.fullmatch(word):
        return (
            "as a word, which looks like a file's name, expected words. On the command line, give one .txt file alone, "
            "a word a line; if it is a word, put it in quotes."
        )
    return ""


def _written(word: str) -> str:
    """Write one word; in quotes where it would be read as something else without them."""
    if _SEPARATOR.search(word) is None and not _bare_fault(word) and not word.startswith("["):
        return word
    mark = "'" if '"' in word and "'" not in word else '"'
    return f"{mark}{word.replace(mark, 2 * mark)}{mark}"


def _shown(value: object) -> str:
    """A value for a message; its start alone where it is long."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
