"""Photos, COCO's JSON and Labelme's JSON, drawn for the tests."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

TURNED = {3: (8, 12), 6: (12, 8), 8: (12, 8)}
"""Height and width of an upright photo that is stored as 12 x 8 (width x height), by EXIF orientation."""


def write_photo(path: Path, width: int = 12, height: int = 8, orientation: int | None = None) -> Path:
    """Write a photo as it is stored; an orientation tells a viewer how to turn it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    exif = Image.Exif()
    if orientation is not None:
        exif[274] = orientation
    Image.fromarray(pixels).save(path, exif=exif)
    return path


def box(left: int, top: int, right: int, bottom: int) -> list[float]:
    """A polygon around whole pixels, as COCO writes it."""
    return [left, top, right, top, right, bottom, left, bottom]


def coco(annotations: list[dict[str, Any]], images: list[dict[str, Any]], names: dict[int, str]) -> dict[str, Any]:
    return {
        "images": images,
        "annotations": [{"id": 100 + number} | each for number, each in enumerate(annotations)],
        "categories": [{"id": key, "name": name} for key, name in names.items()],
    }


def image(key: int, name: str, width: int = 12, height: int = 8) -> dict[str, Any]:
    return {"id": key, "file_name": name, "width": width, "height": height}


def write_json(path: Path, value: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
    return path


def shape(label: str, points: list[list[float]], kind: str = "polygon", **more: object) -> dict[str, Any]:
    return {"label": label, "points": points, "shape_type": kind, "group_id": None, "flags": {}, **more}


def labelme(
    path: Path, shapes: list[dict[str, Any]], photo: str, width: int = 12, height: int = 8, **more: object
) -> Path:
    value: dict[str, Any] = {"version": "5.5.0", "flags": {}, "shapes": shapes, "imagePath": photo, "imageData": None}
    return write_json(path, {**value, "imageHeight": height, "imageWidth": width, **more})


def png(array: NDArray[Any]) -> str:
    """A picture as base64, as Labelme stores masks."""
    data = io.BytesIO()
    Image.fromarray(array).save(data, "PNG")
    return base64.b64encode(data.getvalue()).decode()


def read_mask(path: Path) -> list[list[int]]:
    rows: list[list[int]] = np.asarray(Image.open(path)).tolist()
    return rows
