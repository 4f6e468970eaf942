"""Photos read, segmented and written, and what is said where something stops it or could not be read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from clipteacher.cli.errors import DISK_ADVICE, INTERRUPTED
from clipteacher.cli.result_files import ResultFiles
from clipteacher.data.files import DataError
from clipteacher.data.photo import eight_bits, read_photo
from clipteacher.data.photo_search import FoundPhoto, FoundPhotos, described
from clipteacher.inference.placement import MOST_PIXELS, bounded_note, working_pixels
from clipteacher.protocols.protocol import TestPipeline
from clipteacher.segmenter.segmentation import Segmentation
from clipteacher.utils.ahead import map_ahead
from clipteacher.utils.printable import printable
from clipteacher.utils.side_by_side import SideBySide

_T = TypeVar("_T")

SegmentPhotos: TypeAlias = Callable[[list[NDArray[Any]]], list[Segmentation]]
"""Segments photos (H, W, 3), as `read_photo` gives them."""

Save: TypeAlias = Callable[[NDArray[np.uint8], Segmentation, ResultFiles], None]
"""Writes the files of a photo (H, W, 3), uint8."""

_Job: TypeAlias = tuple[FoundPhoto, ResultFiles]
_Result: TypeAlias = tuple[_Job, NDArray[Any], Segmentation]


class Done(NamedTuple):
    """What came of the photos so far.

    Attributes:
        areas: For each photo whose files are written, shares by name and the share of none, 0..1.
        failed: A fault for each photo that could not be read.
        bounded: For each photo that is too large for the network, in which size it was seen.
    """

    areas: dict[Path, tuple[dict[str, float], float]]
    failed: dict[Path, DataError]
    bounded: dict[Path, str]

    def in_order_of(self, found: FoundPhotos) -> Done:
        """Return the same in the order of the photos, which do not end in it."""

        def ordered(some: Mapping[Path, _T]) -> dict[Path, _T]:
            return {photo.path: some[photo.path] for photo in found.photos if photo.path in some}

        return Done(ordered(self.areas), ordered(self.failed), ordered(self.bounded))


def segment_all(
    found: FoundPhotos,
    files: Sequence[ResultFiles],
    segmented: SegmentPhotos,
    save: Save,
    done: Done,
    *,
    max_pixels: int,
    pipeline: TestPipeline,
    batch_size: int | None = None,
) -> None:
    """Segment all photos, with a bar; one that cannot be read does not stop the others.

    Args:
        found: The photos.
        files: The files of each, in the same order.
        segmented: Segments some.
        save: Writes the files of one; called in other threads.
        done: What came of each is noted here, so that it is known when something stops this.
        max_pixels: Photos of more pixels are not read.
        pipeline: In which size the network sees photos.
        batch_size: Photos that are given to the network together, while the next ones are read and the ones before are
            written. None gives it one at a time, several side by side in threads of their own.

    Raises:
        KeyboardInterrupt: The user stopped it.
        OSError: A file cannot be written.
    """

    def write(result: _Result) -> None:
        ((path, _), to), photo, answer = result
        save(eight_bits(photo), answer, to)
        done.areas[path] = answer.areas, answer.none_area
        if note := bounded_note(photo.shape[0], photo.shape[1], pipeline):
            done.bounded[path] = note
        progress.advance(task)

    def note(path: Path, fault: DataError) -> None:
        done.failed[path] = fault
        progress.advance(task)

    read, jobs = partial(_read, max_pixels), list(zip(found.photos, files, strict=True))
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("Segmenting", total=len(jobs))
        if batch_size is None:
            _side_by_side(jobs, read, segmented, write, note, pipeline)
        else:
            _in_batches(jobs, read, segmented, write, note, batch_size)


def _side_by_side(
    jobs: Sequence[_Job],
    read: Callable[[_Job], NDArray[Any] | DataError],
    segmented: SegmentPhotos,
    write: Callable[[_Result], None],
    note: Callable[[Path, DataError], None],
    pipeline: TestPipeline,
) -> None:
    """Read, segment and write each photo in a thread, as many at once as their sizes allow; what fails, again alone."""
    places = SideBySide(room=MOST_PIXELS)

    def attempt(job: _Job, photo: NDArray[Any], size: int) -> DataError | None:
        with places.place(size):
            (answer,) = _segmented(segmented, [(job[0].path, photo)])
            if isinstance(answer, DataError):
                return answer
            write((job, photo, answer))
            return None

    def one(job: _Job) -> None:
        photo = read(job)
        if isinstance(photo, DataError):
            return note(job[0].path, photo)
        size = working_pixels(photo.shape[0], photo.shape[1], pipeline)
        if fault := attempt(job, photo, size) and attempt(job, photo, MOST_PIXELS):
            note(job[0].path, fault)

    with closing(map_ahead(one, jobs, places.count)) as written:
        for _ in written:
            pass


def _in_batches(
    jobs: Sequence[_Job],
    read: Callable[[_Job], NDArray[Any] | DataError],
    segmented: SegmentPhotos,
    write: Callable[[_Result], None],
    note: Callable[[Path, DataError], None],
    batch_size: int,
) -> None:
    """Segment photos together, while the next ones are read and the ones before are written."""

    def results() -> Generator[_Result, None, None]:
        with closing(map_ahead(lambda job: (job, read(job)), jobs, batch_size)) as photos:
            while some := list(islice(photos, batch_size)):
                whole = [(job[0].path, photo) for job, photo in some if not isinstance(photo, DataError)]
                answers = iter(_segmented(segmented, whole))
                for job, photo in some:
                    answer = photo if isinstance(photo, DataError) else next(answers)
                    if not isinstance(photo, DataError) and not isinstance(answer, DataError):
                        yield job, photo, answer
                    elif isinstance(answer, DataError):
                        note(job[0].path, answer)

    with closing(results()) as found, closing(map_ahead(write, found, batch_size)) as written:
        for _ in written:
            pass


def _read(max_pixels: int, job: _Job) -> NDArray[Any] | DataError:
    """Read a photo, or say what is wrong with it."""
    try:
        return read_photo(job[0].path, max_pixels=max_pixels)
    except (DataError, MemoryError, RuntimeError) as error:
        return _fault(job[0].path, error)


def _segmented(segmented: SegmentPhotos, photos: Sequence[tuple[Path, NDArray[Any]]]) -> list[Segmentation | DataError]:
    """Segment photos together, or one after the other where there is no memory for all."""
    try:
        return [*segmented([photo for _, photo in photos])]
    except (DataError, MemoryError, RuntimeError) as error:
        faults: list[Segmentation | DataError] = [_fault(path, error) for path, _ in photos]
    return faults if len(photos) == 1 else [each for one in photos for each in _segmented(segmented, [one])]


def _fault(path: Path, error: Exception) -> DataError:
    """Return the fault of a photo that cannot be read, or for which there is no memory; others are raised again."""
    if isinstance(error, DataError):
        return error
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
