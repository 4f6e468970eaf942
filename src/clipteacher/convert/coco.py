"""COCO's JSON of instances, as COCO releases it and as CVAT, Label Studio, Roboflow and others export it.

Polygons are drawn by pycocotools, COCO's own code, so that pixels come out as COCO counts them.

Source: <https://cocodataset.org/#format-data>, "Object Detection".
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from clipteacher.convert.annotated import (
    AnnotatedPhoto,
    Annotations,
    Shape,
    checked_photos,
    flat_name,
    inner_path,
    read_json,
    shortened,
)
from clipteacher.data.files import DataError

Crowd = Literal["ignore", "class"]
"""What becomes of a crowd region (`iscrowd: 1`), which rings a group loosely: 255, or its class."""

_CORNERS: Final = 3  # of a polygon, at least; pycocotools takes two for a box
_FAR: Final = 10  # sides away from the photo's corner that no hand draws to


def read_coco(
    path: str | Path, images: str | Path, *, crowd: Crowd = "ignore", skip_missing: bool = False
) -> Annotations:
    """Read a JSON file of instances.

    Args:
        path: The JSON file.
        images: Folder that its `file_name`s are relative to.
        crowd: What becomes of crowd regions.
        skip_missing: Leave out photos that are not there instead of refusing.

    Returns:
        Photos and shapes; labels in the order of the category ids. A photo without a shape stays, with no
        pixel labelled. Annotations with a box alone are left out, and noted.

    Raises:
        DataError: The file is no such JSON, an id is unknown or given twice, a shape is damaged, photos are missing, or
            no annotation has a shape.
        ImportError: pycocotools is not installed.
    """
    check_pycocotools()
    path, images = Path(path), Path(images)
    data = read_json(path)
    photos_of = _by_id(data, "images", path)
    names = {key: _category_name(entry, path) for key, entry in sorted(_by_id(data, "categories", path).items())}
    if not images.is_dir():
        raise DataError(f"{images}: no such folder, expected that of the photos. Correct --images.")
    labels = Counter(dict.fromkeys(names.values(), 0))
    shapes: dict[int, list[Shape]] = {key: [] for key in photos_of}
    boxes: list[str] = []
    for number, entry in enumerate(_list(data, "annotations", path)):
        where = f"{path}: annotation {entry.get('id', f'number {number}')}"
        image_id, category = entry.get("image_id"), entry.get("category_id")
        if image_id not in photos_of or category not in names:
            raise DataError(
                f"{where}: got image_id {image_id!r} and category_id {category!r}, expected ids that images and "
                "categories have. Export it again, or remove the annotation."
            )
        if not entry.get("segmentation"):
            boxes.append(where)
            continue
        name = names[category]
        labels[name] += 1
        ignored = crowd == "ignore" and bool(entry.get("iscrowd", 0))
        draw = partial(_draw, entry["segmentation"], where)
        shapes[image_id].append(Shape(None if ignored else name, where, draw))
    if not sum(labels.values()):
        raise DataError(
            f"{path}: got {len(boxes)} annotations and no shape, expected polygons or run lengths under "
            "`segmentation`. Export masks rather than boxes."
        )
    notes = [f"{len(boxes)} annotations have no shape (a box alone) and were left out"] if boxes else []
    photos, missing = [], []
    for key, entry in photos_of.items():
        where = f"{path}: image {key}"
        inner = inner_path(entry.get("file_name"), where)
        file = images / inner
        if file.is_file():
            photos.append(AnnotatedPhoto(file, flat_name(inner), _size(entry, where), tuple(shapes[key])))
        else:
            missing.append(str(inner))
    if missing and not skip_missing:
        raise DataError(
            f"{images}: {len(missing)} of {len(photos_of)} photos are not there: {shortened(missing)}. Correct "
            "--images, or go on without them with --skip_missing."
        )
    if missing:
        notes.append(f"{len(missing)} photos are not in {images} and were left out: {shortened(missing)}")
    return Annotations(checked_photos(photos, str(path)), labels, tuple(notes))


def check_pycocotools() -> None:
    """Check that pycocotools is there.

    Raises:
        ImportError: It is not; the message says how to install it.
    """
    try:
        import pycocotools.mask  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"convert coco: pycocotools cannot be loaded ({error}); it draws COCO's shapes. Install it: "
            "pip install 'clipteacher[convert]'"
        ) from error


def _list(data: dict[str, Any], key: str, path: Path) -> list[dict[str, Any]]:
    """One of the file's three lists of objects."""
    value = data.get(key)
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        got = "none" if value is None else "something else"
        raise DataError(
            f"{path}: got {got} for {key!r}, expected a list of objects, as in COCO's instances_*.json. Is it another "
            "format, such as captions or panoptic?"
        )
    return value


