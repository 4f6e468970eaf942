"""The table of scores: U and hIoU first, S and pAcc beside them, the protocol's name over them."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from clipteacher.evaluation.metrics import Scores, percent
from clipteacher.protocols.splits import ClassSplit


def print_scores(result: Scores, split: ClassSplit, protocol: str, calibration: float = 0.0) -> None:
    """Print the scores in percent, then the IoU of each class, unseen ones marked.

    Args:
        result: The scores.
        split: The classes.
        protocol: The protocol's name.
        calibration: What was taken from the scores of seen names; printed where it is not 0.
    """
    console = Console()
    table = Table(title=protocol + (f", calibration {calibration:g}" if calibration else ""))
    columns = {"U": result.mIoU_unseen, "hIoU": result.hIoU, "S": result.mIoU_seen, "pAcc": result.pAcc}
    if not split.unseen:  # S is then the mean over all classes
        columns = {"mIoU": result.mIoU_seen, "pAcc": result.pAcc}
    for title in columns:
        table.add_column(title, justify="right")
    table.add_row(*map(percent, columns.values()))
    console.print(table)
    classes = Table(title="IoU by class (* unseen)")
    classes.add_column("class")
    classes.add_column("IoU", justify="right")
    for name in (*split.unseen, *split.seen):
        classes.add_row(f"* {name}" if name in split.unseen else name, percent(result.IoU[name]))
    console.print(classes)
