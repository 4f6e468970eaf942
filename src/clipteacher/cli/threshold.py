"""`clipteacher threshold`: chooses a threshold for none of the names, on photos with masks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from clipteacher.cli.arguments import NAMES, add_device, device, names, tracked
from clipteacher.cli.errors import user_errors
from clipteacher.cli.out_files import check_json
from clipteacher.cli.parser import CommandParser
from clipteacher.cli.table import numbers
from clipteacher.utils.atomic_files import write_json
from clipteacher.utils.percent import percent


def threshold(arguments: Sequence[str]) -> None:
    """Choose a threshold for none of the names: the least cosine of a pixel to its name, for `segment --threshold`.

    It is chosen on photos with masks: every pixel of a class that is not among --classes should be none of them. Choose
    it for the words, or kind of words, that you will ask for.
    """
    example = "threshold --model RUN/model --data DATA --classes cat"
    parser = CommandParser("threshold", description=threshold.__doc__, example=example)
    parser.add_argument("--model", type=Path, required=True, help="model/ of a run")
    parser.add_argument("--data", type=Path, required=True, help="folder with classes.txt, images/ and masks/")
    parser.add_argument(
        "--classes", type=NAMES, required=True, help='"cat, car", or a .txt file: words that you will ask for'
    )
    parser.add_argument("--split", type=str, default="val", help="which of its photos")
    parser.add_argument("--out", type=Path | None, help="JSON file for the curves")
    add_device(parser)
    given = parser.parse_args(list(arguments))
    from clipteacher.analysis.threshold import choose_threshold
    from clipteacher.data.dataset import SegmentationDataset
    from clipteacher.data.opened import open_data
    from clipteacher.protocols.splits import ClassSplit
    from clipteacher.segmenter.segmenter import Segmenter

    with user_errors():
        check_json("out", given.out, ("classes", "threshold"))
        asked = names(given.classes) or ()
        segmenter = Segmenter.from_pretrained(given.model).to(device(given.device))
        source = open_data(given.data, given.split, None, ()).source
        photos = SegmentationDataset(source, ClassSplit(source.names, ()), training=False)
        with Progress(transient=True) as progress:
            samples = tracked(photos, progress, "Segmenting")
            alone, beside = choose_threshold(segmenter, samples, asked, source.names)
        curves = {"threshold": alone} | ({"with background_own": beside} if beside is not None else {})
        if given.out is not None:
            write_json(
                given.out,
                {
                    "classes": list(asked),
                    "split": given.split,
                    **{
                        rule: {"threshold": curve.best, "thresholds": curve.thresholds, "mIoU": curve.mIoU}
                        for rule, curve in curves.items()
                    },
                },
            )
    table = Table(
        "rule", *numbers("threshold", "mIoU"), title=f"{', '.join(asked)}, or none of these: {len(photos)} photos"
    )
    table.add_row("every pixel is a name", "", percent(alone.without))
    table.add_row("--threshold", f"{alone.best:g}", percent(alone.highest))
    flags = f"--threshold {alone.best:g}"
    if beside is not None:
        table.add_row("--background_own", "", percent(beside.without))
        table.add_row("--background_own --threshold", f"{beside.best:g}", percent(beside.highest))
        if beside.highest > alone.highest:
            flags = f"--background_own --threshold {beside.best:g}"
    Console().print(table)
    print(f"Best: {flags}. Add it to clipteacher segment.")
