"""Annotated photos, the same for every tool: a file and its labelled shapes."""

from __future__ import annotations

import json
import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clipteacher.data.files import IMAGE_SUFFIXES, DataError
from clipteacher.protocols.splits import composed
from clipteacher.utils.lists import shortened


def flat_name(inner: PurePosixPath) -> str:
    """Return a photo's file name in a folder without subfolders: `day1/a.jpg` becomes `day1_a.jpg`."""
    return composed("_".join(inner.parts))


class Shape(NamedTuple):
    """A labelled region of a photo.

    Attributes:
        label: Its class as written; None if its pixels are ignored.
        where: File and position, for messages.
        draw: Draws it, given height and width: (H, W), bool; all False for a shape without area.
    """

    label: str | None
    where: str
    draw: Callable[[int, int], NDArray[np.bool_]]


class AnnotatedPhoto(NamedTuple):
    """A photo and its shapes.

    Attributes:
        file: The photo on disk.
        inner: Its path inside the folder of photos.
        size: Height and width of the photo that the shapes were drawn on; None if the tool did not write it.
        shapes: The shapes, in the order in which they were drawn.
        content: The photo's bytes if the tool kept them inside its own file, else None.
    """

    file: Path
    inner: PurePosixPath
    size: tuple[int, int] | None
    shapes: tuple[Shape, ...]
    content: bytes | None = None

    @property
    def target(self) -> str:
        """Its file name in the folder to write, which has no subfolders."""
        return flat_name(self.inner)


class Annotations(NamedTuple):
    """The photos of a source, sorted by target, and notes of what was left out.

    Labels are counted: the number of shapes of each, in the order of the ids, 0 for a class without any.
    """

    photos: tuple[AnnotatedPhoto, ...]
    labels: Counter[str]
    notes: tuple[str, ...]


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Raises:
        DataError: It is missing, is not JSON, or holds something else.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file, expected a JSON file of annotations. Correct the path.")
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON ({error}), expected a JSON file of annotations. Export it again.") from error
    if not isinstance(value, dict):
        raise DataError(
            f"{path}: got a {type(value).__name__}, expected an object {{...}}. Check that it is the right file."
        )
    return value


def inner_path(name: object, where: str) -> PurePosixPath:
    r"""Return the relative path of a photo in an annotation file, written with slashes of either kind.

    Raises:
        DataError: It is not a string, is absolute or leads upwards, or has the suffix of no photo.

    Example:
        >>> str(inner_path(r"set\one.JPG", "a.json"))
        'set/one.JPG'
    """
    if not isinstance(name, str) or not name.strip():
        raise DataError(f"{where}: got {name!r} for a photo's file name, expected a string. Export it again.")
    windows = PureWindowsPath(name)
    path = PurePosixPath(windows.as_posix())
    if windows.drive or path.is_absolute() or ".." in path.parts:
        raise DataError(
            f"{where}: got the photo {name!r}, expected a path inside the photos' folder. Make it relative to that."
        )
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        raise DataError(
            f"{where}: got the photo {name!r}, expected one ending in {', '.join(IMAGE_SUFFIXES)}. Save "
            "it so, and correct its name here."
        )
    return path


def visible_files(folder: Path, *, deep: bool = True) -> list[Path]:
    """List the files of a folder, and of its subfolders if `deep`, sorted; none that is hidden or made by macOS.

    Links to folders are followed, each folder once.
    """
    found: list[Path] = []
    seen: set[str] = set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        kept = deep and real not in seen
        seen.add(real)
        folders[:] = [name for name in folders if kept and not name.startswith(".") and name != "__MACOSX"]
        found += [Path(parent, name) for name in names if not name.startswith(".") and (kept or not deep)]
    return sorted(path for path in found if path.is_file())


def on_disk(folder: Path, inner: PurePosixPath) -> Path | None:
    """Return a file inside a folder, in whatever form of Unicode the disk has its name; None if there is none."""
    forms = (str(inner), composed(str(inner)), unicodedata.normalize("NFD", str(inner)))
    return next((folder / form for form in forms if (folder / form).is_file()), None)


def whole_number(value: object) -> int | None:
    """Return a whole number of a JSON file, which some programs write as 128.0; None for anything else.

    Example:
        >>> whole_number(128.0), whole_number(1.5), whole_number("128"), whole_number(True)
        (128, None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        return None
    return int(value)


def collect(
    where: str, photos: list[AnnotatedPhoto], labels: Counter[str], left_out: Mapping[str, Sequence[str]]
) -> Annotations:
    """Sort photos by target, check that no two share a mask, and note what was left out, by the reason.

    Raises:
        DataError: There is no photo, or two have one stem.
    """
    if not photos:
        raise DataError(
            f"{where}: got no photo with annotations, expected at least one. Check that this is the right export."
        )
    stems: dict[str, AnnotatedPhoto] = {}
    for photo in photos:
        # Lower case: some file systems do not distinguish a.jpg and A.jpg.
        other = stems.setdefault(Path(photo.target).stem.lower(), photo)
        if other is not photo:
            raise DataError(
                f"{where}: {photo.file} and {other.file} would share the mask {Path(photo.target).stem}.png, expected "
                "different names. Rename one, here and on disk."
            )
    notes = tuple(left_out_note(reason, items) for reason, items in left_out.items() if items)
    return Annotations(tuple(sorted(photos, key=lambda photo: photo.target)), labels, notes)


def left_out_note(reason: str, items: Sequence[str]) -> str:
    """Say how many were left out, why, and which."""
    return f"{len(items)} {reason} and were left out: {shortened(items)}"
