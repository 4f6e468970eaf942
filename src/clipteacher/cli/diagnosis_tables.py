"""The tables of `clipteacher diagnose`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Console
from rich.table import Table

from clipteacher.analysis.student.attention import AttentionMetrics
from clipteacher.analysis.student.calibration_sweep import CalibrationSweep
from clipteacher.analysis.student.confusions import ClassConfusion
from clipteacher.analysis.student.cosines import ClassCosines
from clipteacher.analysis.student.pseudo_labels import PseudoLabelMetrics
from clipteacher.analysis.student.report import Diagnosis, UnseenDiagnosis
from clipteacher.cli.table import numbers, print_scores
from clipteacher.cli.wanted_table import advice_lines, print_wanted
from clipteacher.utils.percent import percent

_LISTED_FROM: Final = 0.01  # share of its pixels that a seen class loses to unseen names


def print_diagnosis(diagnosis: Diagnosis, console: Console) -> None:
    """Print scores and tables, then what is absent or skipped.

    Args:
        diagnosis: The result.
        console: Where to.
    """
    if diagnosis.unseen is not None:
        print_scores(diagnosis.unseen.scores, diagnosis.split, diagnosis.protocol)
        for table in _tables(diagnosis.unseen):
            console.print(table, highlight=False)
        absent = [each.name for each in diagnosis.unseen.confusions if not each.pixels]
        if absent:
            print(f"Not labelled in these photos: {', '.join(absent)}.")
    if diagnosis.wanted is not None:
        print_wanted(diagnosis.wanted, console)
        for line in advice_lines(diagnosis.wanted):
            print(line)
    reasons: dict[str, list[str]] = {}
    for part, why in diagnosis.skipped.items():
        reasons.setdefault(why, []).append(part.replace("_", " "))
    for why, parts in reasons.items():
        print(f"Skipped: {', '.join(parts)}, because {why}")


def _tables(diagnosis: UnseenDiagnosis) -> Iterator[Table | str]:
    """Make the tables, with the sentences before them."""
    unseen = [each for each in diagnosis.confusions if each.unseen]
    yield _confusions("Unseen pixels, %: which name do they get?", unseen)
    seen = [each for each in diagnosis.confusions if not each.unseen and each.to_unseen >= _LISTED_FROM]
    if seen:
        yield _confusions("Seen pixels, %, that get an unseen name", sorted(seen, key=lambda each: -each.to_unseen))
    yield _cosines(diagnosis.cosines)
    yield from _calibration(diagnosis.calibration_sweep)
    if diagnosis.pseudo_labels is not None:
        yield _pseudo_labels(diagnosis.pseudo_labels)
    if diagnosis.attention is not None:
        yield from _attention(diagnosis.attention)


def _confusions(title: str, confusions: Sequence[ClassConfusion]) -> Table:
    table = Table("class", *numbers("right", "other seen", "other unseen"), "predicted as", title=title)
    for each in confusions:
        wrong = ", ".join(f"{name} {percent(share)}" for name, share in each.predicted_as)
        table.add_row(each.name, *map(percent, (each.recall, each.to_seen, each.to_unseen)), wrong)
    return table


def _cosines(cosines: Sequence[ClassCosines]) -> Table:
    title = "Cosine of features to text features, on each class's own pixels (* unseen)"
    heads = numbers("own name", "best other", "margin", "own is best, %")
    table = Table("class", *heads, "nearest other name", title=title)
    for each in cosines:
        values = (f"{value:.3f}" if value == value else "absent" for value in (each.own, each.best_other, each.margin))
        name = f"* {each.name}" if each.unseen else each.name
        table.add_row(name, *values, percent(each.wins), each.nearest_other or "")
    return table


def _calibration(sweep: CalibrationSweep) -> tuple[str, Table]:
    sentence = (
        f"At calibration {sweep.calibration:g}, {_share(sweep.unseen_as_seen)} of unseen pixels get a seen name, "
        f"{_share(sweep.seen_as_unseen)} of seen pixels an unseen name. At other calibrations (measured on the test "
        "labels: a diagnosis, not a way to choose):"
    )
    table = Table("calibration", *numbers("U", "hIoU", "S", "pAcc"))
    for calibration, scores in sweep.curve:
        shares = (scores.mIoU_unseen, scores.hIoU, scores.mIoU_seen, scores.pAcc)
        table.add_row(f"{calibration:g}", *map(percent, shares))
    return sentence, table


def _pseudo_labels(found: PseudoLabelMetrics) -> Table:
    title = f"Pseudo labels on unseen pixels, %; {found.masks_per_photo:.1f} latent masks per photo"
    heads = numbers("masks", "purity", "recall", "right name")
    table = Table("class", *heads, "most frequent wrong name", title=title)
    for each in (*found.classes, found.total):
        shares = map(percent, (each.purity, each.recall, each.right_name))
        last = each is found.classes[-1]
        table.add_row(each.name, str(each.masks), *shares, each.wrong_name or "", end_section=last)
    return table


def _attention(found: AttentionMetrics) -> tuple[str, Table]:
    sentence = f"GLM's attention: {_share(found.effective)} effective positions (100 %: average pooling). "
    if found.photos_with_unseen:
        sentence += (
            f"In photos that show unseen classes, these cover {_share(found.unseen_area)} of the area and get "
            f"{_share(found.unseen_mass)} of the attention."
        )
    table = Table("class", *numbers("photos", "attention / area"))
    for name, photos, gain in (*found.classes, ("all unseen", found.photos_with_unseen, found.gain)):
        table.add_row(name, str(photos), f"{gain:.2f}" if gain == gain else "absent")
    return sentence, table


def _share(share: float) -> str:
    return f"{percent(share)} %" if share == share else "an unknown share"
