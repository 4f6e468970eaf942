"""Labelme's JSON, one file per photo: polygons, rectangles, circles and masks.

Shapes are filled by Pillow, as Labelme fills them when it exports. Labelme itself is a desktop program that needs Qt.

Source: `labelme/utils/shape.py` and `labelme/_label_file.py` of <https://github.com/wkentaro/labelme>.
"""

from __future__ import annotations

import base64
import io
import math
from collections import Counter
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from clipteacher.convert.annotated import AnnotatedPhoto, Annotations, Shape, collect, inner_path, read_json
from clipteacher.data.files import IMAGE_SUFFIXES, DataError
from clipteacher.utils.lists import shortened

IGNORED_LABEL: Final = "__ignore__"
"""Labelme's own label for pixels to be ignored."""

_POINTS: Final = {"polygon": None, "oriented_rectangle": 4, "rectangle": 2, "circle": 2, "mask": 2}
"""Kinds of shapes with an area, and their numbers of points; a polygon has three or more."""

_THIN: Final = ("line", "linestrip", "point", "points")


def read_labelme(folder: str | Path, *, skip_missing: bool = False) -> Annotations:
    """Read a folder of Labelme's JSON files and their photos.

    Args:
        folder: The folder; subfolders are not read.
        skip_missing: Leave out JSON files whose photos are missing instead of raising an error.

    Returns:
        Photos and shapes; labels in alphabetical order, ignoring case. Lines and points, which have no area, and photos
        without a JSON file are left out, and noted.

    Raises:
        DataError: There is no JSON file, one is not Labelme's, a shape is damaged, or a photo is neither on disk nor
            inside its JSON file.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(
            f"{folder}: no such folder, expected one with Labelme's JSON files and their photos. Correct it."
        )
    visible = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    labels: Counter[str] = Counter()
    thin: list[str] = []
    read = {file: _read(file, labels, thin) for file in visible if file.suffix.lower() == ".json"}
    photos = [photo for photo in read.values() if photo is not None]
    missing = [file.name for file, photo in read.items() if photo is None]
    if missing and not skip_missing:
        raise DataError(
            f"{folder}: the photos of {len(missing)} JSON files are missing: {shortened(missing)}. Put them beside the "
            "JSON files, or continue without them with --skip_missing."
        )
    known = {photo.file.resolve() for photo in photos}
    bare = [each.name for each in visible if each.suffix.lower() in IMAGE_SUFFIXES and each.resolve() not in known]
    left_out = {
        "lines or points have no area": thin,
        "JSON files have no photo": missing,
        "photos have no JSON file": bare,
    }
    in_order = Counter({label: labels[label] for label in sorted(labels, key=lambda label: (label.casefold(), label))})
    return collect(str(folder), photos, in_order, left_out)


def _read(file: Path, labels: Counter[str], thin: list[str]) -> AnnotatedPhoto | None:
    """Read one JSON file, count its labels and note its lines; return None if its photo is missing."""
    data = read_json(file)
    entries = data.get("shapes")
    if not isinstance(entries, list) or "imagePath" not in data:
        raise DataError(f"{file}: no `shapes` and `imagePath`, expected a file of Labelme. Remove it from the folder.")
    shapes = []
    for number, entry in enumerate(entries):
        where = f"{file}: shape {number}"
        entry = entry if isinstance(entry, dict) else {"shape_type": type(entry).__name__}
        kind, label = entry.get("shape_type") or "polygon", entry.get("label")
        if kind in _THIN:
            thin.append(where)
            continue
        if kind not in _POINTS or not isinstance(label, str):
            raise DataError(
                f"{where}: got a shape of type {kind!r} with the label {label!r}, expected one of "
                f"{', '.join(_POINTS)} and a string. Draw it again."
            )
        points = _points(entry.get("points"), kind, where)
        draw = partial(_filled, kind, points)
        if kind == "mask":
            draw = partial(_placed, _stored_mask(entry.get("mask"), where), points)
        if label != IGNORED_LABEL:
            labels[label] += 1
        shapes.append(Shape(None if label == IGNORED_LABEL else label, where, draw))
    photo, inner = _photo(file, data["imagePath"])
    content = None
    if not photo.is_file():
        if not data.get("imageData"):
            return None
        content = _bytes(data["imageData"], f"{file}: imageData")
    height, width = data.get("imageHeight"), data.get("imageWidth")
    size = (height, width) if isinstance(height, int) and isinstance(width, int) else None
    return AnnotatedPhoto(photo, inner, size, tuple(shapes), content)


def _photo(file: Path, written: object) -> tuple[Path, PurePosixPath]:
    """Find the photo of a JSON file, and its path inside the folder of photos.

    Labelme writes the path from the JSON file to the photo, which may lead out of the folder (`../photos/a.jpg`). If
    the photo is not there, as after the folder was moved, it is looked for beside the JSON file.
    """
    if isinstance(written, str):
        path = PurePosixPath(PureWindowsPath(written).as_posix())
        if ".." in path.parts or path.is_absolute() or PureWindowsPath(written).drive:
            inner = inner_path(path.name, str(file))
            there = file.parent / path
            return (there if there.is_file() else file.parent / inner), inner
    inner = inner_path(written, str(file))
    there, beside = file.parent / inner, file.parent / inner.name
    return (beside if beside.is_file() and not there.is_file() else there), inner


def _points(points: object, kind: str, where: str) -> list[tuple[float, float]]:
    """Check the points of a shape; a polygon may have any number."""
    good = isinstance(points, list) and all(
        isinstance(point, list)
        and len(point) == 2
        and all(isinstance(number, int | float) and math.isfinite(number) for number in point)
        for point in points
    )
    count = _POINTS[kind]
    if not isinstance(points, list) or not good or (count is not None and len(points) != count):
        raise DataError(
            f"{where}: got points that a {kind} cannot have, expected {count or 'three or more'} pairs of finite "
            "numbers. Draw it again."
        )
    return [(float(x), float(y)) for x, y in points]


def _filled(kind: str, points: list[tuple[float, float]], height: int, width: int) -> NDArray[np.bool_]:
    """Fill a shape on (height, width) with Pillow, as Labelme does: (H, W), bool."""
    canvas = Image.new("L", (width, height))
    pen = ImageDraw.Draw(canvas)
    if kind == "circle":
        (x, y), rim = points
        radius = math.dist((x, y), rim)
        if radius > 0:
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), outline=1, fill=1)
    elif kind == "rectangle":
        (left, right), (top, bottom) = (sorted(side) for side in zip(*points, strict=True))
        if left < right and top < bottom:
            pen.rectangle((left, top, right, bottom), outline=1, fill=1)
    elif len(set(points)) > 2:  # fewer corners have no area
        pen.polygon(points, outline=1, fill=1)
    return np.asarray(canvas).astype(bool)


def _placed(patch: NDArray[np.bool_], points: list[tuple[float, float]], height: int, width: int) -> NDArray[np.bool_]:
    """Put a stored mask (h, w) at the first of its two corners on (height, width): (H, W), bool."""
    mask = np.zeros((height, width), dtype=bool)
    left, top = (round(number) for number in points[0])
    rows, columns = slice(max(top, 0), max(top + patch.shape[0], 0)), slice(max(left, 0), max(left + patch.shape[1], 0))
    target = mask[rows, columns]
    target[:] = patch[max(-top, 0) :, max(-left, 0) :][: target.shape[0], : target.shape[1]]
    return mask


def _stored_mask(text: object, where: str) -> NDArray[np.bool_]:
    """Decode the mask of a shape of type mask, a PNG in base64: (h, w), bool."""
    try:
        with Image.open(io.BytesIO(_bytes(text, where))) as image:
            return np.asarray(image.convert("L")).astype(bool)
    except OSError as error:
        raise DataError(f"{where}: its mask cannot be read ({error}), expected a PNG. Draw it again.") from error


def _bytes(text: Any, where: str) -> bytes:  # noqa: ANN401 (any JSON value)
    """Decode base64."""
    try:
        return base64.b64decode(text, validate=True)
    except (TypeError, ValueError) as error:
        raise DataError(f"{where}: not base64 ({error}), which Labelme writes. Save it again from Labelme.") from error
