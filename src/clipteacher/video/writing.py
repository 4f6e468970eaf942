"""Writing a video: frames with their times, and sound copied from another."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from clipteacher.pictures.saving import MADE_BY
from clipteacher.utils.packages import needed
from clipteacher.video.reading import Frame, VideoInfo

_H264: Final = ("libx264", MappingProxyType({"crf": "20"}))
_VP9: Final = ("libvpx-vp9", MappingProxyType({"crf": "31", "b": "0", "cpu-used": "5", "row-mt": "1"}))
CODECS: Final = MappingProxyType({".mp4": _H264, ".mov": _H264, ".mkv": _H264, ".webm": _VP9})
"""Encoder and its options by the suffix of a file that can be written. Their quality is one that hardly shows."""

_BT709: Final = 1  # its number in the standard, for colours, transfer and matrix
_LIMITED: Final = 1  # luma in 16..235, as players expect


class VideoWriter:
    """Writes a video. Used as a context, which ends the file.

    Args:
        path: The file; its suffix, one of `CODECS`, is the format.
        info: Size, rate and times of the frames. An odd side gets one more row or column, a copy of the last one, for
            4:2:0 colours need even sides.
        sound: PyAV's audio streams whose packets are to be copied.

    Attributes:
        left_out: Codecs of the sound that this format cannot hold.

    Raises:
        ImportError: PyAV is not installed.
    """

    def __init__(self, path: Path, info: VideoInfo, sound: Sequence[Any] = ()) -> None:
        self._av = needed("av", "av", "video")
        self._container = self._av.open(str(path), "w")
        self._container.metadata["comment"] = MADE_BY
        codec, options = CODECS[path.suffix.lower()]
        self._stream = self._container.add_stream(codec, rate=info.rate, options=dict(options))
        self._stream.width, self._stream.height = info.width + info.width % 2, info.height + info.height % 2
        self._stream.pix_fmt = "yuv420p"
        context = self._stream.codec_context
        context.time_base, context.sample_aspect_ratio = info.time_base, info.pixel_aspect
        context.color_range, context.colorspace = _LIMITED, _BT709
        context.color_primaries, context.color_trc = _BT709, _BT709
        self._time_base = info.time_base
        held = [stream for stream in sound if self._can_hold(stream)]
        self.left_out = tuple(stream.codec.canonical_name for stream in sound if stream not in held)
        self._copies = {stream.index: self._container.add_stream_from_template(stream) for stream in held}

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        """Write what the encoder holds back, unless there was an error, and close the file."""
        try:
            if error is None:
                self._container.mux(self._stream.encode(None))
        finally:
            self._container.close()

    def _can_hold(self, sound: Any) -> bool:  # noqa: ANN401 (PyAV's)
        """Whether the format takes a stream of sound as it is: lists of codecs say too much, so a packet is tried."""
        try:
            with (
                self._av.open(sound.container.name) as source,
                self._av.open(io.BytesIO(), "w", format=self._container.format.name) as trial,
            ):
                copied = trial.add_stream_from_template(source.streams[sound.index])
                for packet in source.demux(source.streams[sound.index]):
                    if packet.dts is not None:
                        packet.stream = copied
                        trial.mux(packet)
                        break
        except (self._av.error.FFmpegError, ValueError):
            return False
        return True

    def write(self, frame: Frame) -> None:
        """Write the next frame, pixels (H, W, 3), uint8, RGB, at its time."""
        made = self._av.VideoFrame.from_ndarray(_even(frame.pixels), format="rgb24")
        made = made.reformat(format="yuv420p", dst_colorspace="ITU709")
        made.pts, made.time_base = frame.time, self._time_base
        self._container.mux(self._stream.encode(made))

    def copy(self, packet: Any) -> None:  # noqa: ANN401 (PyAV's)
        """Copy a packet of sound, where the format can hold it."""
        if (stream := self._copies.get(packet.stream.index)) is not None:
            packet.stream = stream
            self._container.mux(packet)


def _even(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Repeat the last row and column of a frame (H, W, 3) where sides are odd."""
    height, width = pixels.shape[:2]
    return np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
