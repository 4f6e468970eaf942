"""What a command line says: pages of help without Python's types, and mistakes in one line that say what was meant."""

from __future__ import annotations

import argparse
import difflib
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
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
    """Return " Did you mean fit?" for words that look like what was typed, else nothing.

    Example:
        >>> did_you_mean("--clases", ["--classes", "--out"]), did_you_mean("x", ["--out"])
        (' Did you mean --classes?', '')
    """
    close = difflib.get_close_matches(word, list(known), n=2, cutoff=0.7)
    return f" Did you mean {' or '.join(close)}?" if close else ""


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
    rules: tuple[tuple[str, Callable[[re.Match[str]], str]], ...] = (
        (
            r"unrecognized arguments: (--?[^\s=]+)",
            lambda m: f"got {m[1]}, which is no option.{did_you_mean(m[1], options)}",
        ),
        (
            r"unrecognized arguments: (.*)",
            lambda m: f"got {m[1]!r}, expected options only. Quote what has spaces in it.",
        ),
        (r"the following arguments are required: (.*)", lambda m: f"{m[1]}: got none, expected a value: required."),
        (r"argument (?:-\w, )?-{0,2}([\w.]+): expected .*", lambda m: f"{m[1]}: got no value, expected one."),
        (r"argument -{0,2}([\w.]+): invalid choice: (.*) \(choose from (.*)\)", _wrong_choice),
        (r'expected "(\w+)" to be one of \{(.*)\}, but', lambda m: f"{m[1]}: got none, expected one of {m[2]}."),
        (r"Group '([\w.]+)' does not accept option '([\w.]+)'", lambda m: _unknown_entry(f"{m[1]}.{m[2]}", options)),
        (r"Option '([\w.]+)' is not accepted$", lambda m: _unknown_entry(m[1], options)),
    )
    for pattern, said in rules:
        if (found := re.match(pattern, message)) is not None:
            return said(found)
    return _wrong_value(message) or " ".join(message.split())


def _wrong_choice(found: re.Match[str]) -> str:
    known = [name.strip(" '") for name in found[3].split(",")]
    return (
        f"{found[1]}: got {found[2]}, expected one of {', '.join(known)}.{did_you_mean(found[2].strip(chr(39)), known)}"
    )


def _unknown_entry(name: str, options: Sequence[str]) -> str:
    return f"{name}: got an entry that is no option.{did_you_mean(name, (each.removeprefix('--') for each in options))}"


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
    if classes and "Got value" not in message:
        reason = message.split(f"'{classes[-1]}':", 1)[1]
        return f"{name}: got {classes[-1]}, which cannot be built: {' '.join(reason.split())}."
    if (limits := re.search(r"(\S+) does not conform to restriction (.*)", message)) is not None:
        return f"{name}: got {limits[1]}, expected a number {limits[2].replace('v', '')}."
    got = re.findall(r"Got value: (.*)", message) or re.findall(r"Given value: (.*)", message) or _quoted(message)
    expected = list(dict.fromkeys(_plain_types(message)))
    if not got or not expected:
        return None
    return f"{name}: got {got[-1].strip(chr(39))!r}, expected {' or '.join(expected)}."


def _quoted(message: str) -> list[str]:
    return re.findall(r"invalid literal for int\(\) with base 10: '(.*)'", message)


def _plain_types(message: str) -> Iterator[str]:
    """What was expected, in plain words."""
    if _quoted(message):
        yield _WORDS["int"]
    for found in re.findall(r"Expected an? (.*?)(?:\. Got value: .*|: .*)?$", message, flags=re.MULTILINE):
        name = found.removeprefix("<class '").removesuffix("'>").rsplit(".", 1)[-1]
        if (choices := _ONE_OF.fullmatch(found)) is not None:
            yield f"one of {choices[1].replace(chr(39), '')}"
        elif found.startswith("dot import path"):
            yield "a class such as package.module.Class"
        elif found != "path but":
            yield _WORDS.get(name, f"a {name}")


def _arguments(class_path: str) -> list[str]:
    """The arguments of a class that the parser found."""
    found: Any = locate(class_path)
    return list(inspect.signature(found).parameters) if callable(found) else []
