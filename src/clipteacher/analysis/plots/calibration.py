"""The calibration sweep as curves: scores against γ."""

from __future__ import annotations

import math
from typing import Final

from matplotlib.figure import Figure

from clipteacher.analysis.plots.style import INK, PALE_INK, RIGHT, RULE, WRONG, set_heading
from clipteacher.analysis.student.calibration_sweep import CalibrationSweep

_CURVES: Final = (
    ("U", "mIoU_unseen", WRONG, "o"),
    ("hIoU", "hIoU", INK, "D"),
    ("S", "mIoU_seen", RIGHT, "s"),
    ("pAcc", "pAcc", PALE_INK, "^"),
)


def calibration_figure(sweep: CalibrationSweep, title: str) -> Figure:
    """Draw U, hIoU, S and pAcc in per cent against the calibration.

    Args:
        sweep: The sweep.
        title: What the heading begins with, such as the protocol's name.

    Returns:
        The figure. A score that is defined nowhere has no curve.
    """
    figure = Figure(figsize=(6.4, 4.0), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    gammas = [calibration for calibration, _ in sweep.curve]
    for name, field, colour, marker in _CURVES:
        values = [100 * getattr(scores, field) for _, scores in sweep.curve]
        if not all(map(math.isnan, values)):
            axes.plot(gammas, values, color=colour, marker=marker, markersize=5, label=name)
    axes.axvline(sweep.calibration, color=INK, linestyle="--", linewidth=1, label=f"model: {sweep.calibration:g}")
    axes.set_ylim(-2, 102)
    axes.grid(color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_ylabel("%")
    axes.set_xlabel(
        "calibration $\\gamma$, subtracted from the logits of the seen names\n"
        "Measured on the test labels: a diagnosis, not a way to choose $\\gamma$.",
        loc="left",
        color=PALE_INK,
    )
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)
    set_heading(axes, title, "scores by calibration")
    return figure
