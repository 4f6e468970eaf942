"""A video with its classes in colour: every frame by itself, in colours that depend on the names alone."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from clipteacher.data.photo import MAX_PIXELS
from clipteacher.inference.placement import MOST_PIXELS, working_pixels
from clipteacher.inference.settings import TestSettings
from clipteacher.pictures import class_colours, paint, save_picture
from clipteacher.pictures.legend import LegendEntry, draw_legend
from clipteacher.pictures.saving import MADE_BY
from clipteacher.segmenter.segmentation import NONE, Segmentation
from clipteacher.utils.ahead import iterate_ahead, map_ahead
from clipteacher.utils.atomic_files import write_atomically
from clipteacher.utils.packages import needed
from clipteacher.utils.side_by_side import SideBySide
from clipteacher.video.reading import OPENING, Frame, VideoReader
from clipteacher.video.writing import CODECS, VideoWriter

_TYPE = 16  # pixels, of the legend


class PhotoSegmenter(Protocol):
    """What segments a photo, several at once in threads: a `Segmenter` or an `OnnxSegmenter`."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names that it answers to."""

    @property
    def settings(self) -> TestSettings:
        """How photos are tested."""

    def segment(
        self,
        photo: NDArray[np.uint8],
        class_names: None = None,
        *,
        threshold: float | None = None,
        background_prompts: Sequence[str] = (),
    ) -> Segmentation:
        """Segment one photo (H, W, 3), uint8, RGB."""


@dataclass(frozen=True)
class SegmentedVideo:
    """What was written.

    Attributes:
        frames: Number of frames.
        width: Of a frame, in pixels, as it was read.
        height: Likewise.
        seconds: Time that it took, from the first frame on.
        damaged: Frames and parts of the source that could not be read.
        left_out: Codecs of the source's sound that the format cannot hold.
    """

    frames: int
    width: int
    height: int
    seconds: float
    damaged: int
    left_out: tuple[str, ...] = ()

    @property
    def frames_per_second(self) -> float:
        """Speed of all of it: decoding, the network, drawing and encoding."""
        return self.frames / self.seconds if self.seconds else 0.0


def segment_video(
    segmenter: PhotoSegmenter,
    video: str | Path,
    out: str | Path,
    *,
    threshold: float | None = None,
    background_prompts: Sequence[str] = (),
    opacity: float = 0.55,
    max_pixels: int = MAX_PIXELS,
    progress: Callable[[int, int | None], object] | None = None,
) -> SegmentedVideo:
    """Segment every frame of a video and write it with the classes in colour, whole or not at all.

    The result has the size, the frames and their times of the source, upright, in H.264 (VP9 for .webm), and its sound
    where the format can hold it. A few frames are in memory at a time: the next ones are decoded and those before
    encoded while the network has its turn, with some side by side. Warnings say what is not as in the source.

    Args:
        segmenter: Its `class_names` are drawn.
        video: A file that PyAV can read.
        out: The file, ending in .mp4, .mov, .mkv or .webm.
        threshold: As `Segmenter.segment`.
        background_prompts: As `Segmenter.segment`.
        opacity: Weight of the colours, 0 (the frame alone) to 1 (colours alone).
        max_pixels: Refuse a video whose frames have more pixels.
        progress: Called after each frame with the number of frames done, and of all where that is known.

    Returns:
        Number of frames, size and speed.

    Raises:
        DataError: The video cannot be read.
        ImportError: PyAV is not installed.
        OSError: The result cannot be written.
        ValueError: The ending of `out` is none of those, it is the video itself, or an option is out of its range.
    """
    out = check_video_file(out, video)
    av, colours = needed("av", "av", "video"), class_colours(segmenter.class_names)

    places = SideBySide(room=MOST_PIXELS)

    def painted(part: Any) -> Any:  # noqa: ANN401 (a frame, or a packet of sound, which is PyAV's and stays as it is)
        if not isinstance(part, Frame):
            return part
        height, width = part.pixels.shape[:2]
        with places.place(working_pixels(height, width, segmenter.settings.pipeline)):
            labels = segmenter.segment(part.pixels, threshold=threshold, background_prompts=background_prompts).labels
            return Frame(paint(part.pixels, labels, colours, opacity=opacity, ignore=NONE), part.time)

    written: list[SegmentedVideo] = []
    try:
        with VideoReader(video, max_pixels=max_pixels) as reader:
            write_atomically(out, lambda path: written.append(_write(reader, path, painted, places.count, progress)))
    except av.error.FFmpegError as error:  # what reads turns its own into DataError
        raise OSError(f"{out}: cannot be written ({getattr(error, 'strerror', None) or error}).") from error
    _warn(Path(video), out, written[0])
    return written[0]


