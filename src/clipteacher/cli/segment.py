"""`clipteacher segment`: labels photographs with names of one's choice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from jsonargparse import ArgumentParser
from rich.progress import Progress

from clipteacher.cli.errors import device, user_errors
from clipteacher.data.files import IMAGE_SUFFIXES
from clipteacher.data.photo import eight_bits, read_photo
from clipteacher.pictures import overlay, save_id_png, save_picture
from clipteacher.protocols.splits import listed_names
from clipteacher.storage import load_segmenter


def segment(arguments: Sequence[str]) -> None:
    """Segment photographs into named classes: an overlay with a legend and a PNG of ids for each."""
    parser = ArgumentParser(prog="clipteacher segment", description=segment.__doc__)
    parser.add_argument("photos", type=Path, nargs="+", metavar="PHOTO", help="photographs, or folders of them")
    parser.add_argument("--model", type=Path, required=True, help="model/ of a run")
    parser.add_argument(
        "--classes", type=list[str] | str | None, default=None, help='"cat, grass, sky"; default: the model\'s own'
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for <photo>.png and <photo>_ids.png")
    parser.add_argument("--opacity", type=float, default=0.55, help="of the colours over the photo, 0..1")
    parser.add_argument("--device", type=str, default="cuda" if torch.cuda.is_available() else "cpu")
    given = parser.parse_args(list(arguments))
    with user_errors():
        segmenter = load_segmenter(given.model)
        if given.classes is not None:
            segmenter = segmenter.with_names(listed_names(given.classes))
        segmenter = segmenter.to(device(given.device))
        photos = _photos(given.photos)
        results = _results(photos, given.out)
        given.out.mkdir(parents=True, exist_ok=True)
        with Progress() as progress:
            jobs = list(zip(photos, results, strict=True))
            for photo, (drawn, numbered) in progress.track(jobs, description="Segmenting"):
                read = read_photo(photo)
                pixels, ids = eight_bits(read), segmenter.segment(read).labels
                # No pixel is ignored here, and with many names 255 is one of them.
                picture = overlay(pixels, ids, segmenter.names, opacity=given.opacity, ignore=-1)
                save_picture(picture, drawn)
                save_id_png(ids, numbered)
    print("Ids: " + ", ".join(f"{i} {name}" for i, name in enumerate(segmenter.names)))
    print(f"Written: {2 * len(photos)} pictures in {given.out}")


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
    twice = sorted({stem for stem in stems if stems.count(stem) > 1})
    if twice:
        raise ValueError(
            f"photo: got several photos named {twice[0]!r}, whose results would share one file; rename one"
        )
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
