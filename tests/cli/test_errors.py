"""Errors and warnings of a command: one line each, on stderr."""

import warnings

import pytest

from clipteacher.cli.errors import plain_warnings, user_errors
from clipteacher.cli.faults import training_faults


def test_an_error_of_input_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop, user_errors():
        raise ValueError("photo: got none")
    assert stop.value.code == 2
    assert capsys.readouterr().err == "clipteacher: error: photo: got none\n"
    with pytest.raises(ZeroDivisionError), user_errors():
        raise ZeroDivisionError


def test_a_warning_is_one_line() -> None:
    """As Python formats it; a run in a process of its own is in tests/training/test_reproducible.py."""
    before, found = warnings.formatwarning, []
    for context in (user_errors(), training_faults(None), plain_warnings()):
        with context:
            found.append(warnings.formatwarning("3 masks\n  have no photo", UserWarning, "session.py", 133))
    assert found == 3 * ["clipteacher: warning: 3 masks have no photo\n"]
    assert warnings.formatwarning is before


def test_it_is_still_a_warning_of_python() -> None:
    with pytest.warns(UserWarning, match="3 masks"), user_errors():
        warnings.warn("3 masks", stacklevel=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="3 masks"), plain_warnings():
            warnings.warn("3 masks", stacklevel=1)


def test_no_message_holds_what_a_terminal_obeys(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit), user_errors():
        raise ValueError("photo: got a\x1b[2J.png\nand \udcff.png")
    assert capsys.readouterr().err == "clipteacher: error: photo: got a\\x1b[2J.png\nand \\udcff.png\n"
    with plain_warnings():
        assert warnings.formatwarning("a\x1b\nb", UserWarning, "x.py", 1) == "clipteacher: warning: a\\x1b b\n"
