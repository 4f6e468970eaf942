"""The confusion matrix as a chart: rows are the truth, columns what is predicted, unseen classes first."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from clipteacher.analysis.plots.style import INK, PALE_INK, RIGHT, RULE, UNSEEN, WRONG, class_labels, set_heading
from clipteacher.protocols.splits import ClassSplit

MOST_CLASSES: Final = 60
"""Classes that get a row each; of more, those that unseen ones are confused with, and the others in one row."""

_NUMBERS_UP_TO: Final = 30  # classes


class ConfusionTable(NamedTuple):
    """A confusion matrix, ready to be drawn.

    Attributes:
        names: M names, unseen ones first; a collective row is called such as "40 other seen".
        unseen: How many of them are unseen.
        collective: Rows that stand for several classes.
        counts: Pixels (M, M), float64, rows = truth.
    """

    names: tuple[str, ...]
    unseen: int
    collective: frozenset[int]
    counts: NDArray[np.float64]


def confusion_table(confusion: Tensor, split: ClassSplit, most: int = MOST_CLASSES) -> ConfusionTable:
    """Put unseen classes first, and join the classes that unseen ones are least confused with, if there are too many.

    Args:
        confusion: (N, N), integer, rows = truth, in the order of `split.names`.
        split: The classes.
        most: Number of classes to keep apart, at least half of them for each of unseen and seen.

    Returns:
        The table. The pixels of joined classes are summed, so none is lost.
    """
    counts = confusion.detach().cpu().double().numpy()
    unseen = list(split.unseen_ids)
    flow = counts[unseen].sum(axis=0) + counts[:, unseen].sum(axis=1)
    unseen_room = min(len(unseen), max(most // 2, most - len(split.seen)))
    groups: list[list[int]] = []
    names: list[str] = []
    collective, sizes = set(), []
    for ids, room, kind in ((split.unseen_ids, unseen_room, "unseen"), (split.seen_ids, most - unseen_room, "seen")):
        order = sorted(ids, key=lambda index: -flow[index])
        kept = sorted(order[:room])
        groups += [[index] for index in kept]
        names += [split.names[index] for index in kept]
        if rest := order[room:]:
            collective.add(len(groups))
            groups.append(rest)
            names.append(f"{len(rest)} other {kind}")
        sizes.append(len(groups))
    joined = np.array([[counts[np.ix_(row, column)].sum() for column in groups] for row in groups])
    return ConfusionTable(tuple(names), sizes[0], frozenset(collective), joined)


def confusion_figure(confusion: Tensor, split: ClassSplit, title: str) -> Figure:
    """Draw the confusion matrix, each row in shares of its true pixels.

    Blue is right, orange is wrong. Names of unseen classes are red. Rows of classes that never occur are hatched.

    Args:
        confusion: (N, N), integer, rows = truth, in the order of `split.names`.
        split: The classes.
        title: What the heading begins with, such as the protocol's name.

    Returns:
        The figure.
    """
    table = confusion_table(confusion, split)
    count = len(table.names)
    large = count <= _NUMBERS_UP_TO
    side = (0.32 if large else 0.17) * count
    figure = Figure(figsize=(side, side), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    totals = table.counts.sum(axis=1, keepdims=True)
    shares = np.divide(table.counts, totals, out=np.zeros_like(table.counts), where=totals > 0)
    axes.imshow(_colours(shares, table.collective), aspect="equal", interpolation="nearest")
    for row in np.flatnonzero(totals[:, 0] == 0):
        axes.axhspan(row - 0.5, row + 0.5, facecolor="#f4f4f5", edgecolor=RULE, hatch="////", linewidth=0)
    if large:
        for row, column in np.argwhere(shares >= 0.005):
            ink = "white" if shares[row, column] > 0.45 else INK
            text = f"{100 * shares[row, column]:.0f}"
            axes.text(column, row, text, color=ink, fontsize=7.5, ha="center", va="center")
    _label(axes, table, split, 9 if large else 7)
    set_heading(axes, title, "where each class's pixels go", pad=12)
    return figure


def _colours(shares: NDArray[np.float64], collective: frozenset[int]) -> NDArray[np.float64]:
    """Colours (M, M, 3) of shares (M, M): blue on the diagonal, orange elsewhere, grey for right and wrong together."""
    full = np.tile(np.array(to_rgb(WRONG)), (*shares.shape, 1))
    full[np.diag_indices(len(shares))] = [to_rgb(PALE_INK if i in collective else RIGHT) for i in range(len(shares))]
    # A square root makes a few per cent visible.
    colours: NDArray[np.float64] = 1 + (full - 1) * np.sqrt(shares)[..., None]
    return colours


def _label(axes: Axes, table: ConfusionTable, split: ClassSplit, size: float) -> None:
    """Write names at the left and on top, the note below, and rule off the unseen classes."""
    count = len(table.names)
    labels, families = class_labels(table.names, split)
    axes.set_yticks(range(count), labels.values(), fontsize=size, fontfamily=families)
    axes.set_xticks(range(count), labels.values(), fontsize=size, fontfamily=families, rotation=90)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    for label in (*axes.get_yticklabels()[: table.unseen], *axes.get_xticklabels()[: table.unseen]):
        label.set_color(UNSEEN)
    edges = np.arange(1, count) - 0.5
    axes.hlines(edges, -0.5, count - 0.5, color=RULE, linewidth=0.5)
    axes.vlines(edges, -0.5, count - 0.5, color=RULE, linewidth=0.5)
    if 0 < table.unseen < count:
        axes.axhline(table.unseen - 0.5, color=INK, linewidth=1.8)
        axes.axvline(table.unseen - 0.5, color=INK, linewidth=1.8)
    note = (
        "Rows: true class, in % of its pixels. Columns: prediction.\nBlue: right; orange: wrong; hatched: never occurs."
        + ("\nRed names, before the thick lines: unseen in training." if table.unseen else "")
    )
    axes.set_xlabel(note, loc="left", color=PALE_INK, fontsize=9, labelpad=8)
    axes.xaxis.set_label_position("bottom")
