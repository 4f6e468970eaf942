"""Short clips that the tests write with PyAV."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from clipteacher.inference.settings import TestSettings
from clipteacher.segmenter.segmenter import Segmenter

av: Any = pytest.importorskip("av", reason="needs the extra video (PyAV)")

NAMES = ("red", "green", "blue")
MILLISECONDS = Fraction(1, 1000)


def colours() -> Segmenter:
    """A segmenter that tells red, green and blue apart."""
    return Segmenter(torch.nn.Identity(), NAMES, torch.eye(3), settings=TestSettings(pad_multiple=1))


def halves(count: int = 6, height: int = 48, width: int = 64) -> list[NDArray[np.uint8]]:
    """Frames (height, width, 3), the upper left quarter red, the rest green, with a blue bar at the right."""
    frames = []
    for number in range(count):
        frame = np.full((height, width, 3), (20, 200, 20), np.uint8)
        frame[: height // 2, : width // 2] = (200, 20, 20)
        frame[number * height // (2 * count) :, 3 * width // 4 :] = (20, 20, 200)
        frames.append(frame)
    return frames


def write(
    path: Path,
    frames: Sequence[NDArray[np.uint8]],
    times: Sequence[int] | None = None,
    *,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    sound: str | None = None,
    **options: str,
) -> Path:
    """Write frames (H, W, 3) at 25 a second, or at times in milliseconds."""
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=25, options={"g": "3"})
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], pixels
        if times is not None:
            stream.codec_context.time_base = MILLISECONDS
        heard = container.add_stream(sound, rate=48000) if sound is not None else None
        for number, frame in enumerate(frames):
            made = av.VideoFrame.from_ndarray(frame, format="rgb24")
            if times is not None:
                made.pts, made.time_base = times[number], MILLISECONDS
            container.mux(stream.encode(made))
        container.mux(stream.encode(None))
        if heard is not None:
            for packet in tone(heard, len(frames) / 25):
                container.mux(packet)
    return path


def tone(stream: Any, seconds: float) -> Iterator[Any]:  # noqa: ANN401 (PyAV's)
    """Packets of a tone of 440 Hz."""
    wave = np.sin(np.arange(round(48000 * seconds)) / 48000 * 2 * np.pi * 440).astype(np.float32)[None]
    for start in range(0, wave.shape[1] - 959, 960):
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(wave[:, start : start + 960]), "fltp", "mono")
        frame.sample_rate, frame.pts = 48000, start
        yield from stream.encode(frame)
    yield from stream.encode(None)


def lying(path: Path) -> Path:
    """Mark an mp4 to be shown turned by 90 degrees with the clock, as phones do, in its track header."""
    content = path.read_bytes()
    place = content.index(b"tkhd") + 4 + 40  # ISO 14496-12, 8.3.2, version 0
    matrix = (0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)
    turned = b"".join(value.to_bytes(4, "big", signed=True) for value in matrix)
    path.write_bytes(content[:place] + turned + content[place + len(turned) :])
    return path


def read(path: Path) -> tuple[list[NDArray[np.uint8]], list[Fraction]]:
    """Frames as they are stored, and their times in seconds."""
    with av.open(str(path)) as container:
        decoded = [
            (frame.to_ndarray(format="rgb24"), frame.pts * frame.time_base) for frame in container.decode(video=0)
        ]
    return [pixels for pixels, _ in decoded], [time for _, time in decoded]


def sound_of(path: Path) -> list[bytes]:
    """The packets of sound as they are stored."""
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size] if container.streams.audio else []
