"""Text of others for a terminal: names of files and of classes may hold signs that it would obey."""

from __future__ import annotations

from typing import Final
from unicodedata import category

_SHOWN: Final = {"\u200c", "\u200d"}  # joiners, which Persian, the scripts of India and emoji are written with
# Control characters, marks of direction and other invisible ones, bytes that are no text, and ends of lines.
_ESCAPED: Final = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))


def printable(text: object, *, keep: str = "") -> str:
    r"""Escape what a terminal would obey or cannot show, as Python writes it; all other text stays as it is.

    Args:
        text: Anything with a text, such as a path or an error.
        keep: Signs that stay as they are, such as "\n".

    Returns:
        The text, in one line where `keep` has no line break.

    Example:
        >>> print(printable("old chair\n\x1b[2J\udcff.jpg"))
        old chair\n\x1b[2J\udcff.jpg
    """
    return "".join(_escaped(sign) if sign not in keep else sign for sign in str(text))


def _escaped(sign: str) -> str:
    if category(sign) not in _ESCAPED or sign in _SHOWN:
        return sign
    return sign.encode("unicode_escape").decode("ascii")
