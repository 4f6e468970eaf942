"""What a command line says: pages of help without Python's types, and mistakes in one line that say what was meant."""

from __future__ import annotations

import argparse
import difflib
import inspect
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile
from pydoc import locate
from typing import Any, Final

from jsonargparse import ArgumentParser, DefaultHelpFormatter

_WORDS: Final = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "tuple": "a list such as '[1, 2]'",
    "list": "a list such as '[1, 2]'",
    "str": "text",
    "Path": "a path",
    "NoneType": "null",
}
_ONE_OF: Final = re.compile(r"(?:typing\.)?Literal\[(.*)\]")


class UsageError(ValueError):
    """Arguments that cannot be parsed; the message is one line."""


class PlainHelp(DefaultHelpFormatter):
    """A page of help: options by the words that are typed, what they do, their defaults; no types."""

    def add_usage(
        self, usage: str | None, actions: Iterable[argparse.Action], groups: Iterable[Any], prefix: str | None = None
    ) -> None:
        """Write what is required, and [options] for the rest."""
        needed = [action for action in actions if action.required]
        shown = [self._typed(action) if action.option_strings else self._positional(action) for action in needed]
        command = self._prog.replace(" [options]", "")
        super().add_usage(usage or " ".join([command, *shown, "[options]"]), [], groups, prefix)

    def _positional(self, action: argparse.Action) -> str:
        return self._format_args(action, self._get_default_metavar_for_positional(action))

    def _typed(self, action: argparse.Action) -> str:
        """Write an option with its value, without a second spelling that appends to a list."""
        names = [name for name in action.option_strings if not name.endswith("+")]
        value = "" if action.nargs == 0 else self._format_args(action, self._get_default_metavar_for_optional(action))
        return f"{', '.join(names)} {value}".rstrip()

    def _format_action_invocation(self, action: argparse.Action) -> str:
        return self._typed(action) if action.option_strings else super()._format_action_invocation(action)

    def _get_help_string(self, action: argparse.Action) -> str:
        text = action.help or ""
        if isinstance(action, argparse._HelpAction):
            return text[0].lower() + text[1:]
        if not action.option_strings:
            return text
        if action.required:
            return f"{text} (required)".strip()
        default = action.default
        if default is None or default is False or default == argparse.SUPPRESS or "default" in text:
            return text
        return f"{text} (default: {'true' if default is True else '%(default)s'})".strip()


