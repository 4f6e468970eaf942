"""Masks as they are stored: ids, palettes, colours, 1 to 16 bits; what values a set of them holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clipteacher.data.files import DataError, decoded

MASK_SUFFIXES: Final = (".png", ".bmp", ".tif", ".tiff", ".gif")
"""Suffixes of masks, in upper or lower case; these formats lose nothing."""

LOSSY_SUFFIXES: Final = (".jpg", ".jpeg", ".jfif", ".webp")
"""Suffixes of formats that mix the ids along edges."""

IGNORED_VALUES: Final = frozenset({255, 65535})
"""Values that mean "not labelled" in masks of ids of 8 and 16 bits."""

_STRETCH: Final = {2: 85, 4: 17}  # Pillow stretches grey of 2 and 4 bits to 0..255


class StoredMask(NamedTuple):
    """A mask as it is stored.

    Attributes:
        ids: (H, W), int32: the values of one channel, or the indices of a palette; None if it has colours.
        colours: (H, W), int32: red * 65536 + green * 256 + blue; None with 16 bits.
        plain: Whether it is a PNG of 8-bit ids, which the folder format takes as it is.
        palette: Whether it has one.
    """

    ids: NDArray[np.int32] | None
    colours: NDArray[np.int32] | None
    plain: bool
    palette: bool


class FoundValues(NamedTuple):
    """What the masks that were looked at hold.

    Attributes:
        ids: All values; None if one of the masks has colours.
        colours: All colours.
        plain: Whether all are PNGs of 8-bit ids.
        palette: Colour of each index that occurs, of masks with a palette.
        clash: An index that has one colour in the first mask and another in the second; None if there is none.
        looked_at: Number of masks.
    """

    ids: frozenset[int] | None
    colours: frozenset[int]
    plain: bool
    palette: Mapping[int, int]
    clash: tuple[int, Path, Path] | None
    looked_at: int


def read_mask(path: Path) -> StoredMask:
    """Read a mask.

    Three equal channels are one channel of ids. Opacity is dropped.

    Raises:
        DataError: It cannot be read, is in a format that loses something, or is no mask (such as floating point).
    """
    image = decoded(path, upright=False)
    if image.format in ("JPEG", "WEBP", "MPO"):
        raise DataError(
            f"{path}: got a mask saved as {image.format}, expected PNG, since compression mixes the ids along every "
            "edge. Export the masks as PNG again; what was saved as JPEG cannot be repaired."
        )
    mode = image.mode
    if mode == "P":
        ids = np.asarray(image).astype(np.int32)
        palette = np.zeros((256, 3), dtype=np.int32)
        stored = np.asarray(image.getpalette("RGB") or (), dtype=np.int32).reshape(-1, 3)
        palette[: len(stored)] = stored
        return StoredMask(ids, _packed(palette)[ids], image.format == "PNG", True)
    if mode in ("1", "L", "LA"):
        ids = np.asarray(image.getchannel(0) if mode == "LA" else image).astype(np.int32)
        depth = _depth(path) if image.format == "PNG" else 8
        grey = ids * 255 if mode == "1" else ids
        ids = ids // _STRETCH.get(depth, 1) if mode == "L" else ids
        return StoredMask(ids, grey * 0x010101, mode == "L" and image.format == "PNG" and depth == 8, False)
    if mode in ("RGB", "RGBA"):
        channels = np.asarray(image)[..., :3].astype(np.int32)
        equal = bool((channels == channels[..., :1]).all())
        return StoredMask(channels[..., 0] if equal else None, _packed(channels), False, False)
    if mode.startswith("I"):
        ids = np.asarray(image).astype(np.int32)
        if ids.min() >= 0 and ids.max() <= 65535:
            return StoredMask(ids, None, False, False)
    raise DataError(
        f"{path}: got a mask of mode {mode}, expected class ids of 8 or 16 bits, a palette, or colours. Save it as PNG."
    )


def find_values(paths: Sequence[Path]) -> FoundValues:
    """Read masks and collect their values.

    Raises:
        DataError: One cannot be read.
    """
    ids: set[int] | None = set()
    colours: set[int] = set()
    palette: dict[int, int] = {}
    first: dict[int, Path] = {}
    clash = None
    plain = True
    with ThreadPoolExecutor() as pool:
        for path, found in zip(paths, pool.map(_values, paths), strict=True):
            plain = plain and found.plain
            colours |= found.colours
            ids = None if ids is None or found.ids is None else ids | found.ids
            for index, colour in found.palette.items():
                if palette.setdefault(index, colour) != colour:
                    clash = clash or (index, first[index], path)
                first.setdefault(index, path)
    return FoundValues(None if ids is None else frozenset(ids), frozenset(colours), plain, palette, clash, len(paths))


def _values(path: Path) -> FoundValues:
    """Read one mask and keep its values alone: a mask of a large photo takes much memory."""
    mask = read_mask(path)
    if mask.ids is None:
        colours = frozenset() if mask.colours is None else frozenset(np.unique(mask.colours).tolist())
        return FoundValues(None, colours, mask.plain, {}, None, 1)
    ids, first = np.unique(mask.ids, return_index=True)
    colour_of = (
        {} if mask.colours is None else dict(zip(ids.tolist(), mask.colours.ravel()[first].tolist(), strict=True))
    )
    palette = colour_of if mask.palette else {}
    return FoundValues(frozenset(ids.tolist()), frozenset(colour_of.values()), mask.plain, palette, None, 1)


def _packed(channels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Make one number of red, green and blue: (..., 3) becomes (...,)."""
    packed: NDArray[np.int32] = channels[..., 0] << 16 | channels[..., 1] << 8 | channels[..., 2]
    return packed


def _depth(path: Path) -> int:
    """Return the bits per channel of a PNG (PNG specification, 11.2.1)."""
    with path.open("rb") as file:
        return file.read(25)[24]
