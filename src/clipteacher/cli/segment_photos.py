"""Photo after photo: segmented and written, and what is said where something stops it or could not be read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TypeAlias

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from clipteacher.cli.errors import DISK_ADVICE, INTERRUPTED
from clipteacher.cli.result_files import ResultFiles
from clipteacher.data.files import DataError
from clipteacher.data.photo import eight_bits, read_photo
from clipteacher.data.photo_search import FoundPhotos, described
from clipteacher.inference.placement import bounded_note
from clipteacher.protocols.protocol import TestPipeline
from clipteacher.segmenter.segmentation import Segmentation
from clipteacher.utils.printable import printable

SegmentPhoto: TypeAlias = Callable[[NDArray[Any]], Segmentation]
"""Segments a photo (H, W, 3), as `read_photo` gives it."""

Save: TypeAlias = Callable[[NDArray[np.uint8], Segmentation, ResultFiles], None]
"""Writes the files of a photo (H, W, 3), uint8."""


class Done(NamedTuple):
    """What came of the photos so far.

    Attributes:
        areas: For each photo whose files are written, shares by name and the share of none, 0..1.
        failed: A fault for each photo that could not be read.
        bounded: For each photo that is too large for the network, in which size it was seen.
    """

    areas: dict[Path, tuple[dict[str, float], float]]
    failed: list[DataError]
    bounded: dict[Path, str]


def segment_all(
    found: FoundPhotos,
    files: Sequence[ResultFiles],
    segmented: SegmentPhoto,
    save: Save,
    done: Done,
    *,
    max_pixels: int,
    pipeline: TestPipeline,
) -> None:
    """Segment photo after photo, with a bar; one that cannot be read does not stop the others.

    Args:
        found: The photos.
        files: The files of each, in the same order.
        segmented: Segments one.
        save: Writes its files.
        done: What came of each is noted here, so that it is known when something stops this.
        max_pixels: Photos of more pixels are not read.
        pipeline: In which size the network sees photos.

    Raises:
        KeyboardInterrupt: The user stopped it.
        OSError: A file cannot be written.
    """
    with Progress(console=Console(stderr=True)) as progress:
        jobs = list(zip(found.photos, files, strict=True))
        for (path, _), to in progress.track(jobs, description="Segmenting"):
            try:
                photo = read_photo(path, max_pixels=max_pixels)
                result = segmented(photo)
            except DataError as error:
                done.failed.append(error)
                continue
            except (MemoryError, RuntimeError) as error:
                done.failed.append(_too_large(path, error))
                continue
            save(eight_bits(photo), result, to)
            done.areas[path] = result.areas, result.none_area
            if note := bounded_note(photo.shape[0], photo.shape[1], pipeline):
                done.bounded[path] = note


def _too_large(path: Path, error: Exception) -> DataError:
    """Return the fault of a photo for which there is no memory; other errors are raised again."""
    if not (isinstance(error, MemoryError) or "memory" in str(error)):
        raise error
    return DataError(f"{path}: too large for the memory that is free. Make it smaller; for a GPU, --device cpu may do.")


def say_stopped(error: KeyboardInterrupt | OSError, done: Done, out: Path, table: Path | None) -> NoReturn:
    """Say in one line what stopped the command and what is written, and end it.

    Args:
        error: What stopped it.
        done: What is written.
        out: The folder of results.
        table: The table of areas that is not written; None where there would be none.

    Raises:
        SystemExit: With status 1, or 130 after Ctrl-C.
    """
    written = f"Written: {2 * len(done.areas)} pictures in {out}, each whole"
    without = "" if table is None else f"; {table} is not"
    if isinstance(error, OSError):
        advice = f"{DISK_ADVICE[error.errno]}. " if error.errno in DISK_ADVICE else ""
        print(printable(f"clipteacher: error: {error}. {advice}{written}{without}."), file=sys.stderr)
        raise SystemExit(1) from error
    print(printable(f"clipteacher: stopped. {written}{without}."), file=sys.stderr)
    raise SystemExit(INTERRUPTED) from None


def say_bounded(bounded: Mapping[Path, str]) -> None:
    """Say which photos the network saw in a smaller size, with one example.

    Args:
        bounded: For each of them, in which size it was seen.
    """
    if bounded:
        path, note = next(iter(bounded.items()))
        count = f"{len(bounded)} photos, such as" if len(bounded) > 1 else "1 photo,"
        print(printable(f"Large: {count} {path} ({note}); the ids have the photo's own size"))


def say_left_out(found: FoundPhotos, failed: Sequence[DataError]) -> None:
    """Say what was left out by rule, with an example for each reason, and all that could not be read.

    Args:
        found: The photos, and what was left out.
        failed: A fault for each photo that could not be read.

    Raises:
        SystemExit: With status 1, where something could not be read.
    """
    if found.left_out:
        print(f"Left out: {described(found.left_out)}")
    if not failed and not found.unreadable:
        return
    parts = [f"{len(failed)} of {len(found.photos)} photos"] if failed else []
    folders = len(found.unreadable)
    parts += [f"{folders} folder{'s' if folders > 1 else ''}"] if folders else []
    print(f"clipteacher: error: {' and '.join(parts)} could not be read:", file=sys.stderr)
    for fault in (*failed, *found.unreadable):
        print(printable(f"  {fault}"), file=sys.stderr)
    raise SystemExit(1)
