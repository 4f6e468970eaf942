"""What an annotation tool left of a photo: its file and labelled shapes, in no tool's own terms."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clipteacher.data.files import IMAGE_SUFFIXES, DataError

Draw = Callable[[int, int], NDArray[np.bool_]]
"""Draws a shape on a photo of a height and a width: (H, W), bool."""


class Shape(NamedTuple):
    """One labelled region of a photo.

    Attributes:
        label: Its class as it was written; None where pixels are to be ignored.
        where: File and place, for messages.
        draw: Draws it: height and width in, (H, W), bool, out. All False is a shape without area.
    """

    label: str | None
    where: str
    draw: Draw


class AnnotatedPhoto(NamedTuple):
    """A photo and its shapes.

    Attributes:
        file: The photo on disk.
        target: Its file name in the folder to write, without a path.
        size: Height and width that the shapes were drawn on, as the tool wrote them; None where it did not.
        shapes: The shapes, in the order in which they were drawn.
        content: The photo itself where the tool kept it inside its own file; else None.
    """

    file: Path
    target: str
    size: tuple[int, int] | None
    shapes: tuple[Shape, ...]
    content: bytes | None = None


@dataclass(frozen=True)
class Annotations:
    """All that was read.

    Attributes:
        photos: The photos, sorted by target.
        labels: How many shapes each label has, in the order that the ids are to have; 0 for a class without any.
        notes: What was left out, in words.
    """

    photos: tuple[AnnotatedPhoto, ...]
    labels: Counter[str]
    notes: tuple[str, ...]


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Raises:
        DataError: It is missing, no JSON, or holds something else.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file, expected a JSON file of annotations. Correct the path.")
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: no JSON ({error}), expected a JSON file of annotations. Export it again.") from error
    if not isinstance(value, dict):
        raise DataError(
            f"{path}: got a {type(value).__name__}, expected an object {{...}}. Is it another kind of file?"
        )
    return value


def inner_path(name: object, where: str) -> PurePosixPath:
    r"""Check the path of a photo as an annotation file has it: it may not lead out of the photos' folder.

    Args:
        name: The path as it was written, with slashes of either kind.
        where: What it stands in, for messages.

    Returns:
        The path, relative.

    Raises:
        DataError: It is no text, is absolute or leads upwards, or is no kind of photo that is read.

    Example:
        >>> str(inner_path(r"set\one.JPG", "a.json"))
        'set/one.JPG'
    """
    if not isinstance(name, str) or not name.strip():
        raise DataError(f"{where}: got {name!r} for a photo's file name, expected text. Export it again.")
    windows = PureWindowsPath(name)
    path = PurePosixPath(windows.as_posix())
    if windows.drive or path.is_absolute() or ".." in path.parts:
        raise DataError(
            f"{where}: got the photo {name!r}, expected a path inside the photos' folder. Make it relative to that."
        )
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        raise DataError(
            f"{where}: got the photo {name!r}, expected one ending in {', '.join(IMAGE_SUFFIXES)}. Save it as "
            "such, and correct its name here."
        )
    return path


def flat_name(path: PurePosixPath) -> str:
    """Name a photo of a subfolder in a folder that has none: `day1/a.jpg` becomes `day1_a.jpg`."""
    return "_".join(path.parts)


def checked_photos(photos: list[AnnotatedPhoto], where: str) -> tuple[AnnotatedPhoto, ...]:
    """Sort photos by target and check that no two share a mask.

    Raises:
        DataError: There is no photo, or two have one stem.
    """
    if not photos:
        raise DataError(f"{where}: got no photo with annotations, expected at least one. Is this the right export?")
    stems: dict[str, AnnotatedPhoto] = {}
    for photo in photos:
        # Lower case: some file systems take a.jpg and A.jpg for one.
        other = stems.setdefault(Path(photo.target).stem.lower(), photo)
        if other is not photo:
            raise DataError(
                f"{where}: {photo.file} and {other.file} would share the mask {Path(photo.target).stem}.png, expected "
                "different names. Rename one, here and on disk."
            )
    return tuple(sorted(photos, key=lambda photo: photo.target))


def shortened(items: list[str], shown: int = 3) -> str:
    """Write the first few of a list, and how many more there are.

    Example:
        >>> shortened(["a", "b", "c", "d"])
        'a, b, c and 1 more'
    """
    more = f" and {len(items) - shown} more" if len(items) > shown else ""
    return ", ".join(items[:shown]) + more
