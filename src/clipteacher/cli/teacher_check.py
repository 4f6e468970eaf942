"""`clipteacher teacher-check`: how well a teacher knows class names on your own photos, before an hour of training."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clipteacher.cli.arguments import NAMES, add_device
from clipteacher.cli.configs import with_found_configs
from clipteacher.cli.errors import user_errors
from clipteacher.cli.parser import CommandParser


def teacher_check(arguments: Sequence[str]) -> None:
    """Show how well a teacher knows each class name on photos, with their masks where there are any, and give advice.

    It uses the masks of unseen classes too, unless these are named with --unseen or in the --config: it is for choosing
    words on your own data, not for a zero-shot benchmark. Nothing of it reaches training.

    With --wanted, or wanted names in the --config, it also shows which regions that nobody labelled these would get in
    training. Masks of wanted names are never used.

    With --compare, it scores several teachers side by side on the classes with masks that training sees, and no others.
    """
    if any(word in ("-h", "--help") for word in arguments):
        _parser({}, with_torch=False).print_help()
        raise SystemExit(0)
    with user_errors():
        arguments = with_found_configs(arguments)
        defaults = _defaults(arguments)
    parser = _parser(defaults)
    given = parser.parse_args(arguments)
    if given.compare is not None:
        from clipteacher.cli.teacher_compare import compare_teachers

        compare_teachers(given)
        return
    from clipteacher.cli.teacher_report import check_names

    check_names(parser, given)


def _parser(defaults: dict[str, Any], *, with_torch: bool = True) -> CommandParser:
    """Build the parser; a page of help does without torch, which finds the teacher's class."""
    parser = CommandParser(
        "teacher-check", description=teacher_check.__doc__, example="teacher-check --config msrc21 --data DATA"
    )
    config_help = "of `clipteacher fit`, a file or a name, for teacher, data, unseen and wanted names"
    parser.add_argument("--config", type=Path | None, help=config_help)
    teacher_help = "as model.teacher of `fit`: a class, and --teacher.NAME for its options (--teacher.help CLASS)"
    if with_torch:
        from torch import nn

        parser.add_argument("--teacher", type=nn.Module, help=teacher_help)
    else:
        parser.add_argument("--teacher", metavar="CLASS", help=teacher_help)
    parser.add_argument("--data", type=Path | None, help="folder of the data set, or of photos alone")
    parser.add_argument("--split", type=str, default="train", help="which of its photos")
    parser.add_argument("--protocol", type=str | None, help="a benchmark such as voc12-15-5")
    parser.add_argument("--classes", type=NAMES, help='"cat, old chair": with masks or without; default: classes.txt')
    unseen_help = 'classes that training will not see; their masks are not used. "" with --config: use all masks'
    parser.add_argument("--unseen", type=NAMES, help=unseen_help)
    wanted_help = '"cat, old chair": words without masks that training will want; masks of them are not used'
    parser.add_argument("--wanted", type=NAMES, help=wanted_help)
    compare_help = (
        'other teachers: options of this one, such as "dense=tokens" or "window=224 stride=112", or configurations'
    )
    parser.add_argument("--compare", type=str, nargs="+", metavar="TEACHER", help=compare_help)
    parser.add_argument("--photos", type=int, default=300, help="use at most this many photos, evenly spread; 0: all")
    parser.add_argument("--short_side", type=int | None, help="of the photos for the teacher; default: their own size")
    parser.add_argument(
        "--out", type=Path | None, help="JSON file for all metrics; pictures of wanted names go beside it"
    )
    add_device(parser)
    parser.set_defaults(defaults)
    return parser


def _defaults(arguments: Sequence[str]) -> dict[str, Any]:
    """Read teacher, data, unseen and wanted names from a configuration of `fit`, as defaults of other arguments."""
    before = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    before.add_argument("--config", type=Path)
    path = before.parse_known_args(list(arguments))[0].config
    if path is None:
        return {}
    from clipteacher.analysis.student.run_options import read_config

    config = read_config(path)
    data = config.get("data") or {}
    found = {"data": data.get("root"), "protocol": data.get("protocol"), "unseen": data.get("unseen") or None}
    found["wanted"] = data.get("wanted") or None  # a protocol has its own
    return {**found, "teacher": config["model"]["teacher"], "split": data.get("train_split", "train")}
