"""The charts of a grid: bars of its settings, or a curve for each option that it varies; from its JSON lines alone.

    python benchmarks/ablation_plot.py benchmarks/grids/msrc21.yaml docs/images/ablation_msrc21.png
    python benchmarks/ablation_plot.py benchmarks/grids/world_curves.yaml docs/images/curves_world.png

A grid with `curves` becomes curves, any other bars. They show the mean over seeds and lists; error bars are one
standard deviation, thin curves are single lists.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import yaml
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from ablation import ROOT
from recorded import read_lines
from tables import by_setting, mean_and_deviation

SCORES = {"mIoU_unseen": ("U", "#d1495b"), "hIoU": ("hIoU", "#edae49"), "mIoU_seen": ("S", "#9fb3c8")}
COLUMNS = 4

Line = Mapping[str, Any]


def percent(lines: Sequence[Line], score: str) -> tuple[float, float]:
    """Return mean and standard deviation of a score in percent."""
    return mean_and_deviation([100 * line[score] for line in lines])


def points(
    curve: Mapping[str, Any], name: str, settings: Mapping[str, Sequence[Line]]
) -> list[tuple[str, Sequence[Line]]]:
    """List the values of a curve that have been run, with their lines, in the order of their size.

    Args:
        curve: Its entry in the grid: `values`, and `at`, the value that the setting `of` has without a switch.
        name: The curve's.
        settings: Lines by setting.
    """
    found = [(str(value), settings.get(f"{name} {value}", [])) for value in curve["values"]]
    found.append((str(curve["at"]), settings.get(curve.get("of", "base"), [])))
    found = [(value, lines) for value, lines in found if lines]
    try:
        return sorted(found, key=lambda point: float(point[0]))
    except ValueError:  # words and lists have no size
        return found


def draw_curves(grid: Mapping[str, Any], lines: Sequence[Line]) -> Figure:
    """Draw a small chart for each curve, all with one axis of scores: the mean, and in thin lines each unseen list."""
    settings, lists = by_setting(lines), {tuple(line["unseen"]): line["unseen"] for line in lines}.values()
    curves = {name: points(curve, name, settings) for name, curve in grid["curves"].items()}
    curves = {name: found for name, found in curves.items() if len(found) > 1}  # the others have not been run yet
    rows = -(-len(curves) // COLUMNS)
    figure, axes = plt.subplots(rows, COLUMNS, figsize=(3 * COLUMNS, 2.4 * rows), sharey=True, squeeze=False)
    for axis, (name, found) in zip(axes.flat, curves.items(), strict=False):
        places, at = range(len(found)), str(grid["curves"][name]["at"])
        for score, (label, colour) in SCORES.items():
            means = [percent(of_value, score)[0] for _, of_value in found]
            axis.plot(places, means, color=colour, label=label, marker="o", markersize=4)
            for unseen in lists:  # a deviation over lists would say how unlike the lists are, not how sure a value is
                of_list = [[line for line in of_value if line["unseen"] == unseen] for _, of_value in found]
                there = [(place, each) for place, each in zip(places, of_list, strict=True) if each]
                scores = [percent(each, score)[0] for _, each in there]
                axis.plot([place for place, _ in there], scores, color=colour, linewidth=0.7, alpha=0.5)
        axis.set_title(name, fontsize=10)
        axis.set_xticks(places, [f"{value} *" if value == at else value for value, _ in found], fontsize=8)
        axis.grid(axis="y", linewidth=0.3)
    for axis in axes.flat[len(curves) :]:
        axis.set_axis_off()
    axes.flat[0].legend(fontsize=8)
    return figure


def draw_bars(lines: Sequence[Line]) -> Figure:
    """Draw a group of bars for each setting, the best hIoU first."""
    settings = by_setting(lines)
    order = sorted(settings, key=lambda setting: -percent(settings[setting], "hIoU")[0])
    figure, axis = plt.subplots(figsize=(9, 0.75 * len(order) + 1.2))
    for number, (score, (label, colour)) in enumerate(SCORES.items()):
        values = [percent(settings[setting], score) for setting in order]
        places = [row + 0.27 * (number - 1) for row in range(len(order))]
        bars = axis.barh(
            places, [mean for mean, _ in values], 0.26, xerr=[by for _, by in values], color=colour, label=label,
            error_kw={"elinewidth": 0.8},
        )  # fmt: skip
        axis.bar_label(bars, [f"{mean:.1f}" for mean, _ in values], padding=3, fontsize=8)
    axis.set_yticks(range(len(order)), [f"{setting} ({len(settings[setting])})" for setting in order])
    axis.invert_yaxis()
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, fontsize=9, frameon=False)
    return figure


def draw(grid: Mapping[str, Any], lines: Sequence[Line]) -> Figure:
    """Draw a grid's lines, with the protocol and the number of runs over them.

    Raises:
        ValueError: There are no lines.
    """
    if not lines:
        raise ValueError("lines: got none, expected the lines of a grid. Run benchmarks/ablation.py first.")
    figure = draw_curves(grid, lines) if grid.get("curves") else draw_bars(lines)
    protocols, seeds = sorted({line["protocol"] for line in lines}), sorted({line["seed"] for line in lines})
    note = "; thin: each list; *: the value in the other curves" if grid.get("curves") else "; in brackets: runs"
    figure.suptitle(f"mean IoU in %, {', '.join(protocols)}, seeds {', '.join(map(str, seeds))}{note}", fontsize=11)
    figure.tight_layout()
    return figure


def main() -> None:
    """Read the grid and its lines, and write the chart."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("grid", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--lines", type=Path, help="JSON lines; default: benchmarks/results/<grid>.jsonl")
    given = parser.parse_args()
    mpl.use("agg")
    lines = read_lines(given.lines or ROOT / "benchmarks" / "results" / f"{given.grid.stem}.jsonl")
    draw(yaml.safe_load(given.grid.read_text(encoding="utf-8")), lines).savefig(given.out, dpi=120)


if __name__ == "__main__":
    main()
