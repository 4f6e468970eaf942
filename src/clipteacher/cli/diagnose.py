"""`clipteacher diagnose`: why the scores of a trained student are what they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from jsonargparse.typing import ClosedUnitInterval, NonNegativeInt, PositiveInt
from rich.console import Console

from clipteacher.cli.arguments import add_test_data
from clipteacher.cli.errors import user_errors
from clipteacher.cli.parser import CommandParser

WANTED_PHOTOS: Final = 300
"""Training photos that wanted names are looked up on, where --photos does not say how many."""


def diagnose(arguments: Sequence[str]) -> None:
    """Show where unseen pixels go and why, from labels of unseen classes: after training, and not to choose settings.

    Confusions, cosines and the calibration sweep need only the student. Pseudo labels and GLM's attention need the
    run's config.yaml, which names a class to import: only for runs that you trust. So does the table of what a run's
    wanted names got on the training photos, which uses no masks of them and also works without any.
    """
    given = _parser().parse_args(list(arguments))
    console = Console()
    from clipteacher.analysis.student.calibration_sweep import CALIBRATIONS, check_calibrations
    from clipteacher.analysis.student.pseudo_labels import MIN_AREA
    from clipteacher.analysis.student.report import write_diagnosis
    from clipteacher.cli.diagnosis import diagnosed
    from clipteacher.cli.diagnosis_tables import print_diagnosis

    with user_errors():
        given.calibrations = list(CALIBRATIONS) if given.calibrations is None else given.calibrations
        given.min_area = MIN_AREA if given.min_area is None else given.min_area
        check_calibrations(given.calibrations)
        diagnosis, rows, photos = diagnosed(given, console, given.photos or WANTED_PHOTOS)
        read = None if photos is None else photos.read
        written = write_diagnosis(diagnosis, rows, given.out, read) if given.out is not None else []
    print_diagnosis(diagnosis, console)
    print(f"Written: {', '.join(map(str, written))}" if written else "No pictures: give a folder for them with --out.")


def _parser() -> CommandParser:
    parser = CommandParser(
        "diagnose", description=diagnose.__doc__, example="diagnose --model RUN --data DATA --out found"
    )
    parser.add_argument("--model", type=Path, required=True, help="folder of a run, or its model/")
    add_test_data(parser)
    parser.add_argument(
        "--photos",
        type=NonNegativeInt,
        default=0,
        help=f"at most so many, evenly spread; 0: all (training photos for wanted names: {WANTED_PHOTOS})",
    )
    parser.add_argument("--teacher", type=bool, default=True, help="false: only the student; config.yaml stays closed")
    sweep = "calibrations to try, in units of a logit; 0 and the model's own are added; default: -0.5 to 1.5"
    parser.add_argument("--calibrations", type=list[float] | None, help=sweep)
    parser.add_argument("--top", type=PositiveInt, default=3, help="wrong names to list per class")
    judged = "share of a photo that an unseen class must cover for its pseudo label to be judged; default: 0.01"
    parser.add_argument("--min_area", type=ClosedUnitInterval | None, help=judged)
    parser.add_argument("--report_rows", type=PositiveInt, default=6, help="photos in attention.png")
    parser.add_argument("--out", type=Path | None, help="folder for diagnosis.json and the pictures")
    return parser
