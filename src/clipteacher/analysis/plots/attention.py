"""GLM's attention beside the photos: where it is above, and where below, a uniform share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Patch
from PIL import Image

from clipteacher.analysis.plots.style import INK, PALE_INK, RIGHT, UNSEEN, WRONG, class_labels, set_heading
from clipteacher.analysis.student.attention import PhotoAttention
from clipteacher.data.dataset import Sample
from clipteacher.pictures.colours import IGNORE_COLOUR, class_colours
from clipteacher.pictures.overlays import paint
from clipteacher.protocols.splits import ClassSplit

STRONGEST: Final = 4.0
"""Multiple of a uniform share at which the colour is full; fixed, so that charts of different runs compare."""

_COLOURS: Final = LinearSegmentedColormap.from_list("attention", [RIGHT, "white", WRONG])
_PANEL, _GAP, _CAPTION = 2.7, 0.08, 0.3  # inches

AttentionRow: TypeAlias = tuple[Sample, PhotoAttention]
"""A photo (3, H, W), uint8, with its mask (H, W), integer, 0..N-1 or ignore; and GLM's attention on it."""


def attention_figure(rows: Sequence[AttentionRow], split: ClassSplit, title: str) -> Figure:
    """Draw photo, truth and attention side by side, one photo per row.

    Args:
        rows: The photos, at least one.
        split: The classes.
        title: What the heading begins with, such as the protocol's name.

    Returns:
        The figure.
    """
    heights = [_PANEL * sample.mask.shape[0] / sample.mask.shape[1] for sample, _ in rows]
    width, total = 3 * _PANEL + 2 * _GAP, sum(heights) + _CAPTION * len(rows)
    figure, top = Figure(figsize=(width, total), facecolor="white"), total
    for row, height in zip(rows, heights, strict=True):
        top -= height
        lefts = [column * (_PANEL + _GAP) / width for column in range(3)]
        panels = [figure.add_axes((left, top / total, _PANEL / width, height / total)) for left in lefts]
        drawn = _draw_row(panels, row, split)
        top -= _CAPTION
    for panel, text in zip(figure.axes, ("photo", "truth", "attention"), strict=False):
        panel.annotate(text, (0, 1), (0, 5), xycoords="axes fraction", textcoords="offset points")
    set_heading(figure.axes[0], title, "attention of GLM's CLS token to the student's features", pad=26)
    scale = figure.add_axes((0, -0.15 / total, 0.4, 0.14 / total))
    bar = figure.colorbar(drawn, cax=scale, orientation="horizontal")
    bar.set_ticks([0.25, 0.5, 1, 2, 4], labels=["1/4", "1/2", "1", "2", "4"], fontsize=8)
    bar.minorticks_off()
    bar.set_label("attention, in multiples of a uniform share", fontsize=8.5, color=PALE_INK, loc="left")
    _legend(figure, rows, split, -0.75 / total)
    return figure


def _draw_row(panels: Sequence[Axes], row: AttentionRow, split: ClassSplit) -> AxesImage:
    """Draw one photo into three panels, with the caption below; returns the attention."""
    (sample, found) = row
    photo, mask = sample.image.permute(1, 2, 0).numpy(), sample.mask.numpy()
    # Over a grey photo the colours stay those of the legend.
    grey = np.asarray(Image.fromarray(photo).convert("L").convert("RGB"))
    painted = paint(grey, mask, class_colours(split.names), opacity=0.78, ignore=split.ignore)
    truth = np.where((mask == split.ignore)[..., None], np.array(IGNORE_COLOUR, dtype=np.uint8), painted)
    for panel, picture in zip(panels, (photo, truth, grey), strict=True):
        panel.imshow(picture, aspect="auto")
        panel.set(xticks=[], yticks=[])
        panel.spines[:].set_visible(False)
    (height, width), weights = mask.shape, found.weights.numpy()
    area, mass = 100 * float(found.area.sum()), 100 * float(found.mass.sum())
    shares = f"unseen: {area:.0f} % of the labelled area, {mass:.0f} % of its attention"
    text = f"effective positions {100 * found.effective:.0f} %;  {shares if area == area else 'nothing is labelled'}"
    panels[0].set_xlabel(text, loc="left", fontsize=8.5, color=PALE_INK)
    return panels[2].imshow(
        np.maximum(weights * weights.size, 1e-9),
        cmap=_COLOURS,
        norm=LogNorm(1 / STRONGEST, STRONGEST, clip=True),
        extent=(-0.5, width - 0.5, height - 0.5, -0.5),
        interpolation="bilinear",
        interpolation_stage="rgba",
        alpha=0.7,
        aspect="auto",
    )


def _legend(figure: Figure, rows: Sequence[AttentionRow], split: ClassSplit, top: float) -> None:
    """List the classes of the truth below the photos, seen ones first, unseen ones red."""
    present = {int(each) for sample, _ in rows for each in np.unique(sample.mask.numpy())}
    ids = sorted(present - {split.ignore}, key=lambda each: (each in split.unseen_ids, each))
    labels, families = class_labels(split.names, split)
    colours = class_colours(split.names) / 255
    entries = [(labels[split.names[each]], colours[each]) for each in ids]
    if split.ignore in present:
        entries.append(("not labelled", np.array(IGNORE_COLOUR) / 255))
    legend = figure.legend(
        handles=[Patch(facecolor=colour, edgecolor=INK, linewidth=0.5, label=label) for label, colour in entries],
        loc="upper left",
        bbox_to_anchor=(0, top),
        ncols=max(2, 5 - max(len(label) for label, _ in entries) // 10),
        prop={"family": families, "size": 9},
        title="red: unseen in training" if set(ids) & set(split.unseen_ids) else None,
        title_fontproperties={"size": 8.5},
        alignment="left",
        frameon=False,
        borderaxespad=0,
        borderpad=0,
    )
    for text, each in zip(legend.get_texts(), ids, strict=False):
        text.set_color(UNSEEN if each in split.unseen_ids else INK)
