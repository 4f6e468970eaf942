"""Reading a video: its frames upright and in RGB with their times, and its sound as it is stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from clipteacher.data.files import DataError, over_white
from clipteacher.data.photo import MAX_PIXELS
from clipteacher.utils.packages import needed

VIDEO_SUFFIXES: Final = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".wmv")
"""Suffixes of videos, in upper or lower case. Others that PyAV opens can be read, too, such as an animated GIF."""

OPENING: Final[dict[str, Any]] = {"metadata_errors": "replace", "options": {"protocol_whitelist": "file"}}
"""Options of PyAV's `open` for a file of others: a playlist that calls itself a video must not fetch anything."""

_CUT = 1.0  # seconds that the end of a file may lie before the end that its header says


class Frame(NamedTuple):
    """One frame.

    Attributes:
        pixels: (H, W, 3), uint8, RGB, 0..255, upright.
        time: In units of the video's `time_base`; each is later than the one before.
    """

    pixels: NDArray[np.uint8]
    time: int


@dataclass(frozen=True)
class VideoInfo:
    """What is known of a video before it is read.

    Attributes:
        width: Of an upright frame, in pixels.
        height: Likewise.
        rate: Frames per second, their average where it varies.
        time_base: Unit of the frames' times in seconds.
        pixel_aspect: Width of a pixel by its height, upright.
        frames: Number of frames, None where the file does not say.
    """

    width: int
    height: int
    rate: Fraction
    time_base: Fraction
    pixel_aspect: Fraction
    frames: int | None


class VideoReader:
    """Reads a video from its start to its end, once. Used as a context.

    A frame that cannot be decoded is passed over and counted. A video that a phone stores lying is turned upright.

    Args:
        path: The file.
        max_pixels: Refuse a video whose frames have more pixels.

    Attributes:
        info: Size, rate and times.
        sound: PyAV's audio streams.
        damaged: Frames and parts that could not be read, up to here.

    Raises:
        DataError: There is no such file, it is no video or has no video stream, or no frame can be read.
        ImportError: PyAV is not installed.
    """

    def __init__(self, path: str | Path, *, max_pixels: int = MAX_PIXELS) -> None:
        self._path, self._av = Path(path), needed("av", "av", "video")
        self.damaged = 0
        self.info = self._look(max_pixels)
        self.damaged = 0  # the first frame is read again
        self._container = self._open()
        self.sound: tuple[Any, ...] = tuple(self._container.streams.audio)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._container.close()

    def parts(self) -> Iterator[Frame | Any]:
        """Yield, in the order of the file, each `Frame`, and each packet of sound as PyAV has it."""
        stream, info = self._stream(self._container), self.info
        reached, last, number = Fraction(0), -1, 0
        packets = self._packets(self._container.demux(stream, *self.sound))
        for packet in packets:
            if packet.pts is not None:
                reached = max(reached, (packet.pts + (packet.duration or 0)) * packet.time_base)
            if packet.stream.type == "audio":
                if packet.dts is not None:
                    yield packet
                continue
            for frame in self._decoded(packet):
                # Some formats keep no times; a damaged file may have them twice.
                time = round(number / info.rate / info.time_base) if frame.pts is None else frame.pts
                last, number = (time if number == 0 else max(time, last + 1)), number + 1
                yield Frame(_pixels(frame, info), last)
        end = Fraction(self._container.duration or 0, self._av.time_base)
        start = Fraction(self._container.start_time or 0, self._av.time_base)
        if end - (reached - start) > _CUT:
            self.damaged += 1

    def _look(self, max_pixels: int) -> VideoInfo:
        """Decode the first frame for what the header may not say."""
        with self._open() as container:
            stream = self._stream(container)
            width, height = stream.codec_context.width, stream.codec_context.height
            if width * height > max_pixels:
                raise DataError(
                    f"{self._path}: got frames of {width}x{height}, {width * height} pixels, expected at most "
                    f"{max_pixels}. Make the video smaller, or raise max_pixels if you trust it."
                )
            decoded = (frame for packet in self._packets(container.demux(stream)) for frame in self._decoded(packet))
            first = next(decoded, None)
            if first is None:
                raise DataError(f"{self._path}: no frame can be read, expected an intact video. Copy it again.")
            aspect = stream.sample_aspect_ratio or Fraction(1)
            rate = stream.average_rate or stream.guessed_rate or Fraction(25)
            seconds = Fraction(container.duration or 0, self._av.time_base)
            frames = stream.frames or round(seconds * rate)
            turned = _quarter_turns(first) % 2 == 1
            width, height = (first.height, first.width) if turned else (first.width, first.height)
            return VideoInfo(width, height, rate, stream.time_base, 1 / aspect if turned else aspect, frames or None)

    def _open(self) -> Any:  # noqa: ANN401 (PyAV's container)
        """Open the file."""
        if not self._path.is_file():
            what = "a folder" if self._path.is_dir() else "no such file"
            raise DataError(f"{self._path}: cannot be read: {what}, expected a video. Check the path.")
        try:
            return self._av.open(str(self._path), **OPENING)
        except (self._av.error.FFmpegError, OSError, ValueError) as error:
            raise DataError(
                f"{self._path}: cannot be read as a video ({_reason(error)}), expected an intact one. Copy it again, "
                "or convert it to .mp4."
            ) from error

    def _stream(self, container: Any) -> Any:  # noqa: ANN401 (PyAV's)
        """The first video stream that is no cover picture."""
        cover = self._av.stream.Disposition.attached_pic
        for stream in container.streams.video:
            if not stream.disposition & cover and stream.codec_context is not None:
                stream.thread_type = "AUTO"
                return stream
        raise DataError(
            f"{self._path}: got no video stream that can be decoded, expected one. Sound alone has nothing to segment."
        )

    def _packets(self, packets: Iterator[Any]) -> Iterator[Any]:
        """Pass packets on until the file ends or breaks off."""
        try:
            yield from packets
        except self._av.error.FFmpegError:
            self.damaged += 1

    def _decoded(self, packet: Any) -> list[Any]:  # noqa: ANN401 (PyAV's)
        """Frames of a packet, none where it is damaged."""
        try:
            frames = packet.decode()
        except self._av.error.FFmpegError:
            self.damaged += 1
            return []
        self.damaged += sum(frame.is_corrupt for frame in frames)
        return list(frames)


def _quarter_turns(frame: Any) -> int:  # noqa: ANN401 (PyAV's)
    """Quarter turns against the clock that bring a stored frame upright."""
    return int(round(frame.rotation / 90) % 4)


def _pixels(frame: Any, info: VideoInfo) -> NDArray[np.uint8]:  # noqa: ANN401 (PyAV's)
    """A frame upright, (H, W, 3), of the size that the first one has; what is transparent is white."""
    turns = _quarter_turns(frame)
    width, height = (info.height, info.width) if turns % 2 else (info.width, info.height)
    see_through = any(component.is_alpha for component in frame.format.components)
    pixels = frame.to_ndarray(format="rgba" if see_through else "rgb24", width=width, height=height)
    return np.ascontiguousarray(np.rot90(over_white(pixels) if see_through else pixels, turns))


def _reason(error: Exception) -> str:
    """What PyAV says went wrong, without the path."""
    return getattr(error, "strerror", None) or str(error)
