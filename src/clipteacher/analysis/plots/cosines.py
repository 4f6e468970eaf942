"""Cosines as bars: each class's own text feature beside the best other one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from clipteacher.analysis.plots.style import INK, PALE_INK, RIGHT, RULE, UNSEEN, WRONG, class_labels, set_heading
from clipteacher.analysis.student.cosines import ClassCosines
from clipteacher.protocols.splits import ClassSplit

MOST_CLASSES: Final = 60
"""Classes that are drawn, those with the smallest margin first."""


def drawn_classes(cosines: Sequence[ClassCosines], most: int = MOST_CLASSES) -> list[ClassCosines]:
    """Choose and order what is drawn: unseen classes before seen ones, the smallest margin first.

    Args:
        cosines: All classes; those without positions are left out.
        most: Number of classes to draw at most.

    Returns:
        The classes to draw.
    """
    present = [each for each in cosines if each.positions]
    # A single name has no margin.
    ordered = sorted(present, key=lambda each: (not each.unseen, 0.0 if math.isnan(each.margin) else each.margin))
    return ordered[:most]


def cosine_figure(cosines: Sequence[ClassCosines], split: ClassSplit, title: str) -> Figure:
    """Draw two bars per class: the mean cosine to its own text feature, and to the best other one.

    Args:
        cosines: All classes.
        split: The same classes, in the order of their ids.
        title: What the heading begins with, such as the protocol's name.

    Returns:
        The figure.
    """
    drawn = drawn_classes(cosines)
    figure = Figure(figsize=(5.2, max(1.0, 0.3 * len(drawn))), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    rows = np.arange(len(drawn))
    own, best_other = [each.own for each in drawn], [each.best_other for each in drawn]
    axes.barh(rows - 0.19, own, height=0.34, color=RIGHT, label="own name", zorder=2)
    axes.barh(rows + 0.19, best_other, height=0.34, color=WRONG, label="best other name", zorder=2)
    axes.axvline(0, color=INK, linewidth=0.8, zorder=3)
    axes.grid(axis="x", color=RULE, linewidth=0.6)
    axes.set_ylim(max(len(drawn), 1) - 0.5, -0.5)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    _label(axes, drawn, split)
    left_out = sum(each.positions > 0 for each in cosines) - len(drawn)
    more = f"\n{left_out} more classes are only in diagnosis.json." if left_out else ""
    axes.set_xlabel(f"mean cosine on the class's own pixels; red: unseen in training{more}", loc="left", color=PALE_INK)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, borderaxespad=0.2)
    set_heading(axes, title, "cosine of pixel features to text features", pad=30)
    return figure


def _label(axes: Axes, drawn: Sequence[ClassCosines], split: ClassSplit) -> None:
    """Write the names at the left, and margin and nearest other name at the right."""
    labels, families = class_labels(split.names, split)
    axes.set_yticks(range(len(drawn)), [labels[each.name] for each in drawn], fontfamily=families)
    aside: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "color": PALE_INK}
    if any(each.nearest_other for each in drawn):
        axes.text(1.03, -0.6, "margin", **aside, fontsize=8, va="bottom")
        axes.text(1.16, -0.6, "nearest other name", **aside, fontsize=8, va="bottom")
    for row, (each, tick) in enumerate(zip(drawn, axes.get_yticklabels(), strict=True)):
        if each.unseen:
            tick.set_color(UNSEEN)
        if each.nearest_other is not None:
            ink = {"color": WRONG if each.margin < 0 else INK}
            axes.text(1.03, row, f"{each.margin:+.2f}", **aside | ink, va="center")
            other = labels[each.nearest_other]
            axes.text(1.16, row, other, **aside, fontfamily=families, fontsize=9, va="center")
        if row and each.unseen != drawn[row - 1].unseen:
            axes.axhline(row - 0.5, color=INK, linewidth=1.2)
