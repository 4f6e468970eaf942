"""`clipteacher segment`: labels photographs with names of one's choice."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from jsonargparse import Namespace

from clipteacher.cli.area_table import check_table, write_table
from clipteacher.cli.arguments import NAMES, add_device, device, names
from clipteacher.cli.errors import plain_warnings, user_errors
from clipteacher.cli.parser import CommandParser
from clipteacher.cli.result_files import ResultFiles, is_result, make_folder, result_files
from clipteacher.cli.segment_photos import Done, SegmentPhotos, say_bounded, say_left_out, say_stopped, segment_all
from clipteacher.cli.segment_video import segment_one_video, video_job
from clipteacher.data.photo import MAX_PIXELS
from clipteacher.data.photo_search import find_photos
from clipteacher.pictures import overlay, save_id_png, save_picture
from clipteacher.pictures.saving import MADE_BY
from clipteacher.protocols.splits import ignore_id
from clipteacher.segmenter.segmentation import NONE, Segmentation
from clipteacher.utils.printable import printable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from clipteacher.onnx.segmenter import OnnxSegmenter
    from clipteacher.segmenter.segmenter import Segmenter


GPU_BATCH: Final = 8
"""Photos that a GPU is given together."""


def segment(arguments: Sequence[str]) -> None:
    """Segment photographs into named classes: an overlay with a legend and a PNG of ids for each.

    A pixel that is none of the classes has id 255; with more than 255 classes 65535. Photographs that cannot be read
    are passed over, listed at the end, and make the exit status 1.
    """
    given = _parser().parse_args(list(arguments))
    with user_errors():
        _check_numbers(given)
        job = video_job(given)
        if job is not None:
            return segment_one_video(job, *_segmenter(given), given)
        found = find_photos(given.photos, given.out, is_result)
        files = result_files(found.photos, given.out)
        check_table(given.areas, [*(photo.path for photo in found.photos), *(path for pair in files for path in pair)])
        segmenter, background = _segmenter(given)
        for option, folder in (("out", given.out), ("areas", given.areas and given.areas.parent)):
            make_folder(option, folder)
    none = ignore_id(len(segmenter.class_names))

    def save(photo: NDArray[np.uint8], result: Segmentation, to: ResultFiles) -> None:
        picture = overlay(photo, result.labels, segmenter.class_names, opacity=given.opacity, ignore=NONE)
        save_picture(picture, to.drawn, software=MADE_BY)
        save_id_png(np.where(result.labels == NONE, none, result.labels), to.ids, software=MADE_BY)

    done, pipeline = Done({}, {}, {}), segmenter.settings.pipeline
    segmented, batch_size = _segmented(segmenter, background, given)
    try:
        with plain_warnings():
            segment_all(
                found,
                files,
                segmented,
                save,
                done,
                max_pixels=given.max_pixels,
                pipeline=pipeline,
                batch_size=batch_size,
            )
        done = done.in_order_of(found)
        if given.areas is not None:
            write_table(done.areas, segmenter.class_names, given.areas)
    except (KeyboardInterrupt, OSError) as error:
        say_stopped(error, done, given.out, given.areas)
    listed = ", ".join(f"{i} {name}" for i, name in enumerate(segmenter.class_names))
    none_too = given.threshold is not None or any(name not in segmenter.class_names for name in background)
    print(printable(f"Ids: {listed}" + (f", {none} none of these" if none_too else "")))
    print(printable(f"Written: {2 * len(done.areas)} pictures in {given.out}"))
    say_bounded(done.bounded)
    say_left_out(found, [*done.failed.values()])


def _parser() -> CommandParser:
    example = "segment photo.jpg --model RUN/model --out found"
    parser = CommandParser("segment", description=segment.__doc__, example=example)
    parser.add_argument(
        "photos", type=Path, nargs="+", metavar="PHOTO", help="photographs, or folders; subfolders count; or a video"
    )
    parser.add_argument("--model", type=str | None, help="model/ of a run, or a hub id, owner/name")
    parser.add_argument("--onnx", type=Path | None, help="in its place: a file of `clipteacher export`")
    parser.add_argument("--classes", type=NAMES, help='"cat, grass", or a .txt file, a word a line; default: its own')
    out = "folder for <photo>.png and <photo>_ids.png; or a file for a video"
    parser.add_argument("--out", type=Path, required=True, help=out)
    parser.add_argument("--threshold", type=float | None, help="least cosine of a pixel to its class, else it is none")
    parser.add_argument("--background_prompts", type=NAMES, help="words that compete and are none of the classes")
    parser.add_argument("--background_own", action="store_true", help="the model's own names are such prompts too")
    parser.add_argument("--areas", type=Path | None, help="a .csv or .json of each photo's areas by name")
    parser.add_argument("--opacity", type=float, default=0.55, help="of the colours over the photo, 0..1")
    parser.add_argument("--max_pixels", type=int, default=MAX_PIXELS, help="photos of more are not read")
    parser.add_argument("--text_cache", type=bool, default=True, help="keep text features of new words on disk")
    add_device(parser)
    return parser


def _check_numbers(given: Namespace) -> None:
    """Check what needs no model, before one is loaded."""
    if not 0 <= given.opacity <= 1:
        raise ValueError(f"opacity: got {given.opacity}, expected 0 (the photo alone) to 1 (colours alone). Try 0.55.")
    if given.max_pixels < 1:
        raise ValueError(f"max_pixels: got {given.max_pixels}, expected at least 1. Leave it out for {MAX_PIXELS}.")
    if (given.model is None) == (given.onnx is None):
        raise ValueError("model: expected one of --model DIR and --onnx FILE. One of them is required, not both.")
    if given.onnx is not None and given.onnx.is_dir():
        raise ValueError(
            f"onnx: got {printable(given.onnx)}, a folder; expected a file of `clipteacher export`. Give a model's "
            "folder with --model."
        )


def _segmenter(given: Namespace) -> tuple[Segmenter | OnnxSegmenter, list[str]]:
    """Load the model with its words, and the words that compete with them; every word is checked here."""
    from clipteacher.inference.threshold import check_threshold
    from clipteacher.onnx.segmenter import OnnxSegmenter
    from clipteacher.segmenter.segmenter import Segmenter

    check_threshold(given.threshold)
    segmenter: Segmenter | OnnxSegmenter
    if given.onnx is not None:
        segmenter = OnnxSegmenter(given.onnx)
        segmenter.check_threshold(given.threshold)
    else:
        segmenter = Segmenter.from_pretrained(given.model, text_cache=given.text_cache)
    background = list(names(given.background_prompts, "background_prompts") or ())
    if background:
        segmenter.with_names(background)  # words that it cannot take are found before anything is written
    background += segmenter.class_names if given.background_own else ()
    if (classes := names(given.classes)) is not None:
        segmenter = segmenter.with_names(classes)
    return segmenter.to(device(given.device)) if isinstance(segmenter, Segmenter) else segmenter, background


def _segmented(
    segmenter: Segmenter | OnnxSegmenter, background: Sequence[str], given: Namespace
) -> tuple[SegmentPhotos, int | None]:
    """Return what segments photos, and how many it is given together: on a GPU several, on a CPU None, side by side."""
    from clipteacher.segmenter.segmenter import Segmenter

    options: dict[str, Any] = {"threshold": given.threshold, "background_prompts": background}
    if isinstance(segmenter, Segmenter):
        return partial(segmenter.segment_batch, **options), (
            None if segmenter.text_features.device.type == "cpu" else GPU_BATCH
        )
    return lambda photos: [segmenter.segment(photo, **options) for photo in photos], None
