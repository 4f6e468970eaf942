"""Words as a visitor types them: read as everywhere, and within the page's limits."""

from __future__ import annotations

from collections.abc import Sequence

from clipteacher.app.limits import Limits
from clipteacher.protocols.words import read_words, write_words

_SHOWN = 40  # letters of a word that a message repeats


def words_text(names: Sequence[str]) -> str:
    """Write names as a visitor would type them.

    Args:
        names: Names. One that contains a comma has quotes around it.

    Returns:
        The text; `typed_words` reads the names back from it.

    Example:
        >>> words_text(["sky", "red barn"]), words_text(["building, edifice", "sky"])
        ('sky, red barn', '"building, edifice", sky')
    """
    return write_words(names)


def typed_words(text: str, own: Sequence[str], limits: Limits) -> tuple[str, ...]:
    """Read the words that a visitor typed, as `clipteacher.protocols.words.read_words` does. No file is read.

    Args:
        text: The text.
        own: The model's own names. Their text, as `words_text` writes it, gives exactly these names.
        limits: The number of words, and their length.

    Returns:
        The words, at least one, all different.

    Raises:
        ValueError: As `read_words`; there is no word, there are too many, or one is too long.

    Example:
        >>> typed_words("cat,  old chair,", (), Limits()), typed_words("'building, edifice'; sky", (), Limits())
        (('cat', 'old chair'), ('building, edifice', 'sky'))
    """
    if own and text.strip() == words_text(own).strip():
        return tuple(own)
    words = read_words(text, "Words")
    if not words:
        raise ValueError("Words: got none, expected at least one, such as: cat, old chair")
    if len(words) > limits.words:
        raise ValueError(f"Words: got {len(words)}, expected at most {limits.words}. Remove some.")
    for word in words:
        if len(word) > limits.letters:
            shown = word if len(word) <= _SHOWN else word[: _SHOWN - 1] + "…"
            raise ValueError(
                f"Words: “{shown}” has {len(word)} letters, expected at most {limits.letters}. Shorten it, or put "
                "commas between words."
            )
    return words
