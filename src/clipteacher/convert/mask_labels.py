"""Reading one mask as class ids, once the values of its set are known."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from clipteacher.convert.colour_files import colour_text
from clipteacher.convert.mask_classes import MaskCode
from clipteacher.convert.mask_files import read_mask
from clipteacher.convert.painting import photo_sizes, turned
from clipteacher.data.files import DataError
from clipteacher.utils.lists import shortened

_MANY: Final = 9  # more strange values than people forget, so they come from smoothing


def read_labels(photo: Path, mask: Path, code: MaskCode) -> tuple[NDArray[np.uint8], list[str]]:
    """Read a mask as class ids.

    A mask that was drawn on a photo as stored, on its side, is turned as the photo is.

    Args:
        photo: The photo.
        mask: Its mask.
        code: What its values mean.

    Returns:
        Class ids (H, W), uint8, 0..N-1, 255 = not labelled, in the size of the upright photo; and no shape.

    Raises:
        DataError: One cannot be read, the two differ in size, or a value means nothing.
    """
    stored = read_mask(mask)
    by_colour = code.coding == "colours"
    values = stored.colours if by_colour else stored.ids
    if values is None:
        raise DataError(
            f"{mask}: got {'16 bits' if stored.colours is None else 'colours'}, expected "
            f"{'colours' if by_colour else 'ids'} as in the other masks. Export all masks in one way."
        )
    known = np.array(sorted(code.ids), dtype=np.int32)
    table = np.array([code.ids[value] for value in known.tolist()], dtype=np.uint8)
    place = np.searchsorted(known, values).clip(max=len(known) - 1)
    strange = known[place] != values
    if strange.any():
        raise DataError(_strange_values(mask, values[strange], code))
    labels: NDArray[np.uint8] = table[place]
    upright, as_stored, orientation = photo_sizes(photo)
    if labels.shape == upright:
        return labels, []
    if labels.shape == as_stored:
        return turned(labels, orientation), []
    raise DataError(
        f"{mask}: got {labels.shape[1]}x{labels.shape[0]} (width x height), expected {upright[1]}x{upright[0]} as "
        f"{photo}. Draw the mask at the size of the photo; never stretch it with smoothing."
    )


def _strange_values(mask: Path, values: NDArray[np.int32], code: MaskCode) -> str:
    """Say which values (N,), int32, mean nothing."""
    by_colour = code.coding == "colours"
    present, counts = np.unique(values, return_counts=True)
    shown = [colour_text(value) if by_colour else str(value) for value in present.tolist()]
    got = shortened((f"{text} ({count} pixels)" for text, count in zip(shown, counts.tolist(), strict=True)), 5)
    smoothed = (
        " So many come from smoothing, as when masks are resized: export them again." if len(shown) > _MANY else ""
    )
    return (
        f"{mask}: got {'the colour' if by_colour else 'the value'} {got}, which is none of "
        f"{shortened(code.classes, 6)}. Name the class that is missing, or leave such pixels unlabelled: "
        f"{'give the colour the name void' if by_colour else f'add --ignore {shown[0]}'}.{smoothed}"
    )
