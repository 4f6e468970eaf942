"""`clipteacher train` on photos in each layout that it knows, with the installed clipteacher: one command, no YAML.

    cd $(mktemp -d) && python /path/to/tools/layouts_journey.py

Run it in an empty folder outside the source tree, with the extras convert and imagenet. It ends with an error where a
layout is not recognised as what it is, or where a run leaves no model, no scores or no report.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as run_lengths
from user_journey import clipteacher  # type: ignore[import-not-found]  # its neighbour, when it runs

SIZE: Final = 64
_VOID: Final = 255
_BLOCK: Final = 16  # of Labelme's rectangles, in pixels
_BACKGROUND: Final = "background"

Ids = NDArray[np.uint8]


class Photo(NamedTuple):
    """A photo that was drawn: its split, its file and its mask of ids, (h, w), uint8, 255 = not labelled."""

    split: str
    file: Path
    ids: Ids


def drawn(root: Path) -> tuple[tuple[str, ...], list[Photo]]:
    """Draw a world, and return its names and photos."""
    clipteacher("world", "--out", str(root), "--train", "12", "--val", "4", "--size", str(SIZE))
    names = tuple((root / "classes.txt").read_text(encoding="utf-8").split("\n"))
    photos = [
        Photo(split, file, np.asarray(Image.open(root / "masks" / split / f"{file.stem}.png")))
        for split in ("train", "val")
        for file in sorted((root / "images" / split).iterdir())
    ]
    return tuple(name for name in names if name), photos


def named(photo: Photo) -> str:
    """A stem that no other photo has, of whichever split."""
    return f"{photo.split}_{photo.file.stem}"


def put(path: Path, content: str | Path | NDArray[np.uint8]) -> None:
    """Write a text, a copy of a photo or a picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, str):
        path.write_text(content, encoding="utf-8")
    elif isinstance(content, Path):
        shutil.copyfile(content, path)
    else:
        Image.fromarray(content).save(path)


def lines(*names: str) -> str:
    """A text of one name a line."""
    return "".join(f"{name}\n" for name in names)


def colours(count: int) -> NDArray[np.uint8]:
    """Colours that differ, (count, 3); the first is black."""
    number = np.arange(count)
    return np.stack([number * 53 % 256, number * 101 % 256, number * 197 % 256], axis=1).astype(np.uint8)


def with_background(ids: Ids) -> Ids:
    """Ids that count from 1, where 0 is what nobody labelled."""
    return np.where(ids == _VOID, 0, ids + 1).astype(np.uint8)


def folder(root: Path, names: Sequence[str], photos: Sequence[Photo]) -> None:
    """The folder format of clipteacher itself."""
    put(root / "classes.txt", lines(*names))
    for each in photos:
        put(root / "images" / each.split / each.file.name, each.file)
        put(root / "masks" / each.split / f"{each.file.stem}.png", each.ids)


def voc(root: Path, names: Sequence[str], photos: Sequence[Photo]) -> None:
    """PASCAL VOC's folders, and its lists of splits."""
    put(root / "labels.txt", lines(_BACKGROUND, *names))
    _voc(root, photos, {named(each): with_background(each.ids) for each in photos})


def cvat(root: Path, names: Sequence[str], photos: Sequence[Photo]) -> None:
    """CVAT's "Segmentation mask 1.1": VOC's folders, colours, and `labelmap.txt`."""
    table = colours(len(names) + 1)
    rows = [f"{name}:{','.join(map(str, colour))}::" for name, colour in zip((_BACKGROUND, *names), table, strict=True)]
    put(root / "labelmap.txt", lines("# label:color_rgb:parts:actions", *rows))
    _voc(root, photos, {named(each): table[with_background(each.ids)] for each in photos})


def _voc(root: Path, photos: Sequence[Photo], masks: dict[str, NDArray[np.uint8]]) -> None:
    for each in photos:
        put(root / "JPEGImages" / f"{named(each)}.png", each.file)
        put(root / "SegmentationClass" / f"{named(each)}.png", masks[named(each)])
    for split in ("train", "val"):
        listed = (named(each) for each in photos if each.split == split)
        put(root / "ImageSets" / "Segmentation" / f"{split}.txt", lines(*listed))


