"""Tables: columns of numbers, and the table of scores, U and hIoU first, S and pAcc beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Column, Table

from clipteacher.protocols.splits import ClassSplit
from clipteacher.utils.percent import percent

if TYPE_CHECKING:
    from clipteacher.evaluation.metrics import Scores
    from clipteacher.inference.seen_gate import SeenGate


def numbers(*titles: str) -> list[Column]:
    """Return columns of a `rich.table.Table` whose cells are set to the right."""
    return [Column(title, justify="right") for title in titles]


def print_scores(
    result: Scores, split: ClassSplit, protocol: str, calibration: float = 0.0, gate: SeenGate | None = None
) -> None:
    """Print the scores in percent, then the IoU of each class, unseen ones marked.

    Args:
        result: The scores.
        split: The classes.
        protocol: The protocol's name.
        calibration: What was taken from the scores of seen names; printed where it is not 0.
        gate: What was added to them, pixel by pixel; printed where there is one.
    """
    console = Console()
    columns = {"U": result.mIoU_unseen, "hIoU": result.hIoU, "S": result.mIoU_seen, "pAcc": result.pAcc}
    if not split.unseen:  # S is then the mean over all classes
        columns = {"mIoU": result.mIoU_seen, "pAcc": result.pAcc}
    tested = [f"calibration {calibration:g}"] if calibration else []
    tested += [] if gate is None else [f"gate for seen names {gate.separation:g}"]
    table = Table(*numbers(*columns), title=", ".join([protocol, *tested]))
    table.add_row(*map(percent, columns.values()))
    console.print(table)
    classes = Table("class", *numbers("IoU"), title="IoU by class (* unseen)")
    for name in (*split.unseen, *split.seen):
        classes.add_row(f"* {name}" if name in split.unseen else name, percent(result.IoU[name]))
    console.print(classes)
