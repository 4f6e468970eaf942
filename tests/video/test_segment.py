"""A video comes out with its classes in colour: size, times and sound as they were, whole or not at all."""

import tracemalloc
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.video.clips import NAMES, av, colours, halves, lying, read, sound_of, tone, write

from clipteacher.data.files import DataError
from clipteacher.inference.settings import TestSettings
from clipteacher.pictures import class_colours
from clipteacher.segmenter.segmentation import Segmentation
from clipteacher.video.segment import save_legend, segment_video

RED, GREEN, BLUE = class_colours(NAMES).astype(int)


def near(pixels: NDArray[np.uint8], colour: NDArray[Any]) -> bool:
    """Whether the middle of a region has a colour, but for what coding does to it."""
    middle = pixels[pixels.shape[0] // 4 : -pixels.shape[0] // 4, pixels.shape[1] // 4 : -pixels.shape[1] // 4]
    return bool(np.abs(middle.reshape(-1, 3).mean(axis=0) - colour).max() < 8)


def test_a_clip_keeps_size_times_and_sound(tmp_path: Path) -> None:
    clip, out = write(tmp_path / "clip.mp4", halves(12), sound="aac"), tmp_path / "new" / "out.mp4"
    done: list[tuple[int, int | None]] = []
    found = segment_video(colours(), clip, out, opacity=1, progress=lambda *counts: done.append(counts))
    assert (found.frames, found.width, found.height, found.damaged) == (12, 64, 48, 0)
    assert found.frames_per_second > 0
    assert done == [(number, 12) for number in range(1, 13)]
    (frames, times), (_, expected) = read(out), read(clip)
    assert times == expected
    assert [frame.shape for frame in frames] == [(48, 64, 3)] * 12
    for frame in frames:  # a colour is a function of the name, whatever else a frame shows
        assert near(frame[:24, :32], RED)
        assert near(frame[:, 32:48], GREEN)
    assert near(frames[-1][24:, 48:], BLUE)
    assert sound_of(out) == sound_of(clip) != []
    with av.open(str(clip)) as before, av.open(str(out)) as after:
        assert after.streams.video[0].average_rate == before.streams.video[0].average_rate == 25
        assert after.duration == pytest.approx(before.duration, abs=1000)
    assert [path.name for path in out.parent.iterdir()] == ["out.mp4"]


def test_times_may_vary(tmp_path: Path) -> None:
    times = [0, 40, 80, 500, 520, 2000]
    clip = write(tmp_path / "clip.mkv", halves(), times)
    for ending in (".mkv", ".mp4"):
        segment_video(colours(), clip, tmp_path / f"out{ending}")
        assert [round(1000 * time) for time in read(tmp_path / f"out{ending}")[1]] == times


def test_a_phones_clip_is_turned_upright(tmp_path: Path) -> None:
    clip = lying(write(tmp_path / "clip.mp4", halves()))
    found = segment_video(colours(), clip, tmp_path / "out.mp4", opacity=1)
    assert (found.width, found.height) == (48, 64)
    frame = read(tmp_path / "out.mp4")[0][0]
    assert frame.shape == (64, 48, 3)
    assert near(frame[:32, 24:], RED), "with the clock, the upper left comes to the upper right"
    assert near(frame[:32, :24], GREEN)


def test_odd_sides_get_one_more_row_or_column(tmp_path: Path) -> None:
    clip = write(tmp_path / "clip.mp4", halves(3, 33, 47), pixels="yuv444p")
    with pytest.warns(UserWarning, match="47x33 have one more row or column where a side is odd"):
        found = segment_video(colours(), clip, tmp_path / "out.mp4")
    assert (found.width, found.height) == (47, 33)
    assert read(tmp_path / "out.mp4")[0][0].shape == (34, 48, 3)


@pytest.mark.parametrize("count", [1, 2])
def test_few_frames(count: int, tmp_path: Path) -> None:
    clip = write(tmp_path / "clip.mp4", halves(count))
    assert segment_video(colours(), clip, tmp_path / "out.mp4").frames == count
    assert read(tmp_path / "out.mp4")[1] == read(clip)[1]


def test_an_animation_with_transparency(tmp_path: Path) -> None:
    """Transparency is white, as in photos; Pillow's first frame is not the whole of it."""
    pictures = [Image.fromarray(frame).convert("RGBA") for frame in halves(3)]
    for picture in pictures:
        picture.paste((0, 0, 0, 0), (0, 24, 32, 48))
    pictures[0].save(
        tmp_path / "clip.gif", save_all=True, append_images=pictures[1:], duration=[100, 300, 200], disposal=2
    )
    assert segment_video(colours(), tmp_path / "clip.gif", tmp_path / "out.mp4", opacity=0).frames == 3
    frames, times = read(tmp_path / "out.mp4")
    assert [round(1000 * time) for time in times] == [0, 100, 400]
    assert near(frames[0][24:, :32], np.array([255, 255, 255]))
    assert near(frames[0][:24, :32], np.array([200, 20, 20]))


@pytest.mark.parametrize(
    ("ending", "codec"),
    [(".mov", "libx264"), (".avi", "mpeg4"), (".webm", "libvpx-vp9"), (".mkv", "ffv1"), (".mpg", "mpeg2video")],
)
def test_other_formats_are_read(ending: str, codec: str, tmp_path: Path) -> None:
    clip = write(tmp_path / f"clip{ending}", halves(5), codec=codec)
    assert segment_video(colours(), clip, tmp_path / "out.mp4", opacity=1).frames == 5
    frames, times = read(tmp_path / "out.mp4")
    assert near(frames[0][:24, :32], RED)
    steps = np.diff([float(time) for time in times])
    assert np.allclose(steps, 0.04, atol=0.002)


@pytest.mark.parametrize("ending", [".mov", ".mkv", ".webm", ".MP4"])
def test_other_formats_are_written(ending: str, tmp_path: Path) -> None:
    clip, out = write(tmp_path / "clip.mp4", halves(4)), tmp_path / f"out{ending}"
    assert segment_video(colours(), clip, out, opacity=1).frames == 4
    frames, times = read(out)
    assert near(frames[0][:24, :32], RED)
    assert np.allclose([float(time) for time in times], [0, 0.04, 0.08, 0.12], atol=0.002)


@pytest.mark.parametrize(
    ("ending", "sound", "out"), [(".mp4", "aac", ".webm"), (".avi", "pcm_s16le", ".mp4"), (".mkv", "libopus", ".mov")]
)
def test_sound_that_the_format_cannot_hold_is_left_out(ending: str, sound: str, out: str, tmp_path: Path) -> None:
    clip, made = write(tmp_path / f"clip{ending}", halves(12), sound=sound), tmp_path / f"out{out}"
    name = sound.removeprefix("lib")
    with pytest.warns(UserWarning, match=rf"out\{out}: \{out} cannot hold sound of {name}, it is left out"):
        assert segment_video(colours(), clip, made).left_out == (name,)
    assert sound_of(made) == []
    assert len(read(made)[0]) == 12


@pytest.mark.parametrize(
    ("ending", "sound", "out"), [(".mp4", "aac", ".mkv"), (".avi", "pcm_s16le", ".mkv"), (".mkv", "libopus", ".webm")]
)
def test_sound_that_the_format_can_hold_is_copied(ending: str, sound: str, out: str, tmp_path: Path) -> None:
    clip, made = write(tmp_path / f"clip{ending}", halves(12), sound=sound), tmp_path / f"out{out}"
    assert segment_video(colours(), clip, made).left_out == ()
    assert b"".join(sound_of(made)) == b"".join(sound_of(clip)) != b""


def test_what_is_none_of_the_names_stays_as_it_is(tmp_path: Path) -> None:
    clip, model = write(tmp_path / "clip.mp4", halves(2)), colours().with_names(["red"])
    segment_video(model, clip, tmp_path / "out.mp4", threshold=0.5, opacity=1)
    frame = read(tmp_path / "out.mp4")[0][0]
    assert near(frame[:24, :32], class_colours(["red"])[0].astype(int))
    assert near(frame[:, 32:48], np.array([20, 200, 20]))


class Stops:
    """A segmenter that is stopped at its third frame."""

    class_names, settings = NAMES, TestSettings(pad_multiple=1)

    def __init__(self, error: BaseException) -> None:
        self.left, self.error = 3, error

    def segment(
        self,
        photo: NDArray[np.uint8],
        class_names: None = None,
        *,
        threshold: float | None = None,
        background_prompts: Sequence[str] = (),
    ) -> Segmentation:
        self.left -= 1
        if not self.left:
            raise self.error
        return colours().segment(photo)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("a fault")])
