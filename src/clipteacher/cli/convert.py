"""`clipteacher convert`: turns data as other tools write it into a folder of photos and masks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
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
from clipteacher.convert.layouts import KINDS, LayoutOptions, prepare, recognise
from clipteacher.convert.writing import TRAIN, VAL, check_new, merged, split_photos, write_converted


def convert(arguments: Sequence[str]) -> None:
    """Write annotations as a folder: classes.txt, images/{train,val}, masks/{train,val}; 255 = not labelled."""
    parser = CommandParser("convert", description=convert.__doc__, example="convert labelme PHOTOS --out DATA")
    kinds = parser.add_subcommands(dest="kind")
    auto = CommandParser(description="Any layout that can be recognised: masks of ids or colours, VOC, COCO, ….")
    auto.add_argument("folder", type=Path, metavar="DIR", help="folder of photos and their masks or annotations")
    kinds_help = f"what it is, if it is recognised as something else: {', '.join(KINDS)}"
    auto.add_argument("--layout", type=str | None, help=kinds_help)
    auto.add_argument("--colours", type=Path | None, help="a table of the masks' colours: road,128,64,128")
    auto.add_argument("--ignore", type=NAMES, help='"void, 0": names or ids that are not labelled')
    coco = CommandParser(description="COCO's JSON of instances: polygons and run lengths.")
    coco.add_argument("--json", type=Path, required=True, help="such as instances_train2017.json")
    coco.add_argument("--images", type=Path, required=True, help="folder of its photos")
    coco.add_argument("--val_json", type=Path | None, help="a second file, to score on; no split is drawn")
    coco.add_argument("--val_images", type=Path | None, help="its photos; default: those of --images")
    coco.add_argument("--crowd", choices=get_args(Crowd), default="ignore", help="not labelled, or their class")
    labelme = CommandParser(description="Labelme's JSON files, one per photo.")
    labelme.add_argument("folder", type=Path, metavar="DIR", help="folder of JSON files and photos")
    for each in (auto, coco, labelme):
        each.add_argument("--out", type=Path, required=True, help="folder to write, new or empty")
        each.add_argument("--val", type=float, default=0.2, help="share of the photos to score on, drawn at random")
        each.add_argument("--seed", type=int, default=0, help="same seed, same split")
        each.add_argument("--classes", type=NAMES, help='"cat, dog": in the order of their ids; default: all labels')
    for each in (coco, labelme):
        each.add_argument("--drop_others", action="store_true", help="ignore all labels that are not among --classes")
        each.add_argument("--skip_missing", action="store_true", help="continue without missing photos")
        each.add_argument("--link", action="store_true", help="hard links to the photos instead of copies")
    for name, each in (("auto", auto), ("coco", coco), ("labelme", labelme)):
        kinds.add_subcommand(name, each)
    given = parser.parse_args(list(arguments))
    with user_errors():
        (_recognised if given.kind == "auto" else _annotated)(given.kind, given[given.kind])


def _recognised(kind: str, options: Namespace) -> None:
    """Recognise a folder and write it."""
    check_new(options.out)
    known = LayoutOptions(
        options.layout,
        options.colours,
        names(options.classes) or (),
        names(options.ignore, "ignore") or (),
        options.val,
        options.seed,
    )
    layout = recognise(options.folder, known)
    print(f"Recognised: {layout.kind}: {layout.reason}.")
    with _painting(layout.photos) as progress:
        prepared = prepare(layout, options.out, progress=progress)
    if prepared.in_place:
        for note in prepared.notes:
            print(f"note: {note}.")
        print(f"Nothing is written: {prepared.root} is in the folder format already.")
        print(f"Next: clipteacher audit --data {prepared.root}")
        return
    _say_what_is_written(prepared.root, prepared.classes, prepared.notes, layout.photos)


def _annotated(kind: str, options: Namespace) -> None:
    """Write annotations of COCO's or Labelme's form."""
    read, splits = _read(kind, options)
    with _painting(splits) as progress:
        converted = write_converted(
            options.out,
            splits,
            read,
            classes=names(options.classes),
            drop_others=options.drop_others,
            link=options.link,
            progress=progress,
        )
    _say_what_is_written(options.out, converted.names, converted.notes, splits)


@contextmanager
def _painting(splits: Mapping[str, Sequence[object]]) -> Iterator[Callable[[int], None]]:
    """Show a progress bar, and yield what moves it to a number of photos."""
    with Progress(transient=True) as progress:
        task = progress.add_task("Painting", total=sum(map(len, splits.values())))
        yield lambda done: progress.update(task, completed=done)


def _say_what_is_written(
    out: Path, classes: Sequence[str], notes: Sequence[str], splits: Mapping[str, Sequence[object]]
) -> None:
    """Print notes, numbers and the next command."""
    for note in notes:
        print(f"note: {note}.")
    counts = " and ".join(f"{len(photos)} photos for {split}" for split, photos in splits.items())
    print(f"Written: {out} with {len(classes)} classes, {counts}.")
    print(f"Next: clipteacher audit --data {out}")


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
