"""The parser of a command: a page of help that fits a screen, with an example; mistakes in one line."""

from __future__ import annotations

import os
import re
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any, NoReturn

from jsonargparse import ArgumentParser

from clipteacher.cli.errors import refuse
from clipteacher.utils.usage import PlainHelp, one_line, option_names


def path(text: str) -> Path:
    """Return a path as it is typed: ~ is the home folder, and bytes that are no text stay what they are.

    Raises:
        ArgumentTypeError: It is empty, which would be the working directory.
    """
    if not text:
        raise ArgumentTypeError("got an empty text, expected a path. Write . for the working directory.")
    return Path(os.path.expanduser(text))


class CommandParser(ArgumentParser):
    """A parser whose help fits a screen and whose errors fit a line.

    Args:
        command: The command, such as "segment".
        example: What one types after "clipteacher".
        **options: Of jsonargparse's `ArgumentParser`, such as the description.
    """

    def __init__(
        self,
        command: str | None = None,
        *,
        example: str | None = None,
        **options: Any,  # noqa: ANN401 (jsonargparse's own)
    ) -> None:
        options.setdefault("formatter_class", PlainHelp)
        if command is not None:
            options["prog"] = f"clipteacher {command}"
        if example is not None:
            options["epilog"] = f"example: clipteacher {example}"
        super().__init__(**options)

    def add_argument(self, *names: Any, **options: Any) -> Any:  # noqa: ANN401 (jsonargparse's own)
        """Add an argument; a `Path` is read by `path`."""
        if options.get("type") in (Path, Path | None):
            options["type"] = path
        return super().add_argument(*names, **options)

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """End the command with one line, or raise jsonargparse's error where it parses a part of the arguments."""
        if not self.exit_on_error:
            super().error(message, ex)
        said = one_line(message, option_names(self))
        if (found := re.match(r"got (-\S+), which is no option", said)) and os.path.lexists(found[1]):
            said += f" For the file of this name write {os.path.join(os.curdir, found[1])}."
        refuse(self.prog.replace(" [options]", ""), said)
