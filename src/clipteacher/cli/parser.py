"""The parser of a command: a page of help that fits a screen, with an example; mistakes in one line."""

from __future__ import annotations

from typing import Any, NoReturn

from jsonargparse import ArgumentParser

from clipteacher.cli.errors import refuse
from clipteacher.utils.usage import PlainHelp, one_line, option_names


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

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """End the command with one line, or raise jsonargparse's error where it parses a part of the arguments."""
        if not self.exit_on_error:
            super().error(message, ex)
        refuse(self.prog.replace(" [options]", ""), one_line(message, option_names(self)))
