"""A photo with its classes in colour, and a legend of the classes present."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from clipteacher.pictures.colours import class_colours
from clipteacher.pictures.legend import LegendEntry, draw_legend, hatching
from clipteacher.protocols.splits import IGNORE

NONE_OF_THESE: Final = "none of these"
"""Name of pixels that have no class, in legends."""

_LISTED: Final = 5  # names that the legend repeats where none is found


def overlay(
    photo: NDArray[np.uint8],
    labels: NDArray[np.integer[Any]],
    class_names: Sequence[str],
    *,
    opacity: float = 0.55,
    ignore: int = IGNORE,
) -> Image.Image:
    """Lay class colours over a photo, with a legend of the classes present below it.

    The legend lists the classes by size, with their shares of the photo, and last the pixels that have no class, which
    are hatched. Where no pixel has a class, the legend says that nothing is found. The size of type follows that of the
    photo. The photo stands at the top left, at its own size.

    Args:
        photo: The photo (H, W, 3), uint8, RGB, 0..255.
        labels: Class ids (H, W), integer, values 0..N-1 or `ignore`.
        class_names: The N class names in the order of their ids. They determine the colours, see `class_colours`.
        opacity: Weight of the colours, 0 (the photo alone) to 1 (colours alone).
        ignore: Id of pixels that have no class; not a class id.

    Returns:
        An RGB picture, at least as wide as the photo and higher by the legend.

    Raises:
        ValueError: A shape, a type, an id, `ignore` or `opacity` is not as above.
    """
    colours = class_colours(class_names)
    painted = paint(photo, labels, colours, opacity=opacity, ignore=ignore)
    height, width = labels.shape
    size = min(96, max(13, round(0.024 * math.sqrt(height * width))))
    margin = round(0.8 * size)
    painted = _hatched(painted, labels == ignore, opacity, max(6, size // 2))
    counts = np.bincount(labels[labels != ignore].ravel(), minlength=len(class_names))
    entries = [
        LegendEntry(class_names[i], colours[i].tolist(), _share(counts[i] / labels.size), fallback=f"class {i}")
        for i in np.argsort(-counts, kind="stable")
        if counts[i]
    ]
    if none := labels.size - int(counts.sum()):
        text = NONE_OF_THESE if entries else _nothing(class_names)
        entries.append(LegendEntry(text, None, _share(none / labels.size), fallback=NONE_OF_THESE))
    legend_width = max(width - 2 * margin, 16 * size)
    legend = draw_legend(entries, legend_width, size)
    picture = Image.new("RGB", (max(width, legend_width + 2 * margin), height + legend.height + 2 * margin), "white")
    picture.paste(Image.fromarray(painted), (0, 0))
    picture.paste(legend, (margin, height + margin))
    return picture


def _share(share: float) -> str:
    """Write a share, 0..1, in whole per cent; 99.9 % is not all."""
    if 0.995 <= share < 1:
        return "> 99 %"
    return f"{100 * share:.0f} %" if share >= 0.005 else "< 1 %"


def _nothing(class_names: Sequence[str]) -> str:
    """Say that no class is found."""
    more = len(class_names) - _LISTED
    return f"nothing found: none of {', '.join(class_names[:_LISTED])}" + (f" and {more} more" if more > 0 else "")


def _hatched(picture: NDArray[np.uint8], where: NDArray[np.bool_], opacity: float, period: int) -> NDArray[np.uint8]:
    """Lay stripes over a part (H, W) of a picture (H, W, 3)."""
    if not where.any() or not opacity:
        return picture
    weight = np.where(where, np.uint8(round(255 * opacity)), np.uint8(0))
    height, width = where.shape
    layers = hatching(height, width, period), picture, weight
    return np.asarray(Image.composite(*(Image.fromarray(layer) for layer in layers)))


def paint(
    photo: NDArray[np.uint8],
    labels: NDArray[np.integer[Any]],
    colours: NDArray[np.uint8],
    *,
    opacity: float = 0.55,
    ignore: int = IGNORE,
) -> NDArray[np.uint8]:
    """Blend class colours with a photo, and draw thin borders between classes.

    A border has the class's own colour, darker; no pixel of an ignored region belongs to it.

    Args:
        photo: The photo (H, W, 3), uint8, RGB, 0..255.
        labels: Class ids (H, W), integer, values 0..N-1 or `ignore`.
        colours: RGB colours (N, 3), uint8, 0..255, of the classes, see `class_colours`.
        opacity: Weight of the colours, 0 (the photo alone) to 1 (colours alone).
        ignore: Id of pixels that stay photo; not a class id.

    Returns:
        The painted photo (H, W, 3), uint8, RGB.

    Raises:
        ValueError: A shape, a type, an id, `ignore` or `opacity` is not as above.
    """
    check_labels("labels", labels, photo, len(colours), ignore)
    if not 0 <= opacity <= 1:
        raise ValueError(f"opacity: got {opacity}, expected 0 (the photo alone) to 1 (colours alone). Try 0.55.")
    known = labels != ignore
    if not known.any() or opacity == 0:
        return photo.copy()
    shades = np.concatenate([colours, (colours * 0.35).astype(np.uint8), np.zeros((1, 3), np.uint8)])
    weights = np.repeat([round(255 * opacity), round(255 * min(1, 1.6 * opacity)), 0], (len(colours), len(colours), 1))
    rows = np.where(known, labels, 2 * len(colours)).astype(np.int32) + len(colours) * _borders(labels, known)
    layers = shades.take(rows, axis=0), photo, weights.astype(np.uint8).take(rows)
    return np.asarray(Image.composite(*(Image.fromarray(layer) for layer in layers)))


def check_labels(
    field: str, labels: NDArray[np.integer[Any]], photo: NDArray[np.uint8], num_classes: int, ignore: int
) -> None:
    """Check a photo, and that an array holds its class ids.

    Args:
        field: Name of the array in messages.
        labels: Class ids (H, W), integer, values 0..N-1 or `ignore`.
        photo: The photo (H, W, 3), uint8, of at least one pixel.
        num_classes: Number N of classes.
        ignore: Id of pixels without a class.

    Raises:
        ValueError: A shape, a type or an id is not as above, or `ignore` is a class id.
    """
    if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3 or not photo.size:
        raise ValueError(
            f"photo: got shape {photo.shape} of {photo.dtype}, expected (H, W, 3) of uint8, RGB. Put the channels "
            "last, and scale values to 0..255."
        )
    if labels.shape != photo.shape[:2]:
        raise ValueError(
            f"{field}: got shape {labels.shape}, expected {photo.shape[:2]} as the photo. Resize the ids to the "
            "photo's size without smoothing, and give ids (argmax), not logits."
        )
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"{field}: got {labels.dtype}, expected an integer type with class ids. Take the argmax.")
    if 0 <= ignore < num_classes:
        raise ValueError(
            f"ignore: got {ignore}, which is a class id, expected a value outside 0..{num_classes - 1}. Pass ignore=-1 "
            "if every pixel has a class."
        )
    wrong = labels[(labels != ignore) & ((labels < 0) | (labels >= num_classes))]
    if wrong.size:
        raise ValueError(
            f"{field}: got id {wrong[0]} ({wrong.size} pixels out of range), expected 0..{num_classes - 1}, one for "
            f"each of the {num_classes} classes, or {ignore} = ignore. Give one name or colour for each id."
        )


def _borders(labels: NDArray[np.integer[Any]], known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels (H, W), bool, beside another class or an ignored region; a pixel wide, wider in large photos."""
    border = np.zeros(labels.shape, dtype=bool)
    for ids, edge, inside in ((labels, border, known), (labels.T, border.T, known.T)):
        differs = ids[:-1] != ids[1:]
        edge[:-1] |= differs & inside[:-1]
        edge[1:] |= differs & ~inside[:-1]
    if wider := round(min(labels.shape) / 1000):  # Pillow's MaxFilter has the same pixels, and takes longer
        for axis in (0, 1):
            grown = border.copy()
            for step in range(1, wider + 1):
                later, earlier = (slice(step, None), slice(None, -step))
                here, there = (later, earlier) if axis == 0 else ((slice(None), later), (slice(None), earlier))
                grown[here] |= border[there]
                grown[there] |= border[here]
            border = grown
    return border & known
