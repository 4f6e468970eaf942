"""Labelme's JSON, one file per photo: polygons, rectangles, circles and masks; X-AnyLabeling writes the same.

Shapes are filled by Pillow, as Labelme fills them when it exports. Labelme itself is a desktop program that needs Qt.

Source: `labelme/utils/shape.py`, `labelme/_label_file.py` and `examples/*/labels.txt` of
<https://github.com/wkentaro/labelme>; `docs/en/user_guide.md` of <https://github.com/CVHub520/X-AnyLabeling>.
"""

from __future__ import annotations

import base64
import io
import math
import os
from collections import Counter
from collections.abc import Sequence
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
    collect,
    inner_path,
    on_disk,
    read_json,
    visible_files,
    whole_number,
)
from clipteacher.data.files import IMAGE_SUFFIXES, DataError
from clipteacher.protocols.splits import composed
from clipteacher.utils.lists import shortened

IGNORED_LABEL: Final = "__ignore__"
"""Labelme's own label for pixels to be ignored."""

BACKGROUND_LABEL: Final = "_background_"
"""Labelme's own label for the background."""

_POINTS: Final[dict[str, tuple[int, ...]]] = {
    "polygon": (),
    "oriented_rectangle": (4,),
    "rotation": (4,),  # X-AnyLabeling's name for it
    "rectangle": (2, 4),  # two corners, or all four as X-AnyLabeling writes them
    "circle": (2,),
    "mask": (2,),
}
"""Kinds of shapes with an area, and their numbers of points; a polygon may have any number."""

_THIN: Final = ("line", "linestrip", "point", "points")


def read_labelme(folder: str | Path, *, skip_missing: bool = False) -> Annotations:
    """Read a folder of Labelme's JSON files and their photos.

    Args:
        folder: The folder, with its subfolders; photos may lie beside their JSON files or in another of these folders.
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
    files = visible_files(folder)
    read = _Read(files)
    jsons = [file for file in files if file.suffix.lower() == ".json"]
    # The folders that all JSON files share tell nothing about a photo.
    base = Path(os.path.commonpath([file.parent for file in jsons])) if jsons else folder
    found = {file: read.photo(file, PurePosixPath(file.parent.relative_to(base).as_posix())) for file in jsons}
    photos = [photo for photo in found.values() if photo is not None]
    missing = [file.relative_to(folder).as_posix() for file, photo in found.items() if photo is None]
    if missing and not skip_missing:
        raise DataError(
            f"{folder}: the photos of {len(missing)} JSON files are missing: {shortened(missing)}. Put them beside the "
            "JSON files, or continue without them with --skip_missing."
        )
    known = {photo.file.resolve() for photo in photos}
    pictures = [file for file in files if file.suffix.lower() in IMAGE_SUFFIXES]
    bare = [file.relative_to(folder).as_posix() for file in pictures if file.resolve() not in known]
    left_out = {
        "lines or points have no area": read.thin,
        "JSON files have no photo": missing,
        "photos have no JSON file": bare,
    }
    labels = sorted(read.labels, key=lambda label: (label.casefold(), label))
    collected = collect(str(folder), photos, Counter({label: read.labels[label] for label in labels}), left_out)
    return collected._replace(notes=(*collected.notes, *read.own_labels()))


class _Read:
    """Reads JSON files of one folder; counts labels and collects what has no area.

    Args:
        files: All files of the folder.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self.labels: Counter[str] = Counter()
        self.thin: list[str] = []
        self._own: Counter[str] = Counter()
        self._named: dict[str, list[Path]] = {}
        for file in files:
            if file.suffix.lower() in IMAGE_SUFFIXES:
                self._named.setdefault(composed(file.name), []).append(file)

    def own_labels(self) -> list[str]:
        """Say what became of Labelme's own two labels."""
        became = {IGNORED_LABEL: "are not labelled (255)", BACKGROUND_LABEL: "are the class 'background'"}
        return [f"{self._own[label]} shapes of {label} {text}" for label, text in became.items() if self._own[label]]

    def photo(self, file: Path, inner_folder: PurePosixPath) -> AnnotatedPhoto | None:
        """Read one JSON file; return None if its photo is missing."""
        data = read_json(file)
        entries = data.get("shapes")
        if not isinstance(entries, list) or "imagePath" not in data:
            raise DataError(
                f"{file}: no `shapes` and `imagePath`, expected a file of Labelme. Remove it from the folder."
            )
        shapes = [self._shape(entry, f"{file}: shape {number}") for number, entry in enumerate(entries)]
        photo, inner = _photo(file, data["imagePath"])
        content = None
        if not photo.is_file():
            if data.get("imageData"):
                content = _bytes(data["imageData"], f"{file}: imageData")
            elif elsewhere := _nearest(file, self._named.get(composed(inner.name), [])):
                photo = elsewhere
            else:
                return None
        height, width = whole_number(data.get("imageHeight")), whole_number(data.get("imageWidth"))
        size = None if height is None or width is None else (height, width)
        drawn = tuple(shape for shape in shapes if shape is not None)
        return AnnotatedPhoto(photo, inner_folder / inner, size, drawn, content)

    def _shape(self, entry: object, where: str) -> Shape | None:
        """Read one shape; return None if it has no area."""
        entry = entry if isinstance(entry, dict) else {"shape_type": type(entry).__name__}
        kind, label = entry.get("shape_type") or "polygon", entry.get("label")
        if kind in _THIN:
            self.thin.append(where)
            return None
        if kind not in _POINTS or not isinstance(label, str):
            raise DataError(
                f"{where}: got a shape of type {kind!r} with the label {label!r}, expected one of "
                f"{', '.join(_POINTS)} and a string. Draw it again."
            )
        points = _points(entry.get("points"), kind, where)
        draw = partial(_filled, kind, points)
        if kind == "mask":
            draw = partial(_placed, _stored_mask(entry.get("mask"), where), points)
        if label in (IGNORED_LABEL, BACKGROUND_LABEL):
            self._own[label] += 1
        if label == IGNORED_LABEL:
            return Shape(None, where, draw)
        name = "background" if label == BACKGROUND_LABEL else label
        self.labels[name] += 1
        return Shape(name, where, draw)


