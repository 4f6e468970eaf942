"""How often each value occurs in the masks of a source; counted once and cached, since a large set takes minutes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from clipteacher.data.source import UNKNOWN, Source
from clipteacher.utils.atomic_files import user_cache, write_atomically

# Another number invalidates what earlier versions have cached.
_VERSION: Final = 2
_ARRAYS: Final = ("pixels", "masks", "first", "class_masks")


@dataclass(frozen=True, eq=False)
class ValueCounts:
    """What the masks of a source contain.

    Attributes:
        total: Number of masks.
        pixels: (V,), int64: pixels of each value 0..V-1 over all masks; V is the length of the source's table.
        masks: (V,), int64: masks that hold each value.
        first: (V,), int64: index of the first mask that holds each value; -1 if none does.
        class_masks: (N,), int64: masks that hold each class.
    """

    total: int
    pixels: NDArray[np.int64]
    masks: NDArray[np.int64]
    first: NDArray[np.int64]
    class_masks: NDArray[np.int64]

    def class_pixels(self, source: Source) -> NDArray[np.int64]:
        """Return the pixels of each class: (N,), int64."""
        return np.array([self.pixels[source.table == label].sum() for label in range(len(source.names))], np.int64)


def count_values(source: Source, progress: Callable[[int], object] = lambda done: None) -> ValueCounts:
    """Read every mask once and count its values; `progress` is called with the number of masks counted so far.

    The files are counted as they are, unseen classes included. The result tells whether the files are right and is
    shown to the user; none of it reaches training.

    Raises:
        DataError: A mask cannot be read.
    """
    size, classes = len(source.table), len(source.names)
    pixels, masks, class_masks = np.zeros(size, np.int64), np.zeros(size, np.int64), np.zeros(classes, np.int64)
    first = np.full(size, -1, np.int64)

    def values_of(index: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        counts = np.bincount(source.values(index).ravel(), minlength=size)
        present = np.flatnonzero(counts)
        return present, counts[present]

    # Decoding a PNG releases Python's lock.
    with ThreadPoolExecutor() as pool:
        for index, (present, counts) in enumerate(pool.map(values_of, range(len(source)))):
            pixels[present] += counts
            masks[present] += 1
            first[present[first[present] < 0]] = index
            ids = np.unique(source.table[present])
            class_masks[ids[(ids != UNKNOWN) & (ids != source.ignore)]] += 1
            progress(index + 1)
    return ValueCounts(len(source), pixels, masks, first, class_masks)


def kept_counts(
    source: Source, *, recount: bool = False, progress: Callable[[int], object] = lambda done: None
) -> ValueCounts:
    """Return the counts cached for the very same files, or count and cache them.

    They lie in the folder `clipteacher/label_audit` of the user's cache (`$XDG_CACHE_HOME`, else `~/.cache`), under a
    name made of the path, size and modification time of every mask.

    Args:
        source: The masks.
        recount: Count even if counts are cached.
        progress: As for `count_values`.

    Raises:
        DataError: A mask cannot be read.
    """
    path = user_cache("label_audit") / f"{_key(source)}.npz"
    if not recount:
        # Missing or damaged, which numpy and zipfile report in many ways: count again.
        with suppress(Exception), np.load(path, allow_pickle=False) as cached:
            return ValueCounts(int(cached["total"]), **{name: cached[name] for name in _ARRAYS})
    counts = count_values(source, progress)
    with suppress(OSError):  # a home that cannot be written to only costs time
        write_atomically(path, lambda temporary: np.savez_compressed(temporary, **asdict(counts)))
    return counts


def _key(source: Source) -> str:
    """Hash everything that the counts depend on."""
    digest = hashlib.sha256(f"{_VERSION} {source.names} ".encode() + source.table.tobytes())
    for index in range(len(source)):
        path = source.paths(index).mask
        state = "missing"
        with suppress(OSError):
            found = path.stat()
            state = f"{found.st_size} {found.st_mtime_ns}"
        digest.update(f"{path.absolute()} {state}\n".encode())
    return digest.hexdigest()[:32]
