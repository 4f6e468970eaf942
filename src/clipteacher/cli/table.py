"""Tables: columns of numbers, and the table of scores, U and hIoU first, S and pAcc beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Column, Table

from clipteacher.protocols.splits import ClassSplit
from clipteacher.utils.percent import percent

if TYPE_CHECKING:
    from clipteacher.evaluation.metrics import Scores


def numbers(*titles: str) -> list[Column]:
    """Return columns of a `rich.table.Table` whose cells are set to the right."""
    return [Column(title, justify="right") for title in titles]


def print_scores(result: Scores, split: ClassSplit, protocol: str, calibration: float = 0.0) -> None:
    """Print the scores in percent, then the IoU of each class, unseen ones marked.

    Args:
        result: The scores.
        split: The classes.
        protocol: The protocol's name.
        calibration: What was taken from the scores of seen names; printed where it is not 0.
    """
    console = Console()
    columns = {"U": result.mIoU_unseen, "hIoU": result.hIoU, "S": result.mIoU_seen, "pAcc": result.pAcc}
    if not split.unseen:  # S is then the mean over all classes
        columns = {"mIoU": result.mIoU_seen, "pAcc": result.pAcc}
    table = Table(*numbers(*columns), title=protocol + (f", calibration {calibration:g}" if calibration else ""))
    table.add_row(*map(percent, columns.values()))
    console.print(table)
    classes = Table("class", *numbers("IoU"), title="IoU by class (* unseen)")
    for name in (*split.unseen, *split.seen):
        classes.add_row(f"* {name}" if name in split.unseen else name, percent(result.IoU[name]))
    console.print(classes)
