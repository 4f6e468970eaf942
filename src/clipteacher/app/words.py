"""Words as a visitor types them: split at commas and checked, with messages for the visitor."""

from __future__ import annotations

import re
from collections.abc import Sequence

from clipteacher.app.limits import Limits

_SHOWN = 40  # letters of a word that a message repeats


def words_text(names: Sequence[str]) -> str:
    """Write names as a visitor would type them.

    Args:
        names: Names. If one contains a comma, semicolons separate them.

    Returns:
        The text; `typed_words` reads the names back from it.

    Example:
        >>> words_text(["sky", "red barn"]), words_text(["building, edifice", "sky"])
        ('sky, red barn', 'building, edifice; sky')
    """
    return ("; " if any("," in name for name in names) else ", ").join(names)


def typed_words(text: str, own: Sequence[str], limits: Limits) -> tuple[str, ...]:
    """Read the words that a visitor typed.

    Commas or new lines separate words. In a text with a semicolon, semicolons or new lines do, so that a word may
    contain a comma. Surrounding blanks and empty words are ignored.

    Args:
        text: The text.
        own: The model's own names. Their text, as `words_text` writes it, gives exactly these names.
        limits: The number of words, and their length.

    Returns:
        The words, at least one, all different.

    Raises:
        ValueError: There is no word, there are too many, one is too long, or one is repeated, in upper or lower case.

    Example:
        >>> typed_words("cat,  old chair,", (), Limits()), typed_words("building, edifice; sky", (), Limits())
        (('cat', 'old chair'), ('building, edifice', 'sky'))
    """
    if own and text.strip() == words_text(own).strip():
        return tuple(own)
    parts = re.split(r"[;\n]" if ";" in text else r"[,\n]", text)
    words = tuple(word for word in (" ".join(part.split()).strip(", ") for part in parts) if word)
    if not words:
        raise ValueError("Words: got none, expected at least one, such as: cat, old chair")
    if len(words) > limits.words:
        raise ValueError(f"Words: got {len(words)}, expected at most {limits.words}. Remove some.")
    seen: set[str] = set()
    for word in words:
        shown = word if len(word) <= _SHOWN else word[: _SHOWN - 1] + "…"
        if len(word) > limits.letters:
            raise ValueError(
                f"Words: “{shown}” has {len(word)} letters, expected at most {limits.letters}. Shorten it, or put "
                "commas between words."
            )
        if word.casefold() in seen:
            raise ValueError(f"Words: “{shown}” is repeated. Remove one.")
        seen.add(word.casefold())
    return words