def camvid(root: Path, names: Sequence[str], photos: Sequence[Photo]) -> None:
    """`train/` and `trainannot/`."""
    put(root / "classes.txt", lines(*names))
    for each in photos:
        put(root / each.split / each.file.name, each.file)
        put(root / f"{each.split}annot" / f"{each.file.stem}.png", each.ids)


def images_masks(root: Path, names: Sequence[str], photos: Sequence[Photo]) -> None:
    """`images/` and `labels/` without a split, and nothing that says the names."""
    for each in photos:
        put(root / "images" / f"{named(each)}.png", each.file)
        put(root / "labels" / f"{named(each)}.png", each.ids)


def colour_masks(root: Path, names: Sequence[str], photos: Sequence[Photo]) -> None:
    """Masks of colours, and a table of them."""
    table = colours(len(names) + 1)
    rows = [f"{name},{','.join(map(str, colour))}" for name, colour in zip(("void", *names), table, strict=True)]
    put(root / "class_dict.csv", lines("name,r,g,b", *rows))
    for each in photos:
        put(root / "images" / each.split / f"{each.file.stem}.png", each.file)
        put(root / "masks" / each.split / f"{each.file.stem}.png", table[with_background(each.ids)])


def binary(root: Path, names: Sequence[str], photos: Sequence[Photo]) -> None:
    """One object, 255 in masks that are 0 elsewhere."""
    for each in photos:
        put(root / "images" / each.split / f"{each.file.stem}.png", each.file)
        mask = np.where(each.ids == names.index("sky"), 255, 0).astype(np.uint8)
        put(root / "masks" / each.split / f"{each.file.stem}.png", mask)


def coco(root: Path, names: Sequence[str], photos: Sequence[Photo]) -> None:
    """COCO's release: a JSON file for each split."""
    categories = [{"id": number + 1, "name": name} for number, name in enumerate(names)]
    for split in ("train", "val"):
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for number, each in enumerate(photo for photo in photos if photo.split == split):
            put(root / f"{split}2017" / f"{each.file.stem}.png", each.file)
            height, width = each.ids.shape
            images.append({"id": number, "file_name": f"{each.file.stem}.png", "height": height, "width": width})
            for label in np.unique(each.ids[each.ids != _VOID]):
                found = run_lengths.encode(np.asfortranarray(each.ids == label, dtype=np.uint8))  # type: ignore[no-untyped-call]
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": number,
                        "category_id": int(label) + 1,
                        "segmentation": {"size": [height, width], "counts": found["counts"].decode()},
                        "iscrowd": 0,
                        "area": int((each.ids == label).sum()),
                    }
                )
        value = {"images": images, "annotations": annotations, "categories": categories}
        put(root / "annotations" / f"instances_{split}2017.json", json.dumps(value))


def labelme(root: Path, names: Sequence[str], photos: Sequence[Photo]) -> None:
    """Labelme's files in nested folders: blocks as rectangles of two points, of four, and rotated ones."""
    for number, each in enumerate(photos):
        place = root / f"day{number % 2}" / each.split
        put(place / f"{named(each)}.png", each.file)
        height, width = each.ids.shape
        value = {
            "version": "5.5.0",
            "flags": {},
            "shapes": list(_blocks(each.ids, names)),
            "imagePath": f"{named(each)}.png",
            "imageData": None,
            "imageHeight": height,
            "imageWidth": width,
        }
        put(place / f"{named(each)}.json", json.dumps(value))