def test_what_is_stopped_leaves_nothing_and_what_was_there(error: BaseException, tmp_path: Path) -> None:
    clip, folder = write(tmp_path / "clip.mp4", halves()), tmp_path / "out"
    for before in (None, b"an earlier one"):
        folder.mkdir(exist_ok=True)
        if before is not None:
            (folder / "out.mp4").write_bytes(before)
        with pytest.raises(type(error)):
            segment_video(Stops(error), clip, folder / "out.mp4")
        assert [path.read_bytes() for path in folder.iterdir()] == ([] if before is None else [before])


def test_a_few_frames_are_in_memory_at_a_time(tmp_path: Path) -> None:
    clip = write(tmp_path / "clip.mp4", halves(80, 96, 128))
    tracemalloc.start()
    segment_video(colours(), clip, tmp_path / "out.mp4")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.5 * 80 * 96 * 128 * 3, "less than half of all frames"


def broken(folder: Path) -> dict[str, str]:
    """Files that are no video, and what is said of them."""
    whole = write(folder / "whole.mp4", halves(12)).read_bytes()
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "page.mp4").write_text("<html>404</html>")
    (folder / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    (folder / "folder.mp4").mkdir()
    (folder / "list.mp4").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/clip.ts\n")
    with av.open(str(folder / "heard.mp4"), "w") as container:
        for packet in tone(container.add_stream("aac", rate=48000), 0.5):
            container.mux(packet)
    texts = dict.fromkeys(("empty", "page", "cut", "list"), "cannot be read as a video")
    return texts | {"folder": "a folder", "nowhere": "no such file", "heard": "got no video stream"}


def test_what_is_no_video_is_one_line(tmp_path: Path) -> None:
    for name, message in broken(tmp_path).items():
        with pytest.raises(DataError, match=f"{name}\\.mp4: .*{message}.*expected") as caught:
            segment_video(colours(), tmp_path / f"{name}.mp4", tmp_path / "out.mp4")
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "out.mp4").exists()


