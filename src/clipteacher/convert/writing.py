"""Annotations written in the folder format: shapes painted into masks, photos copied, completely or not at all."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

from clipteacher.convert.annotated import AnnotatedPhoto, Annotations, left_out_note
from clipteacher.convert.names import NamedClasses, folded, name_classes
from clipteacher.data.files import DataError
from clipteacher.protocols.splits import IGNORE
from clipteacher.utils.lists import shortened

TRAIN: Final = "train"
VAL: Final = "val"


def split_photos(photos: Sequence[AnnotatedPhoto], val: float, seed: int) -> dict[str, list[AnnotatedPhoto]]:
    """Draw the photos to score on; the same photos, sorted, and the same seed give the same split.

    Args:
        photos: All photos.
        val: Share of them to score on, 0 or more and below 1; 0 leaves all to train on.
        seed: 0 or more.

    Returns:
        Photos by split, in their original order; no split without a photo.

    Raises:
        ValueError: The share or the seed is out of range, or there are too few photos.
    """
    if not 0 <= val < 1:
        raise ValueError(f"val: got {val}, expected a share of the photos, 0 or more and below 1, such as 0.2")
    if seed < 0:
        raise ValueError(f"seed: got {seed}, expected 0 or more")
    if val == 0:
        return {TRAIN: list(photos)}
    if len(photos) < 2:
        raise ValueError(
            f"val: got {len(photos)} photo to share between training and scoring, expected 2 or more. Use --val 0."
        )
    order = np.random.default_rng(seed).permutation(len(photos))
    count = min(max(round(val * len(photos)), 1), len(photos) - 1)
    return {split: [photos[i] for i in sorted(part)] for split, part in ((TRAIN, order[count:]), (VAL, order[:count]))}


def merged(train: Annotations, val: Annotations) -> Annotations:
    """Join the labels and notes of two files of one data set, such as COCO's two, without their photos.

    Raises:
        DataError: The two have different classes, or the same ones in another order.
    """
    one, other = ([folded(label) for label in each.labels] for each in (train, val))
    if one != other:
        raise DataError(
            f"classes: got {shortened(train.labels, 6)} to train on and {shortened(val.labels, 6)} to "
            "score on, expected the same in the same order. Export both from one project."
        )
    labels = Counter(train.labels)
    labels.update(val.labels)  # a sum by + would drop classes without a shape, and so the order
    return Annotations((), labels, (*train.notes, *val.notes))


def write_converted(
    out: str | Path,
    splits: Mapping[str, Sequence[AnnotatedPhoto]],
    read: Annotations,
    *,
    classes: Sequence[str] | None = None,
    drop_others: bool = False,
    link: bool = False,
    progress: Callable[[int], None] = lambda done: None,
) -> NamedClasses:
    """Write `classes.txt`, `images/<split>/` and `masks/<split>/`; pixels without a shape are 255, not labelled.

    Photos are copied byte for byte. Everything is written beside `out` and moved there at the end, so a failure leaves
    nothing behind.

    Args:
        out: Folder to write; new or empty.
        splits: Photos by split.
        read: Labels and notes of the annotations that the photos belong to.
        classes: The class names, in the order of their ids; None takes all labels in their order.
        drop_others: Whether shapes of other labels are ignored.
        link: Create hard links to the photos instead of copies, which take no space; both names are then one file.
        progress: Called after each photo with the number of photos done.

    Returns:
        The classes, and all that was merged or left out.

    Raises:
        DataError: A photo or a shape cannot be used, or the labels cannot become classes.
        FileExistsError: The folder is not empty.
        OSError: The folder cannot be written, or a photo cannot be linked.
    """
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FileExistsError(f"out: {out} is not empty, expected a new folder. Name another; nothing was written.")
    named = name_classes(read.labels, classes, drop_others=drop_others)
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        fresh.chmod(0o755)  # mkdtemp makes folders that nobody else may read
        blank = _write_pairs(fresh, splits, named.ids, link, progress)
        (fresh / "classes.txt").write_text("\n".join(named.names) + "\n", encoding="utf-8")
        if out.exists():
            out.rmdir()  # an empty one, which not every system overwrites
        fresh.rename(out)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    notes = [*read.notes, *named.notes]
    if blank:
        notes.append(left_out_note("shapes cover no pixel", blank))
    return named._replace(notes=tuple(notes))


def _write_pairs(
    root: Path,
    splits: Mapping[str, Sequence[AnnotatedPhoto]],
    ids: Mapping[str, int],
    link: bool,
    progress: Callable[[int], None],
) -> list[str]:
    """Write photos and masks; return the shapes that cover no pixel."""
    blank: list[str] = []
    done = 0
    for split, photos in splits.items():
        images, masks = root / "images" / split, root / "masks" / split
        images.mkdir(parents=True)
        masks.mkdir(parents=True)
        for photo in photos:
            mask, without_pixels = paint(photo, ids)
            blank += without_pixels
            Image.fromarray(mask).save(masks / f"{Path(photo.target).stem}.png")
            _copy_photo(photo, images / photo.target, link)
            done += 1
            progress(done)
    return blank


def paint(photo: AnnotatedPhoto, ids: Mapping[str, int]) -> tuple[NDArray[np.uint8], list[str]]:
    """Paint the mask of a photo.

    Where shapes overlap, the one that covers fewer pixels is on top; of two equal ones, the one drawn later. So a cup
    on a table is a cup, in whatever order they were drawn. Shapes to be ignored are treated like all others, with 255.

    Shapes are assumed to be drawn on the upright photo; if the tool's size shows that they were drawn on the photo as
    stored, on its side, the mask is rotated.

    Args:
        photo: The photo and its shapes.
        ids: Class id, or 255 = ignore, by label.

    Returns:
        Class ids (H, W), uint8, values 0..N-1, 255 = not labelled, in the size of the upright photo; and the shapes
        that cover no pixel, by file and position.

    Raises:
        DataError: The photo cannot be opened, or its shapes were drawn on another size.
    """
    upright, stored, orientation = _sizes(photo)
    size = photo.size or upright
    if size not in (upright, stored):
        raise DataError(
            f"{photo.file}: got {upright[1]}x{upright[0]} (width x height), expected {size[1]}x{size[0]}, on which its "
            "shapes were drawn. The photo was resized since then: put the original here, or annotate this one."
        )
    mask = np.full(size, IGNORE, dtype=np.uint8)
    blank, regions = [], []
    for shape in photo.shapes:
        drawn = shape.draw(*size)
        rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
        if not len(rows):
            blank.append(shape.where)
            continue
        # Only the box is kept: a large photo may have hundreds of shapes.
        box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        region = drawn[box].copy()
        label_id = IGNORE if shape.label is None else ids[shape.label]
        regions.append((int(region.sum()), box, region, label_id))
    for _, box, region, label_id in sorted(regions, key=lambda each: -each[0]):
        mask[box][region] = label_id
    if size != upright:
        picture = Image.fromarray(mask)
        picture.getexif()[ExifTags.Base.Orientation] = orientation
        mask = np.asarray(ImageOps.exif_transpose(picture))
    return mask, blank


def _sizes(photo: AnnotatedPhoto) -> tuple[tuple[int, int], tuple[int, int], int]:
    """Return height and width of the upright photo and of the stored one, and its EXIF orientation."""
    try:
        with Image.open(photo.file if photo.content is None else io.BytesIO(photo.content)) as image:
            orientation = int(image.getexif().get(ExifTags.Base.Orientation, 1))
            stored = image.height, image.width
    except Exception as error:  # a decoder may raise almost anything on broken bytes
        raise DataError(
            f"{photo.file}: cannot be opened ({type(error).__name__}: {error}), expected a photo. Save it again, or "
            "remove its annotations."
        ) from error
    # 5 to 8 swap the sides (Exif 2.3, tag 0x0112).
    return stored[::-1] if 5 <= orientation <= 8 else stored, stored, orientation


def _copy_photo(photo: AnnotatedPhoto, target: Path, link: bool) -> None:
    """Copy or link a photo, or write the one that was stored inside a JSON file."""
    if photo.content is not None:
        target.write_bytes(photo.content)
    elif link:
        try:
            os.link(photo.file.resolve(), target)
        except OSError as error:
            raise OSError(
                f"link: {photo.file} cannot be linked from there ({error.strerror}); both must be on one disk. Leave "
                "out --link to copy."
            ) from error
    else:
        shutil.copyfile(photo.file, target)