def _blocks(ids: Ids, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    for top in range(0, ids.shape[0], _BLOCK):
        for left in range(0, ids.shape[1], _BLOCK):
            values, counts = np.unique(ids[top : top + _BLOCK, left : left + _BLOCK], return_counts=True)
            label = int(values[counts.argmax()])
            if label == _VOID:
                continue
            right, bottom = left + _BLOCK - 1, top + _BLOCK - 1
            corners = [[left, top], [right, top], [right, bottom], [left, bottom]]
            kinds: tuple[tuple[str, list[list[int]]], ...] = (
                ("rectangle", [corners[0], corners[2]]),
                ("rectangle", corners),
                ("rotation", corners),
                ("polygon", corners),
            )
            kind, points = kinds[(top + left) // _BLOCK % len(kinds)]
            yield {"label": names[label], "points": points, "shape_type": kind, "group_id": None, "flags": {}}


def label_studio(root: Path, names: Sequence[str], photos: Sequence[Photo]) -> None:
    """Label Studio's "Brush labels to PNG", and the project's JSON export."""
    tasks = []
    for task, each in enumerate(photos):
        put(root / "photos" / f"{named(each)}.png", each.file)
        tasks.append({"id": task, "image": f"/data/upload/1/0a1b2c3d-{named(each)}.png"})
        for label in np.unique(each.ids[each.ids != _VOID]):
            name = names[label].replace(" ", "-")
            brush = np.where(each.ids == label, 255, 0).astype(np.uint8)
            put(root / "brushes" / f"task-{task}-annotation-1-by-1-tag-{name}-0.png", brush)
    put(root / "export.json", json.dumps(tasks))


class Case(NamedTuple):
    """A layout: how it is written, what `train` must recognise, and what must be typed besides `--want`."""

    write: Callable[[Path, Sequence[str], Sequence[Photo]], None]
    layout: str
    flags: Sequence[str] = ()


def cases(names: Sequence[str]) -> dict[str, Case]:
    """All layouts, by the name of a folder."""
    return {
        "ours": Case(folder, "folder"),
        "voc": Case(voc, "voc"),
        "camvid": Case(camvid, "train-trainannot"),
        "images_labels": Case(images_masks, "images-masks", ("--classes", ", ".join(names))),
        "cvat": Case(cvat, "cvat"),
        "colours": Case(colour_masks, "colour-masks"),
        "one_object": Case(binary, "binary", ("--classes", "sky")),
        "coco": Case(coco, "coco"),
        "labelme": Case(labelme, "labelme"),
        "label_studio": Case(label_studio, "label-studio"),
    }


def check_run(case: Case, run: Path, said: str) -> None:
    """Check that a run is what a user expects.

    Raises:
        RuntimeError: It is not.
    """
    missing = [name for name in ("metrics.json", "report.png", "wanted.png", "plan.yaml") if not (run / name).is_file()]
    if missing:
        raise RuntimeError(f"{run}: got no {', '.join(missing)}\n{said}")
    decided = (run / "plan.yaml").read_text(encoding="utf-8").partition("\n")[0]
    if f"({case.layout}: " not in decided:
        raise RuntimeError(f"{run}: got {decided!r}, expected the layout {case.layout}")
    protocol = json.loads((run / "metrics.json").read_text())["protocol"]
    if not protocol.endswith("-transductive"):
        raise RuntimeError(f"{run}: got the protocol {protocol}, expected a transductive one")


def main() -> None:
    """Train on each layout, and segment a photo with what was trained."""
    names, photos = drawn(Path("drawn"))
    rows: list[tuple[str, str, float]] = []
    for name, case in cases(names).items():
        case.write(Path(name), names, photos)
        flags = ["--want", "boat, old tree", *case.flags]
        begun = time.perf_counter()
        said = clipteacher("train", name, *flags, "--out", f"runs/{name}", "--minutes", "0.1", "--device", "cpu")
        check_run(case, Path("runs", name), said)
        clipteacher("segment", str(photos[0].file), "--model", f"runs/{name}/model", "--out", f"pictures/{name}")
        rows.append((name, " ".join(_quoted(flags)), time.perf_counter() - begun))
    for name, typed, seconds in rows:
        print(f"clipteacher train {name} {typed[:70]}  ({seconds:.0f} s)")
    print(f"All {len(rows)} layouts: one command, a model and a report.")


def _quoted(arguments: Iterable[str]) -> Iterator[str]:
    return (f'"{each}"' if " " in each else each for each in arguments)


if __name__ == "__main__":
    main()
