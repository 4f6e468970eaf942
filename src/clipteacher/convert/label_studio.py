"""Label Studio's export "Brush labels to PNG": a mask for each label, and its JSON, which names the photos.

Source: `label_studio_sdk/converter/brush.py` of <https://github.com/HumanSignal/label-studio-sdk>: files are named
`task-<id>-annotation-<id>-by-<user>-<control>-<label>-<number>.png`, and slashes in them become hyphens.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
from numpy.typing import NDArray

from clipteacher.convert.annotated import (
    AnnotatedPhoto,
    Annotations,
    Shape,
    collect,
    whole_number,
)
from clipteacher.convert.mask_files import read_mask
from clipteacher.data.files import IMAGE_SUFFIXES, DataError
from clipteacher.protocols.splits import composed
from clipteacher.utils.lists import shortened

_FILE: Final = re.compile(r"task-(?P<task>\d+)-annotation-(?P<annotation>\d+)-by-[^-]*-(?P<label>.+)-\d+\.png")
_UPLOADED: Final = re.compile(r"[0-9a-f]{8}-")  # what Label Studio puts before the names of uploaded photos
_LONGEST: Final = 4096  # photos stored inside the JSON have no name
_HALF: Final = 127  # brushes are 0 or 255


class _Brush(NamedTuple):
    file: Path
    task: int
    annotation: int
    label: str  # with the name of the control before it


def brush_files(files: Sequence[Path]) -> list[Path]:
    """Return the files of such an export."""
    return [file for file in files if _FILE.fullmatch(file.name)]


def read_label_studio(folder: Path, files: Sequence[Path]) -> Annotations:
    """Read an export of brush labels.

    Args:
        folder: The folder, for messages.
        files: All files in it: masks, photos, and the same project exported as JSON, without which photos must be named
            after their tasks' ids (`12.jpg`).

    Returns:
        Photos and shapes; labels in alphabetical order. Of several annotations of a photo the last is taken, and photos
        without one are left out, and noted.

    Raises:
        DataError: The photo of a task is not known or not there.
    """
    brushes = [
        _Brush(file, int(match["task"]), int(match["annotation"]), composed(match["label"]))
        for file in files
        if (match := _FILE.fullmatch(file.name))
    ]
    tasks = {key: task for file in files if file.suffix.lower() == ".json" for key, task in _tasks(file).items()}
    pictures = {composed(file.name): file for file in files if file.suffix.lower() in IMAGE_SUFFIXES}
    pictures = {name: file for name, file in pictures.items() if not _FILE.fullmatch(name)}
    last = {brush.task: brush.annotation for brush in sorted(brushes, key=lambda brush: brush.annotation)}
    photo_of = {task: _photo(task, tasks, pictures) for task in sorted(last)}
    unknown = [task for task, photo in photo_of.items() if photo is None]
    if unknown:
        raise DataError(
            f"{folder}: got no photo for the tasks {shortened(unknown)}, expected the project's JSON export and its "
            "photos beside the masks, or photos named after the tasks, such as 12.jpg. Export it as JSON, too."
        )
    labels: Counter[str] = Counter()
    shapes: dict[int, list[Shape]] = {}
    older = []
    for brush in brushes:
        if brush.annotation != last[brush.task]:
            older.append(brush.file.name)
            continue
        label = _label(brush, tasks)
        labels[label] += 1
        shapes.setdefault(brush.task, []).append(Shape(label, str(brush.file), partial(_drawn, brush.file)))
    photos = [
        AnnotatedPhoto(photo, PurePosixPath(photo.name), None, tuple(shapes[task]))
        for task, photo in photo_of.items()
        if photo is not None
    ]
    known = {photo.file for photo in photos}
    left_out = {
        "masks are of earlier annotations of their photos": older,
        "photos have no mask": [name for name, file in sorted(pictures.items()) if file not in known],
    }
    in_order = sorted(labels, key=lambda label: (label.casefold(), label))
    return collect(str(folder), photos, Counter({label: labels[label] for label in in_order}), left_out)


def _tasks(file: Path) -> dict[int, dict[str, Any]]:
    """Read the tasks of an export as JSON or JSON-MIN, by id; none if the file is something else."""
    try:
        value = json.loads(file.read_text(encoding="utf-8-sig"))
    except (UnicodeDecodeError, ValueError, RecursionError):
        return {}
    entries = [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
    return {key: entry for entry in entries if (key := whole_number(entry.get("id"))) is not None}


def _photo(task: int, tasks: Mapping[int, dict[str, Any]], pictures: Mapping[str, Path]) -> Path | None:
    """Return the photo of a task."""
    for name in _names(tasks.get(task, {})):
        for each in (name, _UPLOADED.sub("", name)):
            if each in pictures:
                return pictures[each]
    stems = (str(task), f"task-{task}")
    return next((file for name, file in sorted(pictures.items()) if PurePosixPath(name).stem in stems), None)


def _names(task: dict[str, Any]) -> list[str]:
    """Return all file names of photos that a task mentions."""
    data = task.get("data")
    texts = [task.get("file_upload"), *(data.values() if isinstance(data, dict) else ()), *task.values()]
    names = []
    for text in texts:
        if isinstance(text, str) and len(text) < _LONGEST:
            try:
                parts = urlsplit(text)
            except ValueError:  # brackets that are no address
                continue
            # Photos on the server's own disk: /data/local-files/?d=folder/photo.jpg
            path = parse_qs(parts.query).get("d", [unquote(parts.path)])[0]
            names.append(composed(PurePosixPath(path).name))
    return [name for name in names if PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES]


def _label(brush: _Brush, tasks: Mapping[int, dict[str, Any]]) -> str:
    """Return the label of a mask: as the JSON writes it, else what follows the control's name in the file's name."""
    annotations = tasks.get(brush.task, {}).get("annotations")
    for annotation in annotations if isinstance(annotations, list) else ():
        regions = annotation.get("result") if isinstance(annotation, dict) else None
        for result in regions if isinstance(regions, list) else ():
            value = result.get("value") if isinstance(result, dict) else None
            labels = value.get("brushlabels") if isinstance(value, dict) else None
            if isinstance(labels, list) and len(labels) == 1:
                written = f"{result.get('from_name')}-{labels[0]}"
                if composed(re.sub(r"[/\\]", "-", written)) == brush.label:
                    return str(labels[0])
    return brush.label.partition("-")[2] or brush.label


def _drawn(file: Path, height: int, width: int) -> NDArray[np.bool_]:
    """Read a brush on (height, width): (H, W), bool."""
    values = read_mask(file).ids
    if values is None or values.shape != (height, width):
        got = "colours" if values is None else f"{values.shape[1]}x{values.shape[0]}"
        raise DataError(
            f"{file}: got {got}, expected one channel of {width}x{height} (width x height), the photo's size. Export "
            "it again."
        )
    return values > _HALF
