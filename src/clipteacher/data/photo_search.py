"""Finding photos: files as they are named, folders with all below them, and what is left out there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePath
from typing import Final, NamedTuple

from clipteacher.data.files import IMAGE_SUFFIXES, DataError
from clipteacher.utils.lists import shortened
from clipteacher.utils.printable import printable

PHOTO_SUFFIXES: Final = (
    *IMAGE_SUFFIXES,
    *(
        ".jpe",
        ".mpo",
        ".apng",
        ".avif",
        ".heic",
        ".heif",
        ".jp2",
        ".j2k",
        ".ppm",
        ".pgm",
        ".pnm",
        ".tga",
        ".dib",
        ".qoi",
    ),
)
"""Suffixes of what counts as a photo in a folder, in upper or lower case; Pillow may lack the means to read one."""

HIDDEN: Final = "hidden"
LINKS: Final = "links to folders"
OTHERS: Final = "other kinds of files"
RESULTS: Final = "results of clipteacher segment"
OUT: Final = "the folder of results"


class FoundPhoto(NamedTuple):
    """A photo's file, and the relative path that its results keep."""

    path: Path
    place: PurePath


class FoundPhotos(NamedTuple):
    """What was found.

    Attributes:
        photos: The photos, each once: in the order of the arguments, in folders by name.
        left_out: What was left out by rule, for each reason, such as `HIDDEN`.
        unreadable: A fault for each folder that cannot be listed.
    """

    photos: list[FoundPhoto]
    left_out: dict[str, list[Path]]
    unreadable: list[DataError]


def find_photos(paths: Sequence[Path], out: Path, is_result: Callable[[Path], bool]) -> FoundPhotos:
    """Find photos in files and folders, subfolders included.

    A file that is named is taken whatever its suffix. In folders, these are left out: hidden files and folders, links
    to folders, files without a suffix of `PHOTO_SUFFIXES`, results of an earlier call, and the folder `out`.

    The place of a photo is its path below the folder, where one folder is named; its name, where files alone are named,
    all of different names; else its path below the deepest folder that holds all that is named.

    Args:
        paths: Files and folders.
        out: The folder of results, which need not be there.
        is_result: Says of a file whether it is a result of an earlier call.

    Returns:
        The photos, and what was left out.

    Raises:
        ValueError: A path is neither a file nor a folder, or there is no photo at all.
    """
    folders, files = _sorted_out(paths)
    found = FoundPhotos([], {}, [])
    own = os.path.realpath(out)
    listed = [file for folder in folders for file in _listed(folder, own, is_result, found)]
    for file in files:
        listed.append(file) if not is_result(file) else found.left_out.setdefault(RESULTS, []).append(file)
    if not listed:
        why = [f"left out: {described(found.left_out)}"] if found.left_out else []
        why += [printable(str(fault).split(", expected")[0]) for fault in found.unreadable[:1]]
        known = f" ({'; '.join(why)})" if why else ""
        raise ValueError(
            f"photo: got no photo in {shortened(map(printable, paths))}{known}, expected files such as .jpg, .png, "
            ".tif or .webp. Name a folder that holds some."
        )
    root = _root(folders, files)
    for path in listed:
        place = PurePath(path.name) if root is None else PurePath(os.path.relpath(path, root))
        found.photos.append(FoundPhoto(path, place))
    return found


def described(left_out: dict[str, list[Path]]) -> str:
    """Say what was left out, by reason, each with its number and one example; nothing for nothing.

    Example:
        >>> described({HIDDEN: [Path("photos/.a"), Path("photos/.b")], OTHERS: [Path("notes.txt")]})
        'hidden (2, such as photos/.a), other kinds of files (1: notes.txt)'
    """
    return ", ".join(
        f"{reason} ({len(each)}{', such as' if each[1:] else ':'} {printable(each[0])})"
        for reason, each in left_out.items()
    )


def _sorted_out(paths: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """Return folders and files, each once, without what lies in a folder that is named, too."""
    folders: dict[str, Path] = {}
    files: dict[str, Path] = {}
    for path in paths:
        if path.is_dir():
            folders.setdefault(os.path.abspath(path), path)
        elif path.is_file() or path.is_symlink():  # a link to nothing is told of with the photos that cannot be read
            files.setdefault(os.path.abspath(path), path)
        else:
            what = "neither a file nor a folder" if path.exists() else "no such file or folder"
            raise ValueError(f"photo: got {printable(path)}, {what}; expected a photo, or a folder of photos.")

    def outside(place: str) -> bool:
        return not any(str(above) in folders for above in Path(place).parents)

    return [folders[each] for each in folders if outside(each)], [files[each] for each in files if outside(each)]


def _root(folders: Sequence[Path], files: Sequence[Path]) -> str | None:
    """Return the folder below which photos keep their paths; None where they keep their names alone."""
    if not folders and len({file.name for file in files}) == len(files):
        return None
    if len(folders) == 1 and not files:
        return str(folders[0])
    return os.path.commonpath(os.path.abspath(path) for path in (*folders, *(file.parent for file in files)))


def _listed(folder: Path, out: str, is_result: Callable[[Path], bool], found: FoundPhotos) -> Iterable[Path]:
    """List the photos below a folder by name, and note in `found` what is left out."""

    def leave(reason: str, path: Path) -> None:
        found.left_out.setdefault(reason, []).append(path)

    def closed(error: OSError) -> None:
        fault = f"{error.filename}: cannot be listed ({error.strerror}), expected a folder. Change its permissions."
        found.unreadable.append(DataError(fault))

    for name, inner, files in os.walk(folder, onerror=closed):
        here, kept = Path(name), []
        for each in sorted(inner):
            path = here / each
            if each.startswith("."):
                leave(HIDDEN, path)
            elif path.is_symlink():
                leave(LINKS, path)
            elif os.path.realpath(path) == out:
                leave(OUT, path)
            else:
                kept.append(each)
        inner[:] = kept
        for each in sorted(files):
            path = here / each
            if each.startswith("."):
                leave(HIDDEN, path)
            elif path.suffix.lower() not in PHOTO_SUFFIXES:
                leave(OTHERS, path)
            elif is_result(path):
                leave(RESULTS, path)
            else:
                yield path
