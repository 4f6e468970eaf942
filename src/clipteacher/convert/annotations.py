"""JSON files of annotations in a folder: whose they are, which split they are for, and where their photos lie."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import reduce
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Final, NamedTuple

from clipteacher.convert.annotated import AnnotatedPhoto, Annotations, left_out_note
from clipteacher.convert.coco import read_coco
from clipteacher.convert.labelme import read_labelme
from clipteacher.convert.names import name_classes, split_ignored
from clipteacher.convert.reading import DataRead
from clipteacher.convert.structure import TEST, split_word
from clipteacher.convert.writing import TRAIN, VAL, merged, painted
from clipteacher.data.files import IMAGE_SUFFIXES, DataError
from clipteacher.protocols.splits import composed
from clipteacher.utils.lists import shortened

_LOOKED_AT: Final = 40  # largest JSON files of a folder: COCO has few and large ones, Labelme one for each photo
_NAMES: Final = 200  # photos by whose names their folder is found


class CocoFile(NamedTuple):
    """A JSON file of COCO's form, and the file names of its photos."""

    file: Path
    names: tuple[str, ...]


class AnnotationFiles(NamedTuple):
    """COCO's files, and whether there are files of Labelme."""

    coco: tuple[CocoFile, ...]
    labelme: bool


def find_annotations(files: Sequence[Path]) -> AnnotationFiles:
    """Tell whose JSON files there are among the files of a folder; others are passed over."""
    jsons = [file for file in files if file.suffix.lower() == ".json"]
    coco, labelme = [], False
    for file in sorted(jsons, key=lambda file: (-file.stat().st_size, file))[:_LOOKED_AT]:
        try:
            value = json.loads(file.read_text(encoding="utf-8-sig"))
        except (UnicodeDecodeError, ValueError, RecursionError):
            continue
        if not isinstance(value, dict):
            continue
        labelme = labelme or (isinstance(value.get("shapes"), list) and "imagePath" in value)
        if all(isinstance(value.get(key), list) for key in ("images", "annotations", "categories")):
            names = [entry.get("file_name") for entry in value["images"] if isinstance(entry, dict)]
            coco.append(CocoFile(file, tuple(name for name in names if isinstance(name, str))))
    return AnnotationFiles(tuple(sorted(coco)), labelme)


def read_coco_folder(
    root: Path, jsons: Sequence[CocoFile], files: Sequence[Path], classes: Sequence[str], ignore: Sequence[str]
) -> DataRead:
    """Read COCO's JSON files, one for each split as their names or folders tell, or several that are joined.

    Args:
        root: The folder.
        jsons: The files.
        files: All files of the folder, among them the photos.
        classes: The class names, in the order of their ids; none takes those of the categories.
        ignore: Names whose shapes are not labelled.

    Raises:
        DataError: As `read_coco`; or no photo of a file is there, or files have different categories.
    """
    by_split: dict[str, list[CocoFile]] = {}
    for each in jsons:
        inner = each.file.relative_to(root)
        split = split_word(inner.stem) or next(filter(None, map(split_word, reversed(inner.parent.parts))), None)
        by_split.setdefault(split or "", []).append(each)
    unused = [each.file.name for each in by_split.pop(TEST, [])]
    if TRAIN in by_split:
        unused += [each.file.name for each in by_split.pop("", [])]
    elif "" not in by_split and VAL in by_split:
        by_split = {"": by_split[VAL]}
    if "" in by_split and VAL in by_split:
        by_split[TRAIN] = by_split.pop("")
    used: list[str] = []
    read: dict[str, Annotations] = {}
    pictures = _by_name(root, files)
    for split, group in by_split.items():
        # COCO's own release has captions and key points of the same photos, too.
        instances = [each for each in group if "instances" in each.file.stem]
        chosen = instances if len(instances) == 1 else group
        unused += [each.file.name for each in group if each not in chosen]
        parts = [read_coco(each.file, _photo_folder(root, each, pictures), skip_missing=True) for each in chosen]
        joined = reduce(merged, parts)
        read[split] = joined._replace(photos=tuple(photo for part in parts for photo in part.photos))
        used += [each.file.relative_to(root).as_posix() for each in chosen]
    if not read:
        raise DataError(f"{root}: got {', '.join(unused)} alone, to test on, expected a file to train on. Rename it.")
    notes = tuple(f"{name} is not used" for name in unused)
    return annotated("coco", f"COCO's {shortened(used)}", read, reduce(merged, read.values()), classes, ignore, notes)


