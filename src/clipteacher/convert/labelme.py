"""Labelme's JSON, one file a photo: polygons, rectangles, circles and masks.

Shapes are filled by Pillow as Labelme itself fills them when it exports. Labelme is not used for it: the package is a
desktop program, with Qt.

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
from clipteacher.data.files import IMAGE_SUFFIXES, DataError

IGNORED_LABEL: Final = "__ignore__"
"""The label that Labelme itself takes for pixels to be ignored."""

_POINTS: Final = {"polygon": None, "oriented_rectangle": 4, "rectangle": 2, "circle": 2, "mask": 2}
"""Kinds of shape that have an area, with their numbers of points; a polygon has three or more."""

_THIN: Final = ("line", "linestrip", "point", "points")


def read_labelme(folder: str | Path, *, skip_missing: bool = False) -> Annotations:
    """Read a folder of Labelme's JSON files and their photos.

    Args:
        folder: The folder; subfolders are not opened.
        skip_missing: Leave out JSON files whose photos are not there instead of refusing.

    Returns:
        Photos and shapes; labels in alphabetical order, upper and lower case alike. Lines and points have no area and
        are left out, photos without a JSON file too; both are noted.

    Raises:
        DataError: There is no JSON file, one is not Labelme's, a shape is damaged, or a photo is neither on disk nor
            inside its JSON file.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder, expected one of Labelme's JSON files and their photos. Correct it.")
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() == ".json" and file.name[0] != ".")
    labels: Counter[str] = Counter()
    photos: list[AnnotatedPhoto] = []
    thin: list[str] = []
    missing: list[str] = []
    for file in files:
        photo = _read(file, labels, thin)
        if photo is None:
            missing.append(file.name)
        else:
            photos.append(photo)
    if missing and not skip_missing:
        raise DataError(
            f"{folder}: the photos of {len(missing)} JSON files are not there: {shortened(missing)}. Put them beside "
            "the JSON files, or go on without them with --skip_missing."
        )
    known = {photo.file.resolve() for photo in photos}
    bare = sorted(
        each.name
        for each in folder.iterdir()
        if each.suffix.lower() in IMAGE_SUFFIXES and each.name[0] != "." and each.resolve() not in known
    )
    notes = []
    if thin:
        notes.append(f"{len(thin)} lines or points have no area and were left out: {shortened(thin)}")
    if missing:
        notes.append(f"{len(missing)} JSON files have no photo and were left out: {shortened(missing)}")
    if bare:
        notes.append(f"{len(bare)} photos have no JSON file and were left out: {shortened(bare)}")
    in_order = Counter({label: labels[label] for label in sorted(labels, key=lambda label: (label.casefold(), label))})
    return Annotations(checked_photos(photos, str(folder)), in_order, tuple(notes))


def _read(file: Path, labels: Counter[str], thin: list[str]) -> AnnotatedPhoto | None:
    """Read one JSON file, count its labels and note its lines; None where its photo is not there."""
    data = read_json(file)
    entries = data.get("shapes")
    if not isinstance(entries, list) or "imagePath" not in data:
        raise DataError(f"{file}: no `shapes` and `imagePath`, expected a file of Labelme. Take it out of the folder.")
    shapes = []
    for number, entry in enumerate(entries):
        where = f"{file}: shape {number}"
        kind, label = (
            (entry.get("shape_type") or "polygon", entry.get("label")) if isinstance(entry, dict) else ("", "")
        )
        if kind in _THIN:
            thin.append(where)
            continue
        if kind not in _POINTS or not isinstance(label, str):
            raise DataError(
                f"{where}: got a shape of type {kind!r} with the label {label!r}, expected one of "
                f"{', '.join(_POINTS)} and a text. Draw it again."
            )
        points = _points(entry.get("points"), kind, where)
        draw = (
            partial(_placed, _stored_mask(entry.get("mask"), where), points)
            if kind == "mask"
            else partial(_filled, kind, points)
        )
        if label != IGNORED_LABEL:
            labels[label] += 1
        shapes.append(Shape(None if label == IGNORED_LABEL else label, where, draw))
    photo, target = _photo(file, data["imagePath"])
    content = None
    if not photo.is_file():
        if not data.get("imageData"):
            return None
        content = _bytes(data["imageData"], f"{file}: imageData")
    height, width = data.get("imageHeight"), data.get("imageWidth")
    size = (height, width) if isinstance(height, int) and isinstance(width, int) else None
    return AnnotatedPhoto(photo, target, size, tuple(shapes), content)


def _photo(file: Path, written: object) -> tuple[Path, str]:
    """Find the photo of a JSON file, and name it in a folder that has no subfolders.

    Labelme writes the way from the JSON file to the photo, which may lead out of the folder (`../photos/a.jpg`). Where
    the photo is not at its end, as in a folder that was moved, it is looked for beside the JSON file.
    """
    if isinstance(written, str):
        path = PurePosixPath(PureWindowsPath(written).as_posix())
        if ".." in path.parts or path.is_absolute() or PureWindowsPath(written).drive:
            inner = inner_path(path.name, str(file))
            there = file.parent / path
            return (there if there.is_file() else file.parent / inner), flat_name(inner)
    inner = inner_path(written, str(file))
    there, beside = file.parent / inner, file.parent / inner.name
    return (beside if beside.is_file() and not there.is_file() else there), flat_name(inner)


def _points(points: object, kind: str, where: str) -> list[tuple[float, float]]:
    """Check the points of a shape; a polygon may have any number of them."""
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
    place = mask[rows, columns]
    place[:] = patch[max(-top, 0) :, max(-left, 0) :][: place.shape[0], : place.shape[1]]
    return mask


def _stored_mask(text: object, where: str) -> NDArray[np.bool_]:
    """Decode the mask of a shape of type mask, a PNG in base64: (h, w), bool."""
    try:
        with Image.open(io.BytesIO(_bytes(text, where))) as image:
            return np.asarray(image.convert("L")).astype(bool)
    except OSError as error:
        raise DataError(f"{where}: its mask cannot be read ({error}), expected a PNG. Draw it again.") from error


def _bytes(text: Any, where: str) -> bytes:  # noqa: ANN401 (whatever JSON may hold)
    """Decode base64."""
    try:
        return base64.b64decode(text, validate=True)
    except (TypeError, ValueError) as error:
        raise DataError(f"{where}: no base64 ({error}), as Labelme writes it. Save it again from Labelme.") from error
