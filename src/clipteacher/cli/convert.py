"""`clipteacher convert`: turns annotations of other tools into a folder of photos and masks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import get_args

from jsonargparse import Namespace
from rich.progress import Progress

from clipteacher.cli.arguments import NAMES, names
from clipteacher.cli.errors import user_errors
from clipteacher.cli.parser import CommandParser
from clipteacher.convert.annotated import AnnotatedPhoto, Annotations
from clipteacher.convert.coco import Crowd, read_coco
from clipteacher.convert.labelme import read_labelme
from clipteacher.convert.writing import TRAIN, VAL, merged, split_photos, write_converted


def convert(arguments: Sequence[str]) -> None:
    """Write annotations as a folder: classes.txt, images/{train,val}, masks/{train,val}; 255 = not labelled."""
    parser = CommandParser("convert", description=convert.__doc__, example="convert labelme PHOTOS --out DATA")
    kinds = parser.add_subcommands(dest="kind")
    coco = CommandParser(description="COCO's JSON of instances: polygons and run lengths.")
    coco.add_argument("--json", type=Path, required=True, help="such as instances_train2017.json")
    coco.add_argument("--images", type=Path, required=True, help="folder of its photos")
    coco.add_argument("--val_json", type=Path | None, help="a second file, to score on; no split is drawn")
    coco.add_argument("--val_images", type=Path | None, help="its photos; default: those of --images")
    coco.add_argument("--crowd", choices=get_args(Crowd), default="ignore", help="not labelled, or their class")
    labelme = CommandParser(description="Labelme's JSON files, one per photo.")
    labelme.add_argument("folder", type=Path, metavar="DIR", help="folder of JSON files and photos")
    for each in (coco, labelme):
        each.add_argument("--out", type=Path, required=True, help="folder to write, new or empty")
        each.add_argument("--val", type=float, default=0.2, help="share of the photos to score on, drawn at random")
        each.add_argument("--seed", type=int, default=0, help="same seed, same split")
        each.add_argument("--classes", type=NAMES, help='"cat, dog": in the order of their ids; default: all labels')
        each.add_argument("--drop_others", action="store_true", help="ignore all labels that are not among --classes")
        each.add_argument("--skip_missing", action="store_true", help="continue without missing photos")
        each.add_argument("--link", action="store_true", help="hard links to the photos instead of copies")
    kinds.add_subcommand("coco", coco)
    kinds.add_subcommand("labelme", labelme)
    given = parser.parse_args(list(arguments))
    options = given[given.kind]
    with user_errors():
        read, splits = _read(given.kind, options)
        with Progress(transient=True) as progress:
            task = progress.add_task("Painting", total=sum(map(len, splits.values())))
            converted = write_converted(
                options.out,
                splits,
                read,
                classes=names(options.classes),
                drop_others=options.drop_others,
                link=options.link,
                progress=lambda done: progress.update(task, completed=done),
            )
    for note in converted.notes:
        print(f"note: {note}.")
    counts = " and ".join(f"{len(photos)} photos for {split}" for split, photos in splits.items())
    print(f"Written: {options.out} with {len(converted.names)} classes, {counts}.")
    print(f"Next: clipteacher audit --data {options.out}")


def _read(kind: str, options: Namespace) -> tuple[Annotations, dict[str, Sequence[AnnotatedPhoto]]]:
    """Read one or two of COCO's files, or a folder of Labelme's, and split the photos."""
    if kind == "labelme":
        read = read_labelme(options.folder, skip_missing=options.skip_missing)
    else:
        coco = partial(read_coco, crowd=options.crowd, skip_missing=options.skip_missing)
        read = coco(options.json, options.images)
        if options.val_json is not None:
            held = coco(options.val_json, options.images if options.val_images is None else options.val_images)
            return merged(read, held), {TRAIN: read.photos, VAL: held.photos}
        if options.val_images is not None:
            raise ValueError("val_images: got a folder without --val_json, expected both or neither")
    return read, dict(split_photos(read.photos, options.val, options.seed))