def _write(
    reader: VideoReader,
    path: Path,
    painted: Callable[[Any], Any],
    count: int,
    progress: Callable[[int, int | None], object] | None,
) -> SegmentedVideo:
    """Read frame after frame, paint some at a time and write them, and the sound between them, each in threads."""
    info, begin, frames = reader.info, time.perf_counter(), 0

    def write(part: Any) -> bool:  # noqa: ANN401 (as `painted`)
        frame = isinstance(part, Frame)
        (writer.write if frame else writer.copy)(part)
        return frame

    with (
        VideoWriter(path, info, reader.sound) as writer,
        closing(iterate_ahead(reader.parts())) as parts,
        closing(map_ahead(painted, parts, count)) as pictures,
        closing(map_ahead(write, pictures, count=1)) as written,
    ):
        for _ in filter(None, written):
            frames += 1
            if progress is not None:
                progress(frames, info.frames)
    seconds = time.perf_counter() - begin
    return SegmentedVideo(frames, info.width, info.height, seconds, reader.damaged, writer.left_out)


def check_video_file(out: str | Path, video: str | Path) -> Path:
    """Check the name of a video that is to be written.

    Args:
        out: The file.
        video: Where the frames come from.

    Returns:
        The path of the file.

    Raises:
        ValueError: It is a folder, has an ending that cannot be written, or is the video that is read.
    """
    out = Path(out)
    if out.is_dir() or out.suffix.lower() not in CODECS:
        raise ValueError(
            f"out: got {str(out)!r}, expected a file that ends in {', '.join(CODECS)}. Call it "
            f"{Path(video).stem}_segmented.mp4."
        )
    if out.resolve() == Path(video).resolve():
        raise ValueError(f"out: {out} is the video itself and would be written over. Name another file.")
    return out


def is_segmented(path: str | Path) -> bool:
    """Return whether a video is a result of `segment_video`, as it says of itself.

    Raises:
        ImportError: PyAV is not installed.
    """
    av = needed("av", "av", "video")
    try:
        with av.open(str(path), **OPENING) as container:
            said = {name.lower(): value for name, value in container.metadata.items()}
    except (av.error.FFmpegError, OSError, ValueError):
        return False
    return said.get("comment") == MADE_BY


def save_legend(class_names: Sequence[str], path: str | Path) -> None:
    """Write a picture of the names' colours, the same as in every video and picture, whole or not at all.

    Raises:
        OSError: It cannot be written.
        ValueError: Pillow writes no format of that suffix.
    """
    entries = [
        LegendEntry(name, colour.tolist(), fallback=f"class {number}")
        for number, (name, colour) in enumerate(zip(class_names, class_colours(class_names), strict=True))
    ]
    save_picture(draw_legend(entries, 40 * _TYPE, _TYPE), path, software=MADE_BY)


def _warn(video: Path, out: Path, written: SegmentedVideo) -> None:
    """Say what is not as in the source."""
    notes = []
    if written.damaged:
        notes.append(
            f"{video}: {written.damaged} frames or parts are damaged or missing; what could be read is in {out}: "
            f"{written.frames} frames."
        )
    if written.left_out:
        notes.append(f"{out}: {out.suffix} cannot hold sound of {', '.join(written.left_out)}, it is left out.")
    if written.width % 2 or written.height % 2:
        notes.append(
            f"{out}: the frames of {written.width}x{written.height} have one more row or column where a side is odd, "
            "for players want even ones."
        )
    for note in notes:
        warnings.warn(note, stacklevel=3)
