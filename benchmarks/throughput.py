"""Photos and video frames a second: `clipteacher segment` as a whole, against its network alone.

    .venv/bin/python benchmarks/throughput.py MODEL PHOTOS

"Network" labels photos that are in memory already. "Command" is `clipteacher segment` with its reading, drawing and
writing, and, beside the time of all that, the loading of the model, in one process that has torch loaded. "In turn"
does the same with one photo after the other, nothing at a time with anything else. The video is made of the first
photos, all of one size. In every round each way labels everything once, in turn; ratios are taken within a round.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from clipteacher.cli.arguments import device
from clipteacher.cli.segment import GPU_BATCH, segment
from clipteacher.data.files import IMAGE_SUFFIXES
from clipteacher.data.photo import eight_bits, read_photo
from clipteacher.pictures import class_colours, overlay, paint, save_id_png, save_picture
from clipteacher.segmenter.segmentation import NONE
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.utils.atomic_files import write_json
from clipteacher.video.reading import Frame, VideoInfo, VideoReader
from clipteacher.video.writing import VideoWriter
from labels import alternating
from machine import provenance, wait
from tables import row, spread, spread_of_ratios, table

TITLES = ("of", "network alone, ms each", "network / command", "network / in turn")


def copied(folder: Path, count: int, width: int | None, to: Path) -> list[Path]:
    """Copy photos of a folder, over and over, until there are enough, or enlarge them to a width as JPEG."""
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES)
    to.mkdir()
    paths = []
    for number in range(count):
        source = found[number % len(found)]
        paths.append(to / f"{number:05}{source.suffix if width is None else '.jpg'}")
        if width is None:
            shutil.copy(source, paths[-1])
        else:
            photo = Image.fromarray(eight_bits(read_photo(source)))
            photo.resize((width, round(width * photo.height / photo.width))).save(paths[-1], quality=92)
    return paths


def film(photos: Sequence[NDArray[np.uint8]], path: Path) -> None:
    """Write photos as the frames of a video, each as large as the first."""
    height, width = photos[0].shape[:2]
    info = VideoInfo(width, height, Fraction(25), Fraction(1, 25), Fraction(1), len(photos))
    with VideoWriter(path, info) as writer:
        for number, photo in enumerate(photos):
            writer.write(Frame(np.asarray(Image.fromarray(photo).resize((width, height))), number))


def photos_in_turn(segmenter: Segmenter, photos: Sequence[Path], out: Path) -> None:
    """Read, label, draw and write one photo after the other."""
    out.mkdir(exist_ok=True)
    for path in photos:
        photo = read_photo(path)
        labels = segmenter.segment(photo).labels
        save_picture(overlay(eight_bits(photo), labels, segmenter.class_names, ignore=NONE), out / f"{path.stem}.png")
        save_id_png(labels, out / f"{path.stem}_ids.png")


def frames_in_turn(segmenter: Segmenter, video: Path, out: Path) -> None:
    """Decode, label, paint and encode one frame after the other."""
    colours = class_colours(segmenter.class_names)
    with VideoReader(video) as reader, VideoWriter(out, reader.info) as writer:
        for frame in reader.parts():
            labels = segmenter.segment(frame.pixels).labels
            writer.write(Frame(paint(frame.pixels, labels, colours, ignore=NONE), frame.time))


def ways_of(
    segmenter: Segmenter, given: argparse.Namespace, photos: Sequence[Path], video: Path
) -> dict[str, dict[str, Callable[[], object]]]:
    """Return what is timed, for photos and for a video."""
    out = video.parent / "out"
    in_memory = [read_photo(path) for path in photos]

    def network(pictures: Sequence[NDArray[Any]]) -> None:
        at_once = 1 if segmenter.text_features.device.type == "cpu" else GPU_BATCH
        segmenter.segment_batch(pictures, batch_size=at_once)
        wait(segmenter.text_features.device)

    command = ["--model", str(given.model), "--device", given.device]
    ways: dict[str, dict[str, Callable[[], object]]] = {
        "photos": {
            "network": lambda: network(in_memory),
            "command": lambda: segment([str(photos[0].parent), "--out", str(out), *command]),
            "in turn": lambda: photos_in_turn(segmenter, photos, video.with_name("in_turn")),
        },
    }
    if video.exists():
        with VideoReader(video) as reader:
            frames = [part.pixels for part in reader.parts()]
        ways["frames"] = {
            "network": lambda: network(frames),
            "command": lambda: segment([str(video), "--out", str(video.with_name("found.mp4")), *command]),
            "in turn": lambda: frames_in_turn(segmenter, video, video.with_name("in_turn.mp4")),
        }
    return ways


def cells(found: dict[str, Any]) -> list[object]:
    """Return the cells of a row under `TITLES`."""
    runs = found["rounds"]
    walls = {way: [one["wall"] for one in runs[way]] for way in runs}
    each = 1000 * spread(walls["network"]).median / found["count"]
    ratios = [spread_of_ratios(walls["network"], walls[way]) for way in ("command", "in turn")]
    return [f"{found['count']} {found['of']} of {found['size']}", f"{each:.0f}", *ratios]


def main() -> None:
    """Time both and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--count", type=int, default=200, help="photos, and frames")
    parser.add_argument("--width", type=int, help="to which photos are enlarged")
    parser.add_argument("--photos-only", action="store_true", help="no video")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/throughput.json"))
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    segmenter = Segmenter.from_pretrained(given.model).to(device(given.device)).eval()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        photos = copied(given.photos, given.count, given.width, Path(folder) / "photos")
        video = Path(folder) / "film.mp4"
        if not given.photos_only:
            film([eight_bits(read_photo(path)) for path in photos], video)
        height, width = read_photo(photos[0]).shape[:2]
        for of, ways in ways_of(segmenter, given, photos, video).items():
            runs = alternating(ways, given.rounds)
            rows.append({"of": of, "count": given.count, "size": f"{width}x{height}", "rounds": runs})
            print(row(cells(rows[-1])), flush=True)
    write_json(given.out, {**provenance(device(given.device)), "rows": rows})
    print("\n" + table(TITLES, map(cells, rows)))


if __name__ == "__main__":
    main()