def test_a_cut_or_damaged_video_gives_what_can_be_read_and_says_so(tmp_path: Path) -> None:
    whole = write(tmp_path / "clip.mp4", halves(100, 96, 128), movflags="faststart").read_bytes()
    (tmp_path / "clip.mp4").write_bytes(whole[: 3 * len(whole) // 4])
    with pytest.warns(
        UserWarning, match=r"clip\.mp4: \d+ frames or parts are damaged or missing; .*out\.mp4: \d+ frames"
    ):
        found = segment_video(colours(), tmp_path / "clip.mp4", tmp_path / "out.mp4")
    assert found.damaged
    assert 20 < found.frames < 100
    assert len(read(tmp_path / "out.mp4")[0]) == found.frames
    whole = write(tmp_path / "clip.mkv", halves(100, 96, 128)).read_bytes()
    (tmp_path / "clip.mkv").write_bytes(whole[: len(whole) // 2])
    with pytest.warns(UserWarning, match="damaged or missing"):
        found = segment_video(colours(), tmp_path / "clip.mkv", tmp_path / "out.mp4")
    assert 10 < found.frames < 90


def test_an_intact_one_gives_no_warning(tmp_path: Path) -> None:
    clip = write(tmp_path / "clip.mkv", halves(60), sound="aac")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert segment_video(colours(), clip, tmp_path / "out.mkv").damaged == 0


@pytest.mark.parametrize("out", ["out.avi", "out", "out.png", ".", "clip.mp4"])
def test_where_nothing_can_be_written(out: str, tmp_path: Path) -> None:
    clip = write(tmp_path / "clip.mp4", halves(1))
    before = clip.read_bytes()
    with pytest.raises(ValueError, match=r"out: .*(expected a file that ends in .mp4, .mov|would be written over)"):
        segment_video(colours(), clip, tmp_path / out)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]
    assert clip.read_bytes() == before


def test_too_many_pixels(tmp_path: Path) -> None:
    clip = write(tmp_path / "clip.mp4", halves(1))
    with pytest.raises(DataError, match="got frames of 64x48, 3072 pixels, expected at most 3071"):
        segment_video(colours(), clip, tmp_path / "out.mp4", max_pixels=3071)


def test_without_pyav(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = write(tmp_path / "clip.mp4", halves(1))
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(ImportError, match=r"pip install 'clipteacher\[video\]'"):
        segment_video(colours(), clip, tmp_path / "out.mp4")


def test_the_legend_has_the_colours(tmp_path: Path) -> None:
    save_legend(NAMES, tmp_path / "legend.png")
    with Image.open(tmp_path / "legend.png") as picture:
        shown = {colour for _, colour in picture.getcolors(100000) or ()}
    assert {tuple(colour) for colour in class_colours(NAMES).tolist()} <= shown
