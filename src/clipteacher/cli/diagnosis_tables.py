"""The tables of `clipteacher diagnose`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.table import Table

from clipteacher.analysis.student.attention import AttentionFigures
from clipteacher.analysis.student.calibration_sweep import SeenBias
from clipteacher.analysis.student.confusions import ClassConfusion
from clipteacher.analysis.student.cosines import ClassCosines
from clipteacher.analysis.student.pseudo_labels import PseudoLabels
from clipteacher.analysis.student.report import Diagnosis
from clipteacher.evaluation.metrics import percent

_NOTEWORTHY: Final = 0.01  # share of a seen class's pixels that unseen names take, below which it has no line


def tables(found: Diagnosis) -> list[Table | str]:
    """Make the tables, and the sentences before them.

    Args:
        found: What was found.

    Returns:
        Those of the student, and those of the teacher that were not skipped.
    """
    made: list[Table | str] = [_unseen(found.confusions)]
    seen = [each for each in found.confusions if not each.unseen and each.to_unseen >= _NOTEWORTHY]
    if seen:
        made.append(_seen(seen))
    made += [_cosines(found.cosines), *_bias(found.seen_bias)]
    if found.pseudo_labels is not None:
        made.append(_pseudo_labels(found.pseudo_labels))
    if found.attention is not None:
        made += _attention(found.attention)
    return made


def _table(title: str, first: str, *numbers: str, last: str | None = None) -> Table:
    table = Table(title=title or None)
    table.add_column(first)
    for head in numbers:
        table.add_column(head, justify="right")
    if last is not None:
        table.add_column(last)
    return table


def _takers(each: ClassConfusion) -> str:
    return ", ".join(f"{taker.name} {percent(taker.share)}" for taker in each.taken_by)


def _unseen(figures: Sequence[ClassConfusion]) -> Table:
    table = _table("Unseen pixels, %: whose name do they get?", "class", "own", "seen", "unseen", last="taken by")
    for each in figures:
        if each.unseen:
            table.add_row(
                each.name, percent(each.recall), percent(each.to_seen), percent(each.to_unseen), _takers(each)
            )
    return table


def _seen(figures: Sequence[ClassConfusion]) -> Table:
    table = _table("Seen pixels, %, that get an unseen name", "class", "own", "unseen", last="taken by")
    for each in sorted(figures, key=lambda each: -each.to_unseen):
        table.add_row(each.name, percent(each.recall), percent(each.to_unseen), _takers(each))
    return table


def _cosines(figures: Sequence[ClassCosines]) -> Table:
    table = _table(
        "Cosine of features to names, on each class's own pixels (* unseen)",
        *("class", "own name", "best other", "margin", "own is best, %"),
        last="best other, most often",
    )
    for each in figures:
        numbers = (f"{value:.3f}" if value == value else "absent" for value in (each.own, each.best_other, each.margin))
        name = f"* {each.name}" if each.unseen else each.name
        table.add_row(name, *numbers, percent(each.wins), each.rival or "")
    return table


def _bias(bias: SeenBias) -> tuple[str, Table]:
    told = (
        f"Seen bias: {_share(bias.unseen_called_seen)} of unseen pixels get a seen name, "
        f"{_share(bias.seen_called_unseen)} of seen ones an unseen name. If seen names were held back "
        "(a diagnosis on the test set, not a way to choose):"
    )
    table = _table("", "calibration", "U", "hIoU", "S", "pAcc")
    for point in bias.curve:
        table.add_row(f"{point.offset:g}", *map(percent, (point.U, point.hIoU, point.S, point.pAcc)))
    return told, table


def _pseudo_labels(found: PseudoLabels) -> Table:
    title = f"Pseudo labels on unseen pixels, %; {found.masks:.1f} latent masks a photo"
    table = _table(title, "class", "region_pooling", "purity", "recall", "token is right", last="else most often")
    for each in (*found.classes, found.total):
        numbers = map(percent, (each.purity, each.recall, each.named))
        table.add_row(each.name, str(each.regions), *numbers, each.instead or "", end_section=each is found.classes[-1])
    return table


def _attention(found: AttentionFigures) -> tuple[str, Table]:
    told = f"GLM's attention: {_share(found.effective)} effective positions (100 %: average pooling). "
    if found.showing:
        told += (
            f"In photos that show unseen classes these are {_share(found.unseen_area)} of the area and get "
            f"{_share(found.unseen_mass)} of the attention."
        )
    table = _table("", "class", "photos", "attention / area")
    for name, photos, gain in (*found.classes, ("all unseen", found.showing, found.gain)):
        table.add_row(name, str(photos), f"{gain:.2f}" if gain == gain else "absent")
    return told, table


def _share(share: float) -> str:
    return f"{percent(share)} %" if share == share else "an unknown share"
