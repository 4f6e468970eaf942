"""`clipteacher audit`: counts the ids in the masks of a data set and reports what is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from clipteacher.cli.arguments import NAMES, names
from clipteacher.cli.errors import user_errors
from clipteacher.cli.parser import CommandParser
from clipteacher.cli.table import numbers
from clipteacher.data.audit import audit_labels
from clipteacher.data.opened import open_data
from clipteacher.data.source import Source
from clipteacher.data.value_counts import ValueCounts, kept_counts
from clipteacher.utils.percent import percent


def audit(arguments: Sequence[str]) -> None:
    """Show the histogram of ids, the classes that never occur, and known mistakes with their fixes."""
    parser = CommandParser("audit", description=audit.__doc__, example="audit --data DATA")
    parser.add_argument("--data", type=Path, required=True, help="the data set's folder")
    released = "such as voc12-15-5, read as released; default: a folder with classes.txt, images/ and masks/"
    parser.add_argument("--protocol", type=str | None, help=released)
    parser.add_argument("--split", type=str, default="train", help="which masks")
    held_back = '"cat, car": names held back in a folder of your own, which need not occur in any mask'
    parser.add_argument("--unseen", type=NAMES, help=held_back)
    given = parser.parse_args(list(arguments))
    console = Console()
    with user_errors():
        data = open_data(given.data, given.split, given.protocol, names(given.unseen, "unseen"))
        with Progress(console=console, transient=True) as progress:
            task = progress.add_task("Counting", total=len(data.source))
            counts = kept_counts(data.source, recount=True, progress=lambda done: progress.update(task, completed=done))
        found = audit_labels(data.source, counts, () if data.released else data.class_split.unseen)
    console.print(_histogram(data.source, counts, f"{data.protocol}, {given.split}: {counts.total} masks"))
    for kind, texts in (("fault", found.faults), ("warning", found.warnings)):
        for text in texts:
            print(f"{kind}: {text}")
    if found.faults:
        raise SystemExit(1)
    print("No fault found." if found.warnings else "No fault found, and every class occurs.")


def _histogram(source: Source, counts: ValueCounts, title: str) -> Table:
    """Make a row for each class, one for ignored pixels, and one for values that are no class."""
    table = Table(*numbers("id"), "class", *numbers("masks", "pixels, %"), title=title)
    total = max(1, int(counts.pixels.sum()))
    pixels = counts.class_pixels(source)
    for label, name in enumerate(source.names):
        share = percent(int(pixels[label]) / total) if pixels[label] else "never"
        table.add_row(str(label), name, str(counts.class_masks[label]), share)
    ignored = int(counts.pixels[source.table == source.ignore].sum())
    table.add_row(str(source.ignore), "ignored", "", percent(ignored / total))
    other = total - ignored - int(pixels.sum())
    if counts.pixels.any() and other:
        table.add_row("", "no class", "", percent(other / total))
    return table
