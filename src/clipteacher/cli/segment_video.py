"""`clipteacher segment` with a video in place of photographs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from jsonargparse import Namespace
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from clipteacher.cli.out_files import check_free
from clipteacher.cli.result_files import is_result
from clipteacher.inference.placement import bounded_note
from clipteacher.utils.packages import needed
from clipteacher.video.reading import VIDEO_SUFFIXES
from clipteacher.video.segment import check_video_file, is_segmented, save_legend, segment_video
from clipteacher.video.writing import CODECS

if TYPE_CHECKING:
    from clipteacher.onnx.segmenter import OnnxSegmenter
    from clipteacher.segmenter.segmenter import Segmenter


class VideoJob(NamedTuple):
    """A video, and the files that it becomes."""

    video: Path
    out: Path
    legend: Path


def video_job(given: Namespace) -> VideoJob | None:
    """Return the video that the arguments of `segment` name, None where they name photographs.

    An animated GIF is one where `--out` is a video, else a photograph.

    Raises:
        ImportError: PyAV is not installed.
        ValueError: There is more than one video, or an option that does not go with it; `--out` is a video and there is
            none, or cannot be written; or there is a file that is no earlier result.
    """
    paths, out = given.photos, given.out
    film = out.suffix.lower() in VIDEO_SUFFIXES and not out.is_dir()
    ends = (*VIDEO_SUFFIXES, ".gif") if film else VIDEO_SUFFIXES
    videos = [path for path in paths if path.suffix.lower() in ends and not path.is_dir()]
    if not videos:
        if film:
            raise ValueError(f"out: got {str(out)!r} for photographs, expected a folder. Name one, such as {out.stem}.")
        return None
    if len(paths) > 1:
        raise ValueError(f"photo: got the video {videos[0]} and {len(paths) - 1} more. Give one video at a time.")
    if given.areas is not None:
        raise ValueError(f"areas: got {given.areas} with a video, expected photographs. Leave it out.")
    video = videos[0]
    if out.is_dir() or not out.suffix:
        out = out / (video.name if video.suffix.lower() in CODECS else f"{video.stem}.mp4")
    if not video.is_file():
        raise FileNotFoundError(f"video: no file {video}")
    needed("av", "av", "video")
    job = VideoJob(video, check_video_file(out, video), out.with_name(f"{out.stem}_legend.png"))
    check_free("out", job.out, is_segmented)
    check_free("out", job.legend, is_result)
    return job


def segment_one_video(
    job: VideoJob, segmenter: Segmenter | OnnxSegmenter, background: Sequence[str], given: Namespace
) -> None:
    """Segment a video with progress, write a legend beside it, and say how fast it was.

    Raises:
        SystemExit: With status 1 where parts of the video could not be read; 130 where it was stopped with Ctrl-C, and
            nothing is written.
    """
    columns = (BarColumn(), TaskProgressColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns) as bar:
        task = bar.add_task("Segmenting", total=None)

        def advance(done: int, frames: int | None) -> None:
            speed = bar.tasks[0].finished_speed or bar.tasks[0].speed
            shown = f"{speed:.1f} frames per second" if speed else "Segmenting"
            bar.update(task, completed=done, total=None if frames is None else max(done, frames), description=shown)

        try:
            found = segment_video(
                segmenter,
                job.video,
                job.out,
                threshold=given.threshold,
                background_prompts=background,
                opacity=given.opacity,
                max_pixels=given.max_pixels,
                progress=advance,
            )
        except KeyboardInterrupt:
            print(f"clipteacher: stopped: nothing is written to {job.out}", file=sys.stderr)
            raise SystemExit(130) from None
    save_legend(segmenter.class_names, job.legend)
    frames = f"{found.frames} frame{'' if found.frames == 1 else 's'}"
    print(
        f"Written: {job.out}, {frames} of {found.width}x{found.height}, {found.frames_per_second:.1f} a "
        f"second. {job.legend} names its colours."
    )
    if note := bounded_note(found.height, found.width, segmenter.settings.pipeline):
        print(f"Large: frames of {note}")
    if found.damaged:
        raise SystemExit(1)