def _by_id(data: dict[str, Any], key: str, path: Path) -> dict[int, dict[str, Any]]:
    """Objects of a list by their ids, each of which may be there once."""
    found: dict[int, dict[str, Any]] = {}
    for entry in _list(data, key, path):
        number = entry.get("id")
        if not isinstance(number, int) or number in found:
            raise DataError(
                f"{path}: got id {number!r} in {key}, expected a number that no other has. Export it again."
            )
        found[number] = entry
    return found


def _category_name(entry: dict[str, Any], path: Path) -> str:
    name = entry.get("name")
    if not isinstance(name, str) or not name.strip():
        raise DataError(f"{path}: got category {entry.get('id')} with the name {name!r}, expected text. Name it.")
    return name


def _size(entry: dict[str, Any], where: str) -> tuple[int, int] | None:
    """Height and width, where both are there."""
    height, width = entry.get("height"), entry.get("width")
    if height is None or width is None:
        return None
    if not isinstance(height, int) or not isinstance(width, int) or min(height, width) < 1:
        raise DataError(f"{where}: got height {height!r} and width {width!r}, expected positive numbers. Correct them.")
    return height, width


def _draw(segmentation: object, where: str, height: int, width: int) -> NDArray[np.bool_]:
    """Draw polygons or run lengths on (height, width): (H, W), bool."""
    from pycocotools import mask as coco_mask

    if isinstance(segmentation, dict):
        return _decoded(segmentation, where, height, width)
    if not isinstance(segmentation, list):
        raise DataError(f"{where}: got a segmentation of type {type(segmentation).__name__}, expected polygons or RLE.")
    checked = [_polygon(polygon, where, max(height, width)) for polygon in segmentation]
    polygons = [polygon for polygon in checked if len(polygon) >= 2 * _CORNERS]
    if not polygons:
        return np.zeros((height, width), dtype=bool)
    merged = coco_mask.merge(coco_mask.frPyObjects(polygons, height, width))
    # pycocotools' own `decode` does not follow NumPy 2's rules for arrays yet.
    return _decoded({"size": [height, width], "counts": merged["counts"].decode()}, where, height, width)


def _polygon(polygon: object, where: str, side: int) -> list[float]:
    """Check a polygon x, y, x, y, … on a photo whose longer side is given."""
    if not isinstance(polygon, list) or not all(isinstance(number, int | float) for number in polygon):
        raise DataError(f"{where}: got a polygon that is no list of numbers x, y, x, y, … Export it again.")
    # Corners a little outside are cut off at the edge. pycocotools walks along every side, so far ones are refused.
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
        runs = counts if isinstance(counts, list) else _run_lengths(str(counts))
        # pycocotools leaves memory as it was where runs end early, so they are added up here.
        if sum(runs) != height * width:
            raise ValueError(f"they cover {sum(runs)} of {height * width} pixels")
        # From the top down and then to the right, outside first.
        return np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape((height, width), order="F")
    except (OverflowError, TypeError, ValueError) as error:
        raise DataError(f"{where}: got run lengths that cannot be read ({error}). Export it again.") from error


def _run_lengths(text: str) -> list[int]:
    """Unpack COCO's compressed run lengths (maskApi.c, rleFrString).

    A letter has five bits, the lowest first, and a sixth that says whether more follow; from the fourth on, a run is
    written as the difference to the last but one.
    """
    runs: list[int] = []
    value = shift = 0
    for letter in text:
        bits = ord(letter) - 48
        if not 0 <= bits < 64:
            raise ValueError(f"letter {letter!r} is none of theirs")
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
