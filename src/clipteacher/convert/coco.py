"""COCO's JSON of instances, as COCO releases it and as CVAT, Label Studio, Roboflow and others export it.

Polygons are drawn by pycocotools, COCO's own code, so they cover the pixels that COCO counts.

Source: <https://cocodataset.org/#format-data>, "Object Detection".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from clipteacher.convert.annotated import (
    AnnotatedPhoto,
    Annotations,
    Shape,
    collect,
    inner_path,
    on_disk,
    read_json,
    whole_number,
)
from clipteacher.data.files import DataError
from clipteacher.utils.lists import shortened
from clipteacher.utils.packages import needed

Crowd = Literal["ignore", "class"]
"""What a crowd region (`iscrowd: 1`), a loose outline of a group, becomes: 255, or its class."""

_CORNERS: Final = 3  # fewest corners of a polygon; pycocotools takes two for a box
_FAR: Final = 10  # no hand draws this many sides away from the photo's corner


def read_coco(
    path: str | Path, images: str | Path, *, crowd: Crowd = "ignore", skip_missing: bool = False
) -> Annotations:
    """Read a JSON file of instances.

    Args:
        path: The JSON file.
        images: Folder to which its `file_name`s are relative.
        crowd: What crowd regions become.
        skip_missing: Leave out missing photos instead of raising an error.

    Returns:
        Photos and shapes; labels in the order of the category ids. A photo without a shape is kept, with no
        pixel labelled. Annotations with only a box are left out, and noted; so is the category that Roboflow puts above
        all others.

    Raises:
        DataError: The file is not such a JSON, an id is unknown or given twice, photos are missing, or no annotation
            has a shape. A damaged shape raises it when drawn.
        ImportError: pycocotools is not installed.
    """
    needed("pycocotools.mask", "pycocotools", "convert")
    path, images = Path(path), Path(images)
    data = read_json(path)
    entries = _by_id(data, "images", path)
    if not images.is_dir():
        raise DataError(f"{images}: no such folder, expected that of the photos. Correct --images.")
    names, roots = _categories(data, path)
    shapes, labels, boxes = _shapes(data, path, set(entries), names, crowd)
    photos, missing = [], []
    for key, entry in entries.items():
        inner = inner_path(entry.get("file_name"), where := f"{path}: image {key}")
        if file := on_disk(images, inner):
            photos.append(AnnotatedPhoto(file, inner, _size(entry, where), tuple(shapes.get(key, ()))))
        else:
            missing.append(str(inner))
    if missing and not skip_missing:
        raise DataError(
            f"{images}: {len(missing)} of {len(entries)} photos are missing: {shortened(missing)}. Correct --images, "
            "or continue without them with --skip_missing."
        )
    left_out = {
        "annotations have no shape (a box only)": boxes,
        f"photos are not in {images}": missing,
        "categories stand above all others and have no annotation": roots,
    }
    return collect(str(path), photos, labels, left_out)


def _categories(data: dict[str, Any], path: Path) -> tuple[dict[int, str], list[str]]:
    """Return the names of the categories by id, ascending, and what is left out: the one that Roboflow puts above all.

    It has the lowest id and no annotation, and is the supercategory of all others.
    """
    entries = dict(sorted(_by_id(data, "categories", path).items()))
    names = {key: entry.get("name") for key, entry in entries.items()}
    for key, name in names.items():
        if not isinstance(name, str) or not name.strip():
            raise DataError(f"{path}: got category {key} with the name {name!r}, expected a string. Name it.")
    used = {entry.get("category_id") for entry in _list(data, "annotations", path)}
    first, *others = entries
    if others and first not in used and all(entries[key].get("supercategory") == names[first] for key in others):
        return {key: str(names[key]) for key in others}, [str(names[first])]
    return {key: str(name) for key, name in names.items()}, []


def _shapes(
    data: dict[str, Any], path: Path, images: set[int], names: Mapping[int, str], crowd: Crowd
) -> tuple[dict[int, list[Shape]], Counter[str], list[str]]:
    """Read the annotations: shapes by image id, the number of shapes of each label, and what is only a box."""
    shapes: dict[int, list[Shape]] = {}
    labels = Counter(dict.fromkeys(names.values(), 0))
    boxes: list[str] = []
    for number, entry in enumerate(_list(data, "annotations", path)):
        where = f"{path}: annotation {entry.get('id', f'number {number}')}"
        image_id, category = whole_number(entry.get("image_id")), whole_number(entry.get("category_id"))
        if image_id is None or image_id not in images or category is None or category not in names:
            raise DataError(
                f"{where}: got image_id {entry.get('image_id')!r} and category_id {entry.get('category_id')!r}, "
                "expected ids that images and categories have. Export it again, or remove the annotation."
            )
        if not entry.get("segmentation"):
            boxes.append(where.removeprefix(f"{path}: "))
            continue
        name = names[category]
        labels[name] += 1
        ignored = crowd == "ignore" and bool(entry.get("iscrowd", 0))
        draw = partial(_draw, entry["segmentation"], where)
        shapes.setdefault(image_id, []).append(Shape(None if ignored else name, where, draw))
    if not shapes:
        raise DataError(
            f"{path}: got {len(boxes)} annotations and no shape, expected polygons or run lengths under "
            "`segmentation`. Export masks rather than boxes."
        )
    return shapes, labels, boxes


def _list(data: dict[str, Any], key: str, path: Path) -> list[dict[str, Any]]:
    """Return one of the file's three lists of objects."""
    value = data.get(key)
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        got = "none" if value is None else "something else"
        raise DataError(
            f"{path}: got {got} for {key!r}, expected a list of objects, as in COCO's instances_*.json. It may have "
            "another format, such as captions or panoptic."
        )
    return value


