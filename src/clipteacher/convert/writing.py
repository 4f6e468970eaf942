"""Photos and masks written in the folder format: photos byte for byte, completely or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from clipteacher.convert.annotated import AnnotatedPhoto, Annotations, left_out_note
from clipteacher.convert.names import NamedClasses, name_classes
from clipteacher.convert.painting import paint
from clipteacher.data.files import DataError
from clipteacher.protocols.words import folded
from clipteacher.utils.lists import shortened

TRAIN: Final = "train"
VAL: Final = "val"

Transfer = Literal["copy", "link", "either"]
"""How photos get there: as copies, as hard links, which take no space, or as links where the disk allows them."""

_Photo = TypeVar("_Photo")


class PhotoAndMask(NamedTuple):
    """A photo and what draws its mask.

    Attributes:
        file: The photo on disk.
        target: Its file name in the folder to write.
        draw: Returns class ids (H, W), uint8, 255 = not labelled, and the shapes that cover no pixel.
        content: The photo's bytes if they are inside another file, else None.
    """

    file: Path
    target: str
    draw: Callable[[], tuple[NDArray[np.uint8], list[str]]]
    content: bytes | None = None


def split_photos(photos: Sequence[_Photo], val: float, seed: int) -> dict[str, list[_Photo]]:
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


def painted(photo: AnnotatedPhoto, ids: Mapping[str, int]) -> PhotoAndMask:
    """Return an annotated photo with the mask that its shapes make; `ids` are class ids, or 255, by label."""
    return PhotoAndMask(photo.file, photo.target, partial(paint, photo, ids), photo.content)


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
    """Write annotated photos as a folder; pixels without a shape are 255, not labelled.

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
    check_new(out)
    named = name_classes(read.labels, classes, drop_others=drop_others)
    pairs = {split: [painted(photo, named.ids) for photo in photos] for split, photos in splits.items()}
    blank = write_folder(out, named.names, pairs, transfer="link" if link else "copy", progress=progress)
    return named._replace(notes=(*read.notes, *named.notes, *blank))


def write_folder(
    out: str | Path,
    names: Sequence[str],
    splits: Mapping[str, Sequence[PhotoAndMask]],
    *,
    transfer: Transfer = "copy",
    progress: Callable[[int], None] = lambda done: None,
) -> tuple[str, ...]:
    """Write `classes.txt`, `images/<split>/` and `masks/<split>/`.

    Photos are copied byte for byte. Everything is written beside `out` and moved there at the end, so a failure leaves
    nothing behind.

    Args:
        out: Folder to write; new or empty.
        names: The class names, in the order of their ids.
        splits: Photos by split.
        transfer: How photos get there.
        progress: Called after each photo with the number of photos done.

    Returns:
        Notes of what covers no pixel.

    Raises:
        DataError: A photo or a mask cannot be used, or two photos of a split have one stem.
        FileExistsError: The folder is not empty.
        OSError: The folder cannot be written, or a photo cannot be linked.
    """
    out = check_new(out)
    for pairs in splits.values():
        _check_stems(pairs)
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        fresh.chmod(0o755)  # mkdtemp makes folders that nobody else may read
        blank = _write_pairs(fresh, splits, transfer, progress)
        (fresh / "classes.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
        if out.exists():
            out.rmdir()  # an empty one, which not every system overwrites
        fresh.rename(out)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return (left_out_note("shapes cover no pixel", blank),) if blank else ()


def _check_stems(pairs: Sequence[PhotoAndMask]) -> None:
    """Check that no two photos of a split have the same mask."""
    stems: dict[str, PhotoAndMask] = {}
    for pair in pairs:
        # Lower case: some file systems do not distinguish a.jpg and A.jpg.
        other = stems.setdefault(Path(pair.target).stem.lower(), pair)
        if other is not pair:
            raise DataError(
                f"{pair.file}: would share the mask {Path(pair.target).stem}.png with {other.file}, expected different "
                "names. Rename one, with its mask."
            )


def check_new(out: str | Path) -> Path:
    """Return a folder to write as a path.

    Raises:
        FileExistsError: It is there and not an empty folder.
    """
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FileExistsError(f"out: {out} is not empty, expected a new folder. Name another; nothing was written.")
    return out


def _write_pairs(
    root: Path, splits: Mapping[str, Sequence[PhotoAndMask]], transfer: Transfer, progress: Callable[[int], None]
) -> list[str]:
    """Write photos and masks; return the shapes that cover no pixel."""
    blank: list[str] = []
    done = 0
    for split, pairs in splits.items():
        images, masks = root / "images" / split, root / "masks" / split
        images.mkdir(parents=True)
        masks.mkdir(parents=True)
        for pair in pairs:
            mask, without_pixels = pair.draw()
            blank += without_pixels
            Image.fromarray(mask).save(masks / f"{Path(pair.target).stem}.png")
            _put(pair, images / pair.target, transfer)
            done += 1
            progress(done)
    return blank


def _put(photo: PhotoAndMask, target: Path, transfer: Transfer) -> None:
    """Copy or link a photo, or write the one that was stored inside another file."""
    if photo.content is not None:
        target.write_bytes(photo.content)
        return
    if transfer != "copy":
        try:
            os.link(photo.file.resolve(), target)
        except OSError as error:
            if transfer == "link":
                raise OSError(
                    f"link: {photo.file} cannot be linked from there ({error.strerror}); both must be on one disk. "
                    "Leave out --link to copy."
                ) from error
        else:
            return
    shutil.copyfile(photo.file, target)
