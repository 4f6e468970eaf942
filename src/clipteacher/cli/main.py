"""The command `clipteacher`: picks the subcommand and loads only what it needs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module

from clipteacher.cli.errors import one_line_ends
from clipteacher.version import __version__

_USAGE = """\
usage: clipteacher COMMAND [options]

  quickstart  see it work, with no download:          clipteacher quickstart --out DIR
  train       photos in, a model out:                 clipteacher train PHOTOS --want "cat, old chair"
  fit         train a student under a frozen teacher: clipteacher fit --config msrc21
  evaluate    score a trained student:                clipteacher evaluate --model RUN/model --data DIR
  diagnose    say why the scores are what they are:   clipteacher diagnose --model RUN --data DIR --out OUT
  calibrate   choose a calibration:                   clipteacher calibrate RUN --data DIR --unseen "cat, car"
  threshold   choose when a pixel is none of these:   clipteacher threshold --model RUN/model --data DIR --classes "cat"
  segment     label photographs by names:             clipteacher segment PHOTO --model RUN/model --out DIR
  app         the same on a web page:                 clipteacher app --model RUN/model
  export      write a student as one ONNX file:       clipteacher export --model RUN/model --onnx FILE
  prepare     say what of a data set is missing:      clipteacher prepare voc12 --root DIR
  audit       find wrong labels:                      clipteacher audit --data DIR
  convert     make a data set of COCO's or Labelme's: clipteacher convert labelme DIR --out DATA
  teacher-check  see which names a teacher knows:     clipteacher teacher-check --config FIT.yaml --data DIR
  world       draw a data set to experiment on:       clipteacher world --out DIR

clipteacher COMMAND --help lists the options of a command.
"""


# Each is in the file of its name, which is loaded only when needed: some take seconds.
_COMMANDS = (
    *("quickstart", "train", "fit", "evaluate", "diagnose", "calibrate", "threshold", "segment", "app", "export"),
    *("prepare", "audit", "convert", "teacher-check", "world"),
)
_OTHERWISE = {"test": "evaluate", "predict": "segment"}
"""Commands by the names that other tools give them."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line.

    Args:
        arguments: Command-line arguments; None takes those of the process.

    Raises:
        SystemExit: Status 2 for wrong arguments or input, 1 where the disk refuses, 130 after Ctrl-C, 141 where nobody
            reads what is printed any more.
    """
    with one_line_ends():
        _run(list(sys.argv[1:] if arguments is None else arguments) or ["--help"])


def _run(arguments: Sequence[str]) -> None:
    """Run the command that is named first."""
    command, *rest = arguments
    if command == "help":
        command, rest = (rest[0], ["--help"]) if rest else ("--help", [])
    if command in _COMMANDS:
        name = command.replace("-", "_")
        getattr(import_module(f"clipteacher.cli.{name}"), name)(rest)
    elif command in ("-h", "--help"):
        print(_USAGE, end="")
    elif command == "--version":
        print(f"clipteacher {__version__}")
    else:
        close = get_close_matches(command.lower(), [*_COMMANDS, *_OTHERWISE, "--help", "--version"], n=2)
        meant = " or ".join(dict.fromkeys(_OTHERWISE.get(each, each) for each in close))
        hint = f"Did you mean {meant}?" if meant else f"The commands are {', '.join(_COMMANDS)}."
        print(
            f"clipteacher: error: got command {command!r}, which is none. {hint} See clipteacher --help.",
            file=sys.stderr,
        )
        raise SystemExit(2)