def read_labelme_folder(root: Path, classes: Sequence[str], ignore: Sequence[str]) -> DataRead:
    """Read Labelme's JSON files in a folder and its subfolders; if there are `train` and `val`, these are the splits.

    Args:
        root: The folder.
        classes: The class names, in the order of their ids; none takes all labels in alphabetical order.
        ignore: Labels whose shapes are not labelled.

    Raises:
        DataError: As `read_labelme`.
    """
    read = read_labelme(root, skip_missing=True)
    splits: dict[str, list[AnnotatedPhoto]] = {}
    for photo in read.photos:
        folder = photo.inner.parts[0] if len(photo.inner.parts) > 1 else ""
        splits.setdefault(split_word(folder) or "", []).append(photo)
    used = (TRAIN, VAL) if TRAIN in splits and VAL in splits else (TRAIN,) if TRAIN in splits else ("", VAL, TEST)
    left = [photo.target for split, photos in splits.items() if split not in used for photo in photos]
    notes = [left_out_note(f"photos are not in {' or '.join(used)}", left)] if left else []
    parts = {split: read._replace(photos=tuple(splits[split])) for split in used if split in splits}
    if TRAIN not in parts:
        parts = {"": read}
    return annotated("labelme", "Labelme's JSON files", parts, read, classes, ignore, notes)


def annotated(
    kind: str,
    what: str,
    splits: Mapping[str, Annotations],
    read: Annotations,
    classes: Sequence[str],
    ignore: Sequence[str],
    notes: Sequence[str] = (),
) -> DataRead:
    """Turn annotated photos by split into photos and masks.

    Args:
        kind: The layout.
        what: How it was recognised.
        splits: Annotations by split, of which the photos are taken.
        read: All labels and notes.
        classes: The class names, in the order of their ids; none takes all labels in their order.
        ignore: Labels whose shapes are not labelled.
        notes: More notes.

    Raises:
        DataError: The labels cannot become classes.
    """
    void, note = split_ignored(read.labels, ignore)
    labels = Counter({label: count for label, count in read.labels.items() if label not in void})
    hint = 'leave their pixels unlabelled with --ignore "name, name"'
    named = name_classes(labels, classes or None, drop_hint=hint)
    ids = dict(named.ids)

    def kept(photo: AnnotatedPhoto) -> AnnotatedPhoto:
        shapes = (shape._replace(label=None) if shape.label in void else shape for shape in photo.shapes)
        return photo._replace(shapes=tuple(shapes))

    photos = {split: [painted(kept(photo), ids) for photo in each.photos] for split, each in splits.items()}
    shapes = sum(read.labels.values())
    return DataRead(
        kind,
        f"{what}: {shapes} shapes",
        named.names,
        photos,
        (*read.notes, *notes, *([note] if note else []), *named.notes),
    )


def _by_name(root: Path, files: Sequence[Path]) -> dict[str, list[PurePosixPath]]:
    """Return the photos of a folder by composed file name, as paths inside it."""
    found: dict[str, list[PurePosixPath]] = {}
    for file in files:
        if file.suffix.lower() in IMAGE_SUFFIXES:
            found.setdefault(composed(file.name), []).append(PurePosixPath(file.relative_to(root).as_posix()))
    return found


def _photo_folder(root: Path, coco: CocoFile, pictures: Mapping[str, Sequence[PurePosixPath]]) -> Path:
    """Return the folder to which a file's names of photos are relative: the one in which most are."""
    bases: Counter[PurePosixPath] = Counter()
    for name in coco.names[:_NAMES]:
        inner = PurePosixPath(PureWindowsPath(composed(name)).as_posix())
        for path in pictures.get(inner.name, ()):
            if PurePosixPath(composed(str(path))).parts[-len(inner.parts) :] == inner.parts:
                bases[PurePosixPath(*path.parts[: -len(inner.parts)])] += 1
    if not bases:
        raise DataError(
            f"{coco.file}: got the photos {shortened(coco.names)}, expected them below {root}, where none is. Put them "
            "there; their paths must end as in the file."
        )
    here = PurePosixPath(coco.file.parent.relative_to(root).as_posix())
    split = split_word(coco.file.stem)
    near = max(
        bases, key=lambda base: (bases[base], base == here, split is not None and split_word(base.name) == split)
    )
    return root / near
