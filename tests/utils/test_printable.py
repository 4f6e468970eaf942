"""Names of others on a terminal: nothing that it obeys, one line, and every script as it is written."""

import pytest

from clipteacher.utils.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J\x07.png", "\\x1b[2J\\x07.png"),
        ("a\nclipteacher: error: b\r\t", "a\\nclipteacher: error: b\\r\\t"),
        ("a\u202egnp.exe", "a\\u202egnp.exe"),
        ("\udcff.png", "\\udcff.png"),
        ("\x9b31m\u2028", "\\x9b31m\\u2028"),
        ("猫 кошка می\u200cخواهم 👩\u200d🚀 u\u0308", "猫 кошка می\u200cخواهم 👩\u200d🚀 u\u0308"),
        ("a b\u00a0c\u202fd", "a b\u00a0c\u202fd"),
        ("C:\\new", "C:\\new"),
    ],
)
def test_what_is_escaped_and_what_is_not(text: str, shown: str) -> None:
    assert printable(text) == shown
    shown.encode("utf-8")


def test_what_is_kept() -> None:
    assert printable(ValueError("one\ntwo\x1b"), keep="\n") == "one\ntwo\\x1b"
