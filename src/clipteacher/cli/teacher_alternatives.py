"""The teachers that `clipteacher teacher-check --compare` names: overrides of the configured one, or configurations."""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pydoc import locate
from typing import Any, Final

import torch
import yaml
from jsonargparse import ArgumentError, ArgumentParser, Namespace
from torch import nn

from clipteacher.analysis.student.run_options import read_config
from clipteacher.cli.configs import find_config
from clipteacher.teachers.teacher import Teacher, check_teacher
from clipteacher.teachers.windows import WindowedTeacher
from clipteacher.utils.usage import one_line

CONFIGURED: Final = "as configured"
"""Name of the teacher of --config or --teacher."""

_WINDOWS: Final = f"{WindowedTeacher.__module__}.{WindowedTeacher.__qualname__}"


@dataclass(frozen=True, eq=False)
class Alternative:
    """A teacher that can be built.

    Attributes:
        name: What was typed.
        parsed: Its class and every argument, as jsonargparse has parsed them.
    """

    name: str
    parsed: Namespace

    def build(self, device: torch.device) -> Teacher:
        """Build the teacher on a device.

        Raises:
            ConnectionError, ImportError, OSError, TypeError, ValueError: It cannot be built; the message names it.
        """
        try:
            teacher = _parser().instantiate(self.parsed).teacher
            check_teacher(teacher)
        except (ImportError, OSError, TypeError, ValueError) as error:
            raise ValueError(f"compare: {self.name}: {error}") from error
        moved: Teacher = teacher.to(device)
        return moved

    def config(self) -> dict[str, Any]:
        """Return class and arguments as `model.teacher` in YAML, without arguments that have their default."""
        return _written(self.parsed.teacher.as_dict())


def read_alternatives(words: Sequence[str], configured: Mapping[str, Any] | None) -> tuple[Alternative, ...]:
    """Read which teachers to compare.

    Args:
        words: Each is a configuration of `fit`, a file or a name, whose teacher is taken; or options of the configured
            teacher, such as "dense=tokens image_size=448". Where that teacher does not know window and stride, it is
            put into a `WindowedTeacher`.
        configured: Class and arguments of the configured teacher; None where there is none.

    Returns:
        The teachers, the configured one first, unless one of the others is the same.

    Raises:
        FileNotFoundError: There is no such configuration.
        ValueError: A word or an option is wrong, two teachers have one name or are the same, or there is one only.
    """
    found: dict[str, Alternative] = {}
    for word in words:
        name = " ".join(word.split())
        if name in found:
            raise ValueError(f"compare: got {name!r} twice, expected different teachers. Leave one out.")
        config = _overridden(name, configured) if "=" in name or not name else _configured_in(name)
        found[name] = Alternative(name, _parsed(name, config))
    alternatives = list(found.values())
    if configured is not None:
        own = Alternative(CONFIGURED, _parsed(CONFIGURED, configured))
        if all(own.parsed != each.parsed for each in alternatives):
            alternatives.insert(0, own)
    for number, one in enumerate(alternatives):
        for other in alternatives[:number]:
            if one.parsed == other.parsed:
                raise ValueError(
                    f"compare: got one teacher twice, as {other.name!r} and as {one.name!r}, expected different ones. "
                    "Leave one out."
                )
    if len(alternatives) < 2:
        raise ValueError(
            "compare: got one teacher, expected two or more. Name another configuration, or options such as "
            "'dense=tokens'."
        )
    return tuple(alternatives)


def _configured_in(name: str) -> dict[str, Any]:
    """The teacher of a configuration."""
    teacher: dict[str, Any] | str = read_config(find_config(name))["model"]["teacher"]
    return {"class_path": teacher} if isinstance(teacher, str) else teacher


def _overridden(name: str, configured: Mapping[str, Any] | None) -> dict[str, Any]:
    """The configured teacher with other options."""
    if configured is None:
        raise ValueError(f"compare: got the options {name!r} and no teacher, expected one. Give --teacher or --config.")
    config = deepcopy(dict(configured))
    try:
        options = [part.partition("=") for part in shlex.split(name)]
    except ValueError as error:
        raise ValueError(f"compare: got {name!r}, which cannot be read: {error}") from error
    if not options or not all(option and equals for option, equals, _ in options):
        raise ValueError(
            f"compare: got {name!r}, expected options with their values, such as 'dense=tokens image_size=448', or a "
            "configuration of `fit`."
        )
    for option, _, value in options:
        config = _with_option(config, option, _value(name, value))
    return config


def _value(name: str, text: str) -> Any:  # noqa: ANN401 (whatever YAML holds)
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"compare: got {name!r}, in which {text!r} is no YAML. Put quotes around it.") from error


def _with_option(config: dict[str, Any], option: str, value: object) -> dict[str, Any]:
    """Set an option of a teacher, or of the one inside it; one of windows alone puts windows around it."""
    level = config
    while option not in _parameters(level) and isinstance(inner := _arguments(level).get("teacher"), dict):
        level = inner
    if option not in _parameters(level) and option in ("window", "stride"):
        return {"class_path": _WINDOWS, "init_args": {"teacher": config, option: value}}
    level["init_args"] = {**_arguments(level), option: value}
    return config


def _arguments(config: Mapping[str, Any]) -> dict[str, Any]:
    return dict(config.get("init_args") or {})


def _parameters(config: Mapping[str, Any]) -> Mapping[str, inspect.Parameter]:
    """The arguments of a teacher's class."""
    found: Any = locate(str(config["class_path"]))
    return inspect.signature(found).parameters if callable(found) else {}


def _parser() -> ArgumentParser:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--teacher", type=nn.Module, required=True)
    return parser


def _parsed(name: str, config: Mapping[str, Any]) -> Namespace:
    """Check class and options, and fill in the defaults."""
    try:
        parsed: Namespace = _parser().parse_object({"teacher": dict(config)})
    except ArgumentError as error:
        raise ValueError(f"compare: {name}: {one_line(str(error), [])}") from error
    return parsed


def _written(config: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out arguments that have their default, as in YAML that a person writes."""
    arguments: dict[str, Any] = {}
    parameters = _parameters(config)
    for option, value in _arguments(config).items():
        plain = list(value) if isinstance(value, tuple) else value
        default = parameters[option].default if option in parameters else inspect.Parameter.empty
        if plain != (list(default) if isinstance(default, tuple) else default):
            arguments[option] = _written(plain) if isinstance(plain, dict) and "class_path" in plain else plain
    return {"class_path": config["class_path"], **({"init_args": arguments} if arguments else {})}
