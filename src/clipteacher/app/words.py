"""Words as they are typed on the page: cut at commas, checked, with messages that a visitor understands."""

from __future__ import annotations

import re
from collections.abc import Sequence

from clipteacher.app.limits import Limits

_SHOWN = 40  # letters of a word that a message repeats


def words_text(names: Sequence[str]) -> str:
    """Write names as one would type them.

    Args:
        names: Names; where one holds a comma, semicolons part them.

    Returns:
        The text; `typed_words` reads the names back from it.

    Example:
        >>> words_text(["sky", "red barn"]), words_text(["building, edifice", "sky"])
        ('sky, red barn', 'building, edifice; sky')
    """
    return ("; " if any("," in name for name in names) else ", ").join(names)


def typed_words(text: str, own: Sequence[str], limits: Limits) -> tuple[str, ...]:
    """Read words that were typed.

    Words are parted by commas or new lines; by semicolons or new lines where the text holds a semicolon, so that a word
    may hold a comma. Blanks around a word, and nothing between two commas, do not count.

    Args:
        text: What was typed.
        own: The model's own names. Their text as `words_text` writes it gives them back, whatever they hold.
        limits: How many words, and how long.

    Returns:
        The words, at least one, all different.

    Raises:
        ValueError: No word, too many, one that is too long, or one that is there twice, in upper or lower case.

    Example:
        >>> typed_words("cat,  old chair,", (), Limits()), typed_words("building, edifice; sky", (), Limits())
        (('cat', 'old chair'), ('building, edifice', 'sky'))
    """
    if text.strip() == words_text(own).strip() and own:
        return tuple(own)
    parts = re.split(r"[;\n]" if ";" in text else r"[,\n]", text)
    words = tuple(word for word in (" ".join(part.split()).strip(", ") for part in parts) if word)
    if not words:
        raise ValueError("Words: none given. Type at least one, such as: cat, old chair")
    if len(words) > limits.words:
        raise ValueError(f"Words: {len(words)} given, at most {limits.words} go at once. Take some out.")
    seen: set[str] = set()
    for word in words:
        if len(word) > limits.letters:
            raise ValueError(
                f"Words: “{_short(word)}” has {len(word)} letters, at most {limits.letters} are read. Shorten it, or "
                "put commas between words."
            )
        if word.casefold() in seen:
            raise ValueError(f"Words: “{_short(word)}” is there twice. Take one out.")
        seen.add(word.casefold())
    return words


def with_word(text: str, word: str) -> str:
    """Add a word to what was typed, unless it is there.

    Args:
        text: What was typed.
        word: The word to add.

    Returns:
        The longer text.

    Example:
        >>> with_word("cat", "sky"), with_word("cat, sky,", "sky"), with_word("", "building, edifice")
        ('cat, sky', 'cat, sky,', 'building, edifice;')
    """
    text = text.rstrip()
    semicolons = ";" in text or "," in word
    present = [" ".join(part.split()) for part in re.split(r"[;\n]" if semicolons else r"[,\n]", text)]
    if word in present:
        return text
    if semicolons and ";" not in text:
        text = "; ".join(part for part in map(str.strip, re.split(r"[,\n]", text)) if part)
    mark = ";" if semicolons else ","
    joined = f"{text.rstrip(mark + ' ')}{mark} {word}" if text.strip(mark + " ") else word
    return joined if not semicolons or ";" in joined else f"{joined};"


def _short(word: str) -> str:
    """The beginning of a word, for a message."""
    return word if len(word) <= _SHOWN else word[: _SHOWN - 1] + "…"
