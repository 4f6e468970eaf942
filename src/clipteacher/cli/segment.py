"""`clipteacher segment`: labels photographs with names of one's choice."""

from __future__ import annotations

import csv
import io
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jsonargparse import Namespace
from rich.progress import Progress

from clipteacher.cli.arguments import NAMES, add_device, device, names
from clipteacher.cli.errors import user_errors
from clipteacher.cli.parser import CommandParser
from clipteacher.data.files import IMAGE_SUFFIXES, DataError
from clipteacher.data.photo import MAX_PIXELS, eight_bits, read_photo
from clipteacher.pictures import overlay, save_id_png, save_picture
from clipteacher.protocols.splits import ignore_id
from clipteacher.segmenter.segmentation import NONE
from clipteacher.utils.atomic_files import write_atomically, write_json

if TYPE_CHECKING:
    from clipteacher.onnx.segmenter import OnnxSegmenter
    from clipteacher.segmenter.segmenter import Segmenter


def segment(arguments: Sequence[str]) -> None:
    """Segment photographs into named classes: an overlay with a legend and a PNG of ids for each.

    A pixel that is none of the classes has id 255; with more than 255 classes 65535. Photographs that cannot be read
    are passed over, listed at the end, and make the exit status 1.
    """
    given = _parser().parse_args(list(arguments))
    with user_errors():
        segmenter, background = _segmenter(given)
        photos = _photos(given.photos)
        results, none = _results(photos, given.out), ignore_id(len(segmenter.class_names))
        _check_areas(given.areas, [*photos, *(path for pair in results for path in pair)])
        given.out.mkdir(parents=True, exist_ok=True)
        found: dict[Path, tuple[dict[str, float], float]] = {}
        failed: list[DataError] = []
        with Progress() as progress:
            jobs = list(zip(photos, results, strict=True))
            for photo, (drawn, numbered) in progress.track(jobs, description="Segmenting"):
                try:
                    read = read_photo(photo, max_pixels=given.max_pixels)
                except DataError as error:
                    failed.append(error)
                    continue
                result = segmenter.segment(read, threshold=given.threshold, background_prompts=background)
                ids = result.labels
                picture = overlay(eight_bits(read), ids, segmenter.class_names, opacity=given.opacity, ignore=NONE)
                save_picture(picture, drawn)
                save_id_png(np.where(ids == NONE, none, ids), numbered)
                found[photo] = result.areas, result.none_area
        if given.areas is not None:
            _write_areas(found, segmenter.class_names, given.areas)
    listed = ", ".join(f"{i} {name}" for i, name in enumerate(segmenter.class_names))
    none_too = given.threshold is not None or any(name not in segmenter.class_names for name in background)
    print(_shown(f"Ids: {listed}" + (f", {none} none of these" if none_too else "")))
    print(_shown(f"Written: {2 * (len(photos) - len(failed))} pictures in {given.out}"))
    if failed:
        print(f"clipteacher: error: {len(failed)} of {len(photos)} photos could not be read:", file=sys.stderr)
        for fault in failed:
            print(_shown(f"  {fault}"), file=sys.stderr)
        raise SystemExit(1)


def _parser() -> CommandParser:
    example = "segment photo.jpg --model RUN/model --out found"
    parser = CommandParser("segment", description=segment.__doc__, example=example)
    parser.add_argument("photos", type=Path, nargs="+", metavar="PHOTO", help="photographs, or folders of them")
    parser.add_argument("--model", type=str | None, help="model/ of a run, or a hub id, owner/name")
    parser.add_argument("--onnx", type=Path | None, help="in its place: a file of `clipteacher export`")
    parser.add_argument("--classes", type=NAMES, help='"cat, grass", or a .txt file, a word a line; default: its own')
    parser.add_argument("--out", type=Path, required=True, help="folder for <photo>.png and <photo>_ids.png")
    parser.add_argument("--threshold", type=float | None, help="least cosine of a pixel to its class, else it is none")
    parser.add_argument("--background_prompts", type=NAMES, help="words that compete and are none of the classes")
    parser.add_argument("--background_own", action="store_true", help="the model's own names are such prompts too")
    parser.add_argument("--areas", type=Path | None, help="a .csv or .json of each photo's areas by name")
    parser.add_argument("--opacity", type=float, default=0.55, help="of the colours over the photo, 0..1")
    parser.add_argument("--max_pixels", type=int, default=MAX_PIXELS, help="photos of more are not read")
    parser.add_argument("--text_cache", type=bool, default=True, help="keep text features of new words on disk")
    add_device(parser)
    return parser


