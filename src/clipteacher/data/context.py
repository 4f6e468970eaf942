"""PASCAL Context as released: photos of VOC 2010, masks of 459 labels (.mat) or of 59 (PNG); no detail API needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from clipteacher.data.files import read_values
from clipteacher.data.mat import read_label_map
from clipteacher.data.release import Part, Release, Unpacked
from clipteacher.data.source import Labels, Source, value_table
from clipteacher.protocols.context import (
    CONTEXT_CONVERTED_RAW_IDS,
    CONTEXT_NAMES,
    CONTEXT_PNG_RAW_IDS,
    CONTEXT_RAW_IDS,
)
from clipteacher.protocols.protocol import BACKGROUND

_DEVKITS: Final = ("VOCdevkit/VOC2010", "VOC2010", ".")
# mmseg's converter writes the first two; the last are VOC 2010's own, 4,998 and 5,105 photos.
_LISTS: Final = ("ImageSets/SegmentationContext", ".", "ImageSets/Main")


# Folder, suffix and decoder of each form of the masks, the length of its table, raw ids and what may be background. The
# two kinds of PNGs have the same values for other classes: mmseg's converter wrote the first (alphabetical order), the
# second are those of the data set's home page (VOC's 20 classes first).
_FORMS: Final[tuple[tuple[str, str, Callable[[Path], Labels], int, tuple[int, ...], range], ...]] = (
    ("trainval", ".mat", read_label_map, 65536, CONTEXT_RAW_IDS, range(460)),
    ("SegmentationClassContext", ".png", read_values, 256, CONTEXT_CONVERTED_RAW_IDS, range(1)),
    ("59_context_labels", ".png", read_values, 256, CONTEXT_PNG_RAW_IDS, range(1)),
)
_MASKS: Final = tuple(form[0] for form in _FORMS)


def context(root: str | Path, split: str, *, background: bool = False) -> Source:
    """Open one split of PASCAL Context.

    The split is VOC 2010's: train.txt and val.txt of `ImageSets/SegmentationContext` (mmseg's, 4,996 and 5,104 photos)
    or of the root, else those of `ImageSets/Main` (4,998 and 5,105). Masks are those of the first folder that exists,
    in VOC2010 or in the root: `trainval` (459 labels), `SegmentationClassContext` (mmseg's), `59_context_labels`.

    Args:
        root: Folder that holds `VOCdevkit/VOC2010`, or that folder itself.
        split: "train" or "val".
        background: Whether background, which is every label outside the 59, is class 0 of 60, or ignored.

    Returns:
        The split: 59 classes in alphabetical order, 255 = ignore; or 60, background first.

    Raises:
        DataError: A folder, list or file is missing.
    """
    data = Unpacked(CONTEXT, Path(root), split)
    devkit = data.folder([f"{folder}/JPEGImages" for folder in _DEVKITS], "photos of VOC 2010").parent
    found = ((form, base / form[0]) for form in _FORMS for base in (devkit, data.root) if (base / form[0]).is_dir())
    form, masks = next(found, (None, devkit))
    if form is None:
        raise data.error(
            f"{devkit}: got no masks, expected a folder {', '.join(_MASKS[:-1])} or {_MASKS[-1]} in it or in "
            f"{data.root}"
        )
    folder, suffix, decode, size, raw_ids, unnamed = form
    lists = [base / folder / f"{split}.txt" for folder in _LISTS for base in (devkit, data.root)]
    listed = data.listed(next((path for path in lists if path.is_file()), lists[0]))
    return Source(
        data.records(devkit / "JPEGImages", masks, listed, suffix),
        (BACKGROUND, *CONTEXT_NAMES) if background else CONTEXT_NAMES,
        value_table((0, *raw_ids) if background else raw_ids, size, rest=unnamed, rest_id=0 if background else None),
        decode=decode,
        fix=f"Use the masks of {folder} unchanged: 0 = background; they are renumbered as they are read.",
    )


CONTEXT: Final = Release(
    "context",
    (
        Part(
            "PASCAL VOC 2010, photos and lists",
            tuple(f"{folder}/JPEGImages" for folder in _DEVKITS),
            # torchvision, datasets/voc.py
            {"VOCtrainval_03-May-2010.tar": "md5:da459979d0c395079b5c75ee67908abb"},
            "http://host.robots.ox.ac.uk/pascal/VOC/voc2010/",
            "research use; photos under Flickr's terms",
        ),
        Part(
            "PASCAL Context, masks of 459 labels (.mat) or of 59 (PNG)",
            (*(f"{folder}/{masks}" for masks in _MASKS for folder in _DEVKITS), *_MASKS),
            # tf-image-segmentation's data_pascal_voc.py, one reader's; the home page has none
            {
                "trainval.tar.gz": "md5:df034edb2c12aa7d33b42b20bb1796e3",
                "59_context_labels.tar.gz": "md5:f85d450010762a0e1080304286ce30ed",
            },
            "https://cs.stanford.edu/~roozbeh/pascal-context/",
            "research use; see the home page",
        ),
    ),
    {"train": (4_998, 4_996), "val": (5_105, 5_104)},
    lambda root, split, protocol: context(root, split, background=protocol.background),
)
"""The data set as released."""