def option_names(parser: ArgumentParser) -> list[str]:
    """Return the options that a parser takes, such as "--out"."""
    names = {name for action in parser._actions for name in action.option_strings}
    return sorted(name for name in names if name.startswith("--") and not name.endswith("+"))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return " Did you mean --classes?" for the word that looks most like what was typed, else nothing.

    Example:
        >>> did_you_mean("--clases", ["--classes", "--out"]), did_you_mean("x", ["--out"])
        (' Did you mean --classes?', '')
    """
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.7)
    return f" Did you mean {close[0]}?" if close else ""


def one_line(message: str, options: Sequence[str]) -> str:
    r"""Say in one line what jsonargparse says in many: what was got, what was expected, which option was meant.

    Args:
        message: Of its `ArgumentError`.
        options: Those that the parser takes.

    Example:
        >>> one_line("unrecognized arguments: --clases cat", ["--classes", "--out"])
        'got --clases, which is no option. Did you mean --classes?'
        >>> one_line("Parser key \"opacity\":\n  Expected a <class 'float'>. Got value: abc", [])
        "opacity: got 'abc', expected a number."
    """
    for pattern, said in _RULES:
        if (found := re.match(pattern, message)) is not None:
            return said(found, options)
    return _wrong_value(message) or " ".join(message.split()).rstrip(".") + "."


def _unknown_option(found: re.Match[str], options: Sequence[str]) -> str:
    return f"got {found[1]}, which is no option.{did_you_mean(found[1], options)}"


def _stray_word(found: re.Match[str], options: Sequence[str]) -> str:
    return f"got {found[1]!r}, expected options only. Put quotes around what has spaces in it."


def _none_given(found: re.Match[str], options: Sequence[str]) -> str:
    return f"{found[1]}: required, got none."


def _no_value(found: re.Match[str], options: Sequence[str]) -> str:
    return f"{found[1]}: got no value, expected one after it."


def _wrong_choice(found: re.Match[str], options: Sequence[str]) -> str:
    known = [name.strip(" '") for name in found[3].split(",")]
    meant = did_you_mean(found[2].strip("'"), known)
    return f"{found[1]}: got {found[2]}, expected one of {', '.join(known)}.{meant}"


def _no_choice(found: re.Match[str], options: Sequence[str]) -> str:
    return f"{found[1]}: got none, expected one of {found[2].replace(',', ', ')}."


def _unknown_entry(found: re.Match[str], options: Sequence[str]) -> str:
    name = ".".join(part for part in found.groups() if part)
    meant = did_you_mean(name, (each.removeprefix("--") for each in options))
    return f"{name}: got an entry that is no option.{meant}"


# What jsonargparse says, and what is said instead.
_RULES: Final[tuple[tuple[str, Callable[[re.Match[str], Sequence[str]], str]], ...]] = (
    (r"unrecognized arguments: (--?[^\s=]+)", _unknown_option),
    (r"unrecognized arguments: (.*)", _stray_word),
    (r"the following arguments are required: (.*)", _none_given),
    (r"argument (?:-\w[,/] ?)?-{0,2}([\w.]+): expected ", _no_value),
    (r"argument -{0,2}([\w.]+): invalid choice: (.*) \(choose from (.*)\)", _wrong_choice),
    (r'expected "(\w+)" to be one of \{(.*)\}, but', _no_choice),
    (r"Group '([\w.]+)' does not accept option '([\w.]+)'", _unknown_entry),
    (r"Option '([\w.]+)' is not accepted$", _unknown_entry),
)


def _wrong_value(message: str) -> str | None:
    """Say what is wrong with a value; None where it is not among what we know how to say."""
    keys = re.findall(r'Parser key "([^"]+)":', message)
    if not keys:
        return None
    name = ".".join(keys)
    classes = re.findall(r"Problem with given class_path '([^']+)'", message)
    if (unknown := re.search(r"Option '([^']+)' is not accepted", message)) is not None and classes:
        own, typed = classes[-1], unknown[1]
        meant = did_you_mean(f"{name}.{typed}", (f"{name}.{each}" for each in _arguments(own)))
        return f"{name}.{typed}: got an option that {own.rsplit('.', 1)[-1]} does not have.{meant}"
    inner = _innermost(message)
    if classes and "Problem with given class_path" in inner:
        reason = " ".join(message.split(f"'{classes[-1]}':", 1)[1].split())
        return f"{name}: got {classes[-1]}, which cannot be built: {reason}."
    got = re.findall(r"(?:Got value|Given value): (.*)", inner)
    got = got or re.findall(r"(\S+) does not conform", inner)
    got = got or re.findall(r"invalid literal for int\(\) with base 10: '(.*)'", inner)
    expected = _expected(inner)
    if not got or not expected:
        return None
    return f"{name}: got {got[0].strip(chr(39))!r}, expected {' or '.join(expected)}."


def _innermost(message: str) -> str:
    """What is said of the last key: the lines that are set further in."""
    lines = message.splitlines()
    last = max(number for number, line in enumerate(lines) if 'Parser key "' in line)
    margin = len(lines[last]) - len(lines[last].lstrip())
    inside = takewhile(lambda line: not line.strip() or len(line) - len(line.lstrip()) > margin, lines[last + 1 :])
    return "\n".join([lines[last].split('":', 1)[-1], *inside])


def _expected(message: str) -> list[str]:
    """What was expected, in plain words, each kind once."""
    words: list[str] = []
    choices: list[str] = []
    if "invalid literal for int" in message:
        words.append(_WORDS["int"])
    if (limits := re.search(r"to restriction (v.*)", message)) is not None:
        words.append(limits[1].replace("v>=", "at least ").replace("v<=", "at most ").replace("v>", "more than "))
    for found in re.findall(r"Expected an? (.*?)(?:\. Got value: .*|: .*)?$", message, flags=re.MULTILINE):
        if (listed := _ONE_OF.fullmatch(found)) is not None:
            choices += [choice.strip(" '") for choice in listed[1].split(",")]
        elif found.startswith("dot import path"):
            words.append("a class such as package.module.Class")
        elif not found.startswith("path but"):
            name = found.removeprefix("<class '").removesuffix("'>").rsplit(".", 1)[-1]
            words.append(_WORDS.get(name, f"a {name}").replace("a tuple with", "a list of"))
    if choices:
        words.insert(0, f"one of {', '.join(dict.fromkeys(choices))}")
    return list(dict.fromkeys(words))


def _arguments(class_path: str) -> list[str]:
    """The arguments of a class that the parser found."""
    found: Any = locate(class_path)
    return list(inspect.signature(found).parameters) if callable(found) else []
