"""`clipteacher audit`: counts the ids in the masks of a data set and tells what is wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jsonargparse import ArgumentParser
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from clipteacher.cli.errors import user_errors
from clipteacher.data.audit import audit_labels
from clipteacher.data.opened import open_data
from clipteacher.data.source import Source
from clipteacher.data.value_counts import ValueCounts, kept_counts
from clipteacher.evaluation.metrics import percent
from clipteacher.protocols.splits import listed_names


def audit(arguments: Sequence[str]) -> None:
    """Show the histogram of ids, the classes that never occur, and known mistakes with their cures."""
    parser = ArgumentParser(prog="clipteacher audit", description=audit.__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the data set's folder")
    parser.add_argument(
        "--protocol",
        type=str | None,
        default=None,
        help="such as voc12-15-5, whose data set is then read as released; default: a folder with classes.txt, images/ "
        "and masks/",
    )
    parser.add_argument("--split", type=str, default="train", help="which masks of it")
    parser.add_argument(
        "--unseen",
        type=list[str] | str | None,
        default=None,
        help='"cat, car": names held back in a folder of one\'s own, which may well be in no mask',
    )
    given = parser.parse_args(list(arguments))
    console = Console()
    with user_errors():
        unseen = listed_names(given.unseen) if given.unseen is not None else None
        data = open_data(given.data, given.split, given.protocol, unseen)
        with Progress(console=console, transient=True) as progress:
            task = progress.add_task("Counting", total=len(data.source))
            counts = kept_counts(data.source, anew=True, progress=lambda done: progress.update(task, completed=done))
        found = audit_labels(data.source, counts, () if data.released else data.class_split.unseen)
    console.print(histogram(data.source, counts, f"{data.protocol}, {given.split}: {counts.total} masks"))
    for kind, texts in (("fault", found.faults), ("warning", found.warnings)):
        for text in texts:
            print(f"{kind}: {text}")
    if found.faults:
        raise SystemExit(1)
    print("No fault found." if found.warnings else "No fault found, and every class occurs.")


def histogram(source: Source, counts: ValueCounts, title: str) -> Table:
    """Make the table of ids.

    Args:
        source: The masks.
        counts: What stands in them.
        title: Stands over it.

    Returns:
        A row for each class, and one for what is ignored and for what is no class.
    """
    table = Table(title=title)
    for column, justify in (("id", "right"), ("class", "left"), ("masks", "right"), ("pixels, %", "right")):
        table.add_column(column, justify="right" if justify == "right" else "left")
    total = max(1, int(counts.pixels.sum()))
    pixels = counts.class_pixels(source)
    for label, name in enumerate(source.names):
        row = (
            (str(int(counts.class_masks[label])), percent(int(pixels[label]) / total))
            if pixels[label]
            else ("0", "never")
        )
        table.add_row(str(label), name, *row)
    ignored = int(counts.pixels[source.table == source.ignore].sum())
    table.add_row(str(source.ignore), "ignored", "", percent(ignored / total))
    other = total - ignored - int(pixels.sum())
    if counts.pixels.any() and other:
        table.add_row("", "no class", "", percent(other / total))
    return table
