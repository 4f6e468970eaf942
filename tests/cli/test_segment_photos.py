"""Photos read ahead, segmented together and written behind."""

import time
from pathlib import Path
from threading import Barrier, Lock, get_ident
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from clipteacher.cli.result_files import ResultFiles, result_files
from clipteacher.cli.segment_photos import Done, segment_all
from clipteacher.data.photo_search import find_photos
from clipteacher.protocols.protocol import TestPipeline
from clipteacher.segmenter.segmentation import Segmentation
from clipteacher.utils.side_by_side import SideBySide

NAMES = ("low", "high")
OWN_SIZE = TestPipeline(None, "whole")


def done_with(folder: Path, segmented: Any, save: Any, batch_size: int | None = None) -> Done:  # noqa: ANN401 (functions)
    """Segment the photos of a folder; what came of each."""
    found, done = find_photos([folder], folder / "out", lambda _: False), Done({}, {}, {})
    files = result_files(found.photos, folder / "out")
    segment_all(found, files, segmented, save, done, max_pixels=10**6, pipeline=OWN_SIZE, batch_size=batch_size)
    return done.in_order_of(found)


def by_brightness(photos: list[NDArray[Any]]) -> list[Segmentation]:
    return [Segmentation((photo[..., 0] > 127).astype(np.int64), NAMES, None, photo) for photo in photos]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Seven grey photos of growing brightness, the fourth of them damaged."""
    for number in range(7):
        Image.new("RGB", (4, 3), (40 * number,) * 3).save(tmp_path / f"{number}.png")
    (tmp_path / "3.png").write_bytes(b"no photo")
    return tmp_path


@pytest.mark.parametrize("batch_size", [None, 1, 3, 8])
def test_every_photo_gets_its_own_result(photos: Path, batch_size: int | None) -> None:
    given: list[int] = []
    saved: dict[str, tuple[int, int]] = {}
    threads = set()

    def segmented(some: list[NDArray[Any]]) -> list[Segmentation]:
        given.append(len(some))
        return by_brightness(some)

    def save(photo: NDArray[np.uint8], result: Segmentation, to: ResultFiles) -> None:
        saved[to.ids.name] = int(photo[0, 0, 0]), int(result.labels[0, 0])
        threads.add(get_ident())

    done = done_with(photos, segmented, save, batch_size)
    assert given == {None: [1] * 6, 1: [1, 1, 1, 0, 1, 1, 1], 3: [3, 2, 1], 8: [6]}[batch_size]
    numbers = [0, 1, 2, 4, 5, 6]
    assert saved == {f"{number}_ids.png": (40 * number, int(40 * number > 127)) for number in numbers}
    assert [(path.name, areas["high"]) for path, (areas, _) in done.areas.items()] == [
        (f"{number}.png", float(40 * number > 127)) for number in numbers
    ]
    assert [path.name for path in done.failed] == ["3.png"]
    assert "3.png" in str(done.failed[photos / "3.png"])
    assert get_ident() not in threads


def test_where_memory_does_not_do_for_all_they_come_one_by_one(photos: Path) -> None:
    given: list[int] = []

    def segmented(some: list[NDArray[Any]]) -> list[Segmentation]:
        given.append(len(some))
        if len(some) > 1 or some[0].max() == 80:
            raise RuntimeError("CUDA out of memory")
        return by_brightness(some)

    done = done_with(photos, segmented, lambda *_: None, 4)
    assert given == [3, 1, 1, 1, 3, 1, 1, 1]
    assert sorted(path.name for path in done.areas) == ["0.png", "1.png", "4.png", "5.png", "6.png"]
    assert [path.name for path in done.failed] == ["2.png", "3.png"]


def test_side_by_side_what_finds_no_memory_is_tried_again_alone(photos: Path) -> None:
    meeting, alone = Barrier(2, timeout=5), Lock()
    running: list[int] = []
    tried: dict[int, list[int]] = {}

    def segmented(some: list[NDArray[Any]]) -> list[Segmentation]:
        brightness = int(some[0].max())
        if len(tried) < 2 and brightness not in tried:
            tried[brightness] = []
            meeting.wait()  # the first two are side by side
        with alone:
            running.append(brightness)
            tried.setdefault(brightness, []).append(len(running))
        time.sleep(0.02)
        try:
            if (brightness == 0 and len(tried[0]) == 1) or brightness == 200:
                raise MemoryError
            return by_brightness(some)
        finally:
            with alone:
                running.remove(brightness)

    done = done_with(photos, segmented, lambda *_: None)
    assert [path.name for path in done.failed] == ["3.png", "5.png"]
    assert {brightness: len(counts) for brightness, counts in tried.items() if len(counts) > 1} == {0: 2, 200: 2}
    assert tried[0][1] == tried[200][1] == 1, "the second time nothing else runs"
    assert all(count <= SideBySide(1).count for counts in tried.values() for count in counts)


@pytest.mark.parametrize("batch_size", [None, 1])
def test_a_full_disk_stops_it(batch_size: int | None, photos: Path) -> None:
    def save(photo: NDArray[np.uint8], *_: object) -> None:
        if photo.max() == 80:
            raise OSError(28, "No space left on device")

    found, done = find_photos([photos], photos / "out", lambda _: False), Done({}, {}, {})
    with pytest.raises(OSError, match="No space left"):
        segment_all(
            found,
            result_files(found.photos, photos / "out"),
            by_brightness,
            save,
            done,
            max_pixels=10**6,
            pipeline=OWN_SIZE,
            batch_size=batch_size,
        )
    names = {path.name for path in done.areas}
    assert {"0.png", "1.png"} <= names <= {"0.png", "1.png", "4.png"}
    assert batch_size is None or names == {"0.png", "1.png"}