def _by_id(data: dict[str, Any], key: str, path: Path) -> dict[int, dict[str, Any]]:
    """Return the objects of a list by their ids."""
    found: dict[int, dict[str, Any]] = {}
    for entry in _list(data, key, path):
        number = whole_number(entry.get("id"))
        if number is None or number in found:
            raise DataError(f"{path}: got id {entry.get('id')!r} in {key}, expected a unique number. Export it again.")
        found[number] = entry
    return found


def _size(entry: dict[str, Any], where: str) -> tuple[int, int] | None:
    """Return height and width if both are given."""
    given = entry.get("height"), entry.get("width")
    if None in given:
        return None
    height, width = map(whole_number, given)
    if height is None or width is None or min(height, width) < 1:
        raise DataError(
            f"{where}: got height {given[0]!r} and width {given[1]!r}, expected positive whole numbers. Correct them."
        )
    return height, width


def _draw(segmentation: object, where: str, height: int, width: int) -> NDArray[np.bool_]:
    """Draw polygons or run lengths on (height, width): (H, W), bool."""
    if isinstance(segmentation, dict):
        return _decoded(segmentation, where, height, width)
    if not isinstance(segmentation, list):
        raise DataError(f"{where}: got a segmentation of type {type(segmentation).__name__}, expected polygons or RLE.")
    checked = [_polygon(polygon, where, max(height, width)) for polygon in segmentation]
    polygons = [polygon for polygon in checked if len(polygon) >= 2 * _CORNERS]
    if not polygons:
        return np.zeros((height, width), dtype=bool)
    coco_mask = needed("pycocotools.mask", "pycocotools", "convert")
    merged = coco_mask.merge(coco_mask.frPyObjects(polygons, height, width))
    # pycocotools' own `decode` does not follow NumPy 2's rules for arrays yet.
    return _decoded({"size": [height, width], "counts": merged["counts"].decode()}, where, height, width)


def _polygon(polygon: object, where: str, side: int) -> list[float]:
    """Check a polygon x, y, x, y, … on a photo with this longer side."""
    if not isinstance(polygon, list) or not all(isinstance(number, int | float) for number in polygon):
        raise DataError(f"{where}: got a polygon that is not a list of numbers x, y, x, y, … Export it again.")
    # Corners slightly outside are cut off at the edge. pycocotools walks along every side, so far ones are refused.
    if len(polygon) % 2 or not all(abs(number) <= _FAR * side for number in polygon):
        raise DataError(
            f"{where}: got a polygon of {len(polygon)} numbers, expected pairs x, y on or near the photo, whose longer "
            f"side is {side}. Draw it again."
        )
    return [float(number) for number in polygon]


def _decoded(segmentation: dict[str, Any], where: str, height: int, width: int) -> NDArray[np.bool_]:
    """Decode run lengths, plain or compressed: (H, W), bool."""
    size, counts = segmentation.get("size"), segmentation.get("counts")
    if size != [height, width]:
        raise DataError(
            f"{where}: got run lengths of size {size}, expected [{height}, {width}], that of the photo. Export it "
            "again."
        )
    try:
        runs = [_run(run) for run in counts] if isinstance(counts, list) else _run_lengths(str(counts))
        # pycocotools leaves memory uninitialized if the runs end early.
        if sum(runs) != height * width:
            raise ValueError(f"they cover {sum(runs)} of {height * width} pixels")
        # Column by column, starting with pixels outside.
        return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape((height, width), order="F")
    except (OverflowError, TypeError, ValueError) as error:
        raise DataError(f"{where}: got run lengths that cannot be read ({error}). Export it again.") from error


def _run(value: object) -> int:
    """Return a run length, which some programs write as 12.0."""
    run = whole_number(value)
    if run is None:
        raise TypeError(f"{value!r} is no whole number")
    return run


def _run_lengths(text: str) -> list[int]:
    """Unpack COCO's compressed run lengths (maskApi.c, rleFrString).

    A letter has five bits, the lowest first, and a sixth that tells whether more follow; from the fourth on, a run is
    stored as the difference to the one before the last.
    """
    runs: list[int] = []
    value = shift = 0
    for letter in text:
        bits = ord(letter) - 48
        if not 0 <= bits < 64:
            raise ValueError(f"letter {letter!r} is not allowed")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    if shift:
        raise ValueError("they end within a number")
    return runs