def _segmenter(given: Namespace) -> tuple[Segmenter | OnnxSegmenter, list[str]]:
    """Load the model with its words, and the words that compete with them; every number and word is checked here."""
    from clipteacher.inference.text_classifier import check_threshold
    from clipteacher.onnx.segmenter import OnnxSegmenter
    from clipteacher.segmenter.segmenter import Segmenter

    check_threshold(given.threshold)
    if not 0 <= given.opacity <= 1:
        raise ValueError(f"opacity: got {given.opacity}, expected 0 (the photo alone) to 1 (colours alone). Try 0.55.")
    if given.max_pixels < 1:
        raise ValueError(f"max_pixels: got {given.max_pixels}, expected at least 1. Leave it out for {MAX_PIXELS}.")
    if (given.model is None) == (given.onnx is None):
        raise ValueError("model: expected one of --model DIR and --onnx FILE. One of them is required, not both.")
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


def _shown(text: str) -> str:
    """What a terminal may print: names and paths may hold signs that it would obey."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "\N{REPLACEMENT CHARACTER}" for sign in text)


def _photos(paths: Sequence[Path]) -> list[Path]:
    """List photos, folders opened; two of one stem would write over each other, so they are refused."""
    photos: list[Path] = []
    for path in paths:
        if path.is_dir():
            photos += sorted(p for p in path.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and p.name[0] != ".")
        elif path.is_file():
            photos.append(path)
        else:
            raise FileNotFoundError(f"photo: no file or folder {path}")
    if not photos:
        raise ValueError(f"photo: no photograph in {', '.join(map(str, paths))}; expected {', '.join(IMAGE_SUFFIXES)}")
    stems = [photo.stem for photo in photos]
    if twice := sorted({stem for stem in stems if stems.count(stem) > 1}):
        raise ValueError(f"photo: got several photos named {twice[0]!r}, which would share one file; rename one")
    return photos


def _results(photos: Sequence[Path], out: Path) -> list[tuple[Path, Path]]:
    """Name the overlay and the ids of each photo; none may be a photo, or the result of another."""
    results = [(out / f"{photo.stem}.png", out / f"{photo.stem}_ids.png") for photo in photos]
    flat, sources = [path for pair in results for path in pair], {photo.resolve() for photo in photos}
    for path in flat:
        if path.resolve() in sources:
            raise ValueError(f"out: {path} is one of the photos and would be written over; name another --out")
        if flat.count(path) > 1:
            raise ValueError(f"out: two results would share {path}; rename a photo")
    return results


def _check_areas(path: Path | None, taken: Sequence[Path]) -> None:
    """Check the file for areas, which may be no photo and no picture."""
    if path is None:
        return
    if path.suffix.lower() not in (".csv", ".json") or path.is_dir():
        raise ValueError(f"areas: got {str(path)!r}, expected a file .csv or .json. Call it areas.csv.")
    if path.resolve() in {other.resolve() for other in taken}:
        raise ValueError(f"areas: {path} is one of the photos or pictures; name another file")


def _write_areas(
    found: Mapping[Path, tuple[Mapping[str, float], float]], class_names: Sequence[str], path: Path
) -> None:
    """Write for each photo the share of each name, 0..1, and of what is none of them, whole or not at all.

    CSV: a line a photo, its path first, none of the names last. JSON: for each path "areas" by name, and "none".
    """
    # Bytes of a path that are no UTF-8 are marked.
    rows = {os.fsencode(photo).decode("utf-8", "replace"): areas for photo, areas in found.items()}
    if path.suffix.lower() == ".json":
        write_json(path, {photo: {"areas": shares, "none": none} for photo, (shares, none) in rows.items()})
        return
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["photo", *class_names, "none of these"])
    for photo, (shares, none) in rows.items():
        table.writerow([photo, *(f"{share:.6f}" for share in (*(shares[name] for name in class_names), none))])
    write_atomically(path, lambda temporary: temporary.write_text(text.getvalue(), encoding="utf-8"))