def _nearest(file: Path, photos: Sequence[Path]) -> Path | None:
    """Return which of several photos of one name belongs to a JSON file: that whose path shares most folders with its.

    So `labels/day1/a.json` belongs to `images/day1/a.jpg`. None if two are as near.
    """
    shared = [len({*photo.parent.parts} & {*file.parent.parts}) for photo in photos]
    nearest = [photo for photo, count in zip(photos, shared, strict=True) if count == max(shared)]
    return nearest[0] if len(nearest) == 1 else None


def _photo(file: Path, written: object) -> tuple[Path, PurePosixPath]:
    """Find the photo of a JSON file, and its path inside the folder of photos.

    Labelme writes the path from the JSON file to the photo, which may lead out of the folder (`../photos/a.jpg`). If
    the photo is not there, as after the folder was moved, it is looked for beside the JSON file.
    """
    if isinstance(written, str):
        path = PurePosixPath(PureWindowsPath(written).as_posix())
        if ".." in path.parts or path.is_absolute() or PureWindowsPath(written).drive:
            inner = inner_path(path.name, str(file))
            found = on_disk(file.parent, path) or on_disk(file.parent, inner)
            return found or file.parent / inner, inner
    inner = inner_path(written, str(file))
    found = on_disk(file.parent, inner) or on_disk(file.parent, PurePosixPath(inner.name))
    return found or file.parent / inner, inner


def _points(points: object, kind: str, where: str) -> list[tuple[float, float]]:
    """Check the points of a shape."""
    good = isinstance(points, list) and all(
        isinstance(point, list)
        and len(point) == 2
        and all(isinstance(number, int | float) and math.isfinite(number) for number in point)
        for point in points
    )
    counts = _POINTS[kind]
    if not isinstance(points, list) or not good or (counts and len(points) not in counts):
        expected = " or ".join(map(str, counts)) or "three or more"
        raise DataError(
            f"{where}: got points that a {kind} cannot have, expected {expected} pairs of finite numbers. Draw it "
            "again."
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
    elif kind == "rectangle" and len(points) == 2:
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
