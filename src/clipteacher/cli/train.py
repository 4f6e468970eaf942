"""`clipteacher train`: from a folder of photos to a model, with everything decided from data and machine."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jsonargparse import Namespace
from rich.console import Console

from clipteacher.cli.arguments import NAMES, names
from clipteacher.cli.errors import user_errors
from clipteacher.cli.parser import CommandParser
from clipteacher.cli.table import print_scores
from clipteacher.convert.layouts import KINDS, LayoutOptions
from clipteacher.protocols.words import write_words

if TYPE_CHECKING:
    from clipteacher.training.session import TrainingResult


def train(arguments: Sequence[str]) -> None:
    """Train a network on your photos and masks, and on words that have no masks there; all else is decided."""
    given = _parser().parse_args(list(arguments))
    from clipteacher.cli.faults import training_faults
    from clipteacher.planning.train import carry_out, plan_photos, planned, resume_photos
    from clipteacher.training.run_folder import RunFolder
    from clipteacher.training.train import default_out

    console, run = Console(), RunFolder(given.out if given.out is not None else default_out())
    resumed = given.resume and planned(run)
    if not resumed:
        with user_errors():
            plan = plan_photos(
                given.data,
                run,
                console,
                _layout(given),
                wanted=names(given.want, "want") or (),
                hold_out=names(given.hold_out, "hold_out") or (),
                minutes=given.minutes,
                teacher=given.teacher,
                device=given.device,
                seed=given.seed,
            )
    with training_faults(run):
        result = resume_photos(run, console) if resumed else carry_out(plan, console)
    calibration, gate = result.segmenter.settings.calibration, result.segmenter.gate
    print_scores(result.scores, result.data.class_split, result.protocol, calibration, gate)
    _say_what_next(result, console)


def _parser() -> CommandParser:
    """Build the parser."""
    parser = CommandParser(
        "train", description=train.__doc__, example='train PHOTOS --want "cat, old chair" --minutes 20'
    )
    parser.add_argument("data", type=Path, metavar="DATA", help="folder of photos and masks, or annotations")
    parser.add_argument(
        "--want", type=NAMES, help='"cat, old chair", or a .txt file, a word a line: words to learn without masks'
    )
    parser.add_argument("--hold-out", type=NAMES, help='"dog": classes to hold back, name and masks, to measure')
    parser.add_argument("--out", type=Path | None, help="run folder to write; default: runs/ and the time")
    parser.add_argument("--minutes", type=float, default=20.0, help="time for all of it")
    teachers = "MODEL:WEIGHTS of open_clip, transformers:ORG/NAME, or imagenet; default: CLIP"
    parser.add_argument("--teacher", type=str | None, help=teachers)
    parser.add_argument("--device", type=str | None, help="cpu or cuda; default: a GPU where there is one")
    parser.add_argument("--seed", type=int, default=0, help="decides what is drawn")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out, as it was planned")
    kinds = f"how DATA lies, where that cannot be told: {', '.join(KINDS)}"
    parser.add_argument("--layout", type=str | None, help=kinds)
    parser.add_argument("--colours", type=Path | None, help="a table of the masks' colours: road,128,64,128")
    parser.add_argument("--classes", type=NAMES, help='"road, sky": the names, in the order of the ids in the masks')
    parser.add_argument("--ignore", type=NAMES, help='"void, 0": names or ids whose pixels are not labelled')
    parser.add_argument("--val", type=float, default=0.2, help="share of the photos to score on, if there is no split")
    return parser


def _layout(given: Namespace) -> LayoutOptions:
    """Return what was said about the folder."""
    listed = names(given.classes) or (), names(given.ignore, "ignore") or ()
    return LayoutOptions(given.layout, given.colours, *listed, given.val, given.seed)


def _say_what_next(result: TrainingResult, console: Console) -> None:
    """Say what is written, and what to type next."""
    folder, words = result.folder, write_words(result.segmenter.class_names)
    written = (folder / "model", folder / "metrics.json", folder / "report.png")
    console.print(f"Written: {', '.join(map(str, written))}", highlight=False, soft_wrap=True)
    console.print("Next:")
    model, photos = str(folder / "model"), str(result.data.root / "images" / "val")
    for command in (
        ("clipteacher", "segment", photos, "--model", model, "--classes", words, "--out", "pictures"),
        ("clipteacher", "app", "--model", model),
        ("clipteacher", "export", "--model", model, "--classes", words, "--onnx", "model.onnx"),
    ):
        console.print(f"  {shlex.join(command)}", highlight=False, soft_wrap=True)
