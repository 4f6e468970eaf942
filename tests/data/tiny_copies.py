"""Tiny copies of the data sets in the very layouts in which they are released: names, folders, PNG modes, .mat files.

Each writer returns the class ids of every mask, as the reader must give them, by split and stem. Raw values come of
tables typed here, not of the package's.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.io import savemat  # type: ignore[import-untyped]

Ids = NDArray[np.unsignedinteger[Any]]
Written = dict[str, dict[str, Ids]]

COCO_GAPS = (11, 25, 28, 29, 44, 65, 67, 68, 70, 82, 90)
COCO_RAW = [raw for raw in range(182) if raw not in COCO_GAPS]
# fmt: off
CONTEXT_RAW = [
    2, 9, 18, 19, 22, 23, 25, 31, 33, 34, 44, 45, 46, 59, 65, 68, 72, 80, 85, 98, 104, 105, 113, 115, 144, 158, 159,
    162, 187, 189, 207, 220, 232, 258, 259, 260, 284, 295, 296, 308, 324, 326, 347, 349, 354, 355, 360, 366, 368, 397,
    415, 416, 420, 424, 427, 440, 445, 454, 458,
]
# fmt: on
# VOC's 20 classes are the ids 1..20 of the home page's PNGs; alphabetical class ids of the same, by name.
CONTEXT_HOME = [0, 5, 6, 7, 9, 11, 13, 14, 16, 19, 49, 22, 30, 33, 36, 39, 42, 48, 51, 54]
ADE_FULL_RAW = {0: 2978, 1: 312, 2: 2420, 12: 1125, 255: 1857, 256: 2315, 265: 1587, 846: 3148}
SIZE = (48, 64)


def draw(classes: Sequence[int], ignore: int, seed: int, dtype: type[np.unsignedinteger[Any]] = np.uint8) -> Ids:
    """Patches of classes (48, 64), every one of them at least once where there is room, and of ignored pixels."""
    rng = np.random.default_rng(seed)
    patches = rng.choice(np.array([*classes, ignore], dtype=dtype), (12, 16))
    patches.flat[: min(len(classes), 180)] = rng.permutation(np.array(classes, dtype=dtype))[:180]
    patches.flat[-1] = ignore
    return patches.repeat(4, 0).repeat(4, 1)


def write_photo(path: Path, ids: Ids) -> None:
    """A photo whose colours are a function of the classes, so that there is something to learn."""
    path.parent.mkdir(parents=True, exist_ok=True)
    value = ids.astype(np.int64)
    photo = np.stack([value * 37 % 256, value * 101 % 256, value * 59 % 256], axis=-1).astype(np.uint8)
    Image.fromarray(photo).save(path, quality=95)


def write_grey(path: Path, values: NDArray[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values.astype(np.uint8)).save(path)


def write_palette(path: Path, values: NDArray[Any]) -> None:
    """A palette PNG, as VOC's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(values.astype(np.uint8))
    picture.putpalette([(value * 73 + channel * 31) % 256 for value in range(256) for channel in range(3)])
    picture.save(path)
    with Image.open(path) as saved:
        assert saved.mode == "P"


def write_mat(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, content, do_compression=True)


def write_lines(path: Path, lines: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))


def stems(split: str, count: int, pattern: str) -> list[str]:
    return [pattern.format(number + (0 if split == "train" else 500)) for number in range(1, count + 1)]


def drawn(
    classes: Sequence[int], ignore: int, seed: int, names: Sequence[str], dtype: type[Any] = np.uint8
) -> dict[str, Ids]:
    """Ids of every photo of a split."""
    return {stem: draw(classes, ignore, 10 * seed + i, dtype) for i, stem in enumerate(names)}


def raw_of(ids: Ids, table: Callable[[int], int], dtype: type[Any] = np.int64) -> NDArray[Any]:
    """Look up the raw value of each id."""
    values, where = np.unique(ids, return_inverse=True)
    return np.array([table(int(value)) for value in values], dtype=dtype)[where].reshape(ids.shape)


def write_voc12(root: Path, train: int = 2, val: int = 2, sbd: str = "mat", added: int = 2) -> Written:
    """VOCdevkit/VOC2012 with palette PNGs, and SBD: "mat" as released, "png" as SegmentationClassAug, "none"."""
    devkit, written = root / "VOCdevkit" / "VOC2012", Written()
    for seed, (split, count) in enumerate({"train": train, "val": val}.items()):
        written[split] = drawn(range(20), 255, seed, stems(split, count, "2007_{:06}"))
        for stem, ids in written[split].items():
            write_photo(devkit / "JPEGImages" / f"{stem}.jpg", ids)
            # Of the ignored pixels half are background, 0, and half void, 255.
            raw = raw_of(ids, lambda label: 0 if label == 255 else label + 1)
            raw[:, ::2][raw[:, ::2] == 0] = 255
            write_palette(devkit / "SegmentationClass" / f"{stem}.png", raw)
        write_lines(devkit / "ImageSets" / "Segmentation" / f"{split}.txt", list(written[split]))
    written["train-voc"] = dict(written["train"])
    more = drawn(range(20), 255, 4, stems("train", added, "2008_{:06}"))
    for stem, ids in more.items():
        write_photo(devkit / "JPEGImages" / f"{stem}.jpg", ids)
        raw = raw_of(ids, lambda label: 0 if label == 255 else label + 1, np.uint8)
        if sbd == "mat":
            struct = {
                "Segmentation": raw,
                "Boundaries": np.zeros((20, 1)),
                "CategoriesPresent": np.unique(raw[raw > 0]),
            }
            write_mat(root / "benchmark_RELEASE" / "dataset" / "cls" / f"{stem}.mat", {"GTcls": struct})
        elif sbd == "png":
            write_grey(devkit / "SegmentationClassAug" / f"{stem}.png", raw)
    if sbd == "mat":
        # SBD's own split runs across VOC's: photos of VOC's train and val are in both of its lists.
        folder = root / "benchmark_RELEASE" / "dataset"
        own, tested = next(iter(written["train"])), next(iter(written["val"]))
        write_lines(folder / "train.txt", [tested, *list(more)[:1]])
        write_lines(folder / "val.txt", [own, *list(more)[1:]])
        for stem in (own, tested):  # another label than VOC's, to see which is read
            write_mat(folder / "cls" / f"{stem}.mat", {"GTcls": {"Segmentation": np.full(SIZE, 7, np.uint8)}})
    elif sbd == "png":
        write_lines(devkit / "ImageSets" / "Segmentation" / "aug.txt", list(more))
    written["train"] |= more
    return written


def write_coco_stuff(root: Path, train: int = 2, val: int = 2, raw: Sequence[int] = COCO_RAW) -> Written:
    """train2017, val2017 and stuffthingmaps with raw ids, beside which mmseg's converter has left its files."""
    written = Written()
    for seed, (split, count) in enumerate({"train": train, "val": val}.items()):
        written[split] = drawn(range(171), 255, seed, stems(split, count, "{:012}"))
        for stem, ids in written[split].items():
            write_photo(root / f"{split}2017" / f"{stem}.jpg", ids)
            maps = root / "stuffthingmaps" / f"{split}2017"
            write_grey(maps / f"{stem}.png", raw_of(ids, lambda label: 255 if label == 255 else raw[label]))
            write_grey(maps / f"{stem}_labelTrainIds.png", np.full(SIZE, 3))
    return written


def write_context(root: Path, form: str = "mat", train: int = 2, val: int = 2, lists: str = "Main") -> Written:
    """VOC2010 with the 459-label .mat files ("mat"), the PNGs of mmseg's converter ("png") or those of the home page
    ("home", VOC's 20 classes alone), and its lists.

    The ids are those of 59 classes, 255 = background.
    """
    devkit, written = root / "VOCdevkit" / "VOC2010", Written()
    for seed, (split, count) in enumerate({"train": train, "val": val}.items()):
        written[split] = drawn(
            CONTEXT_HOME if form == "home" else range(59), 255, seed, stems(split, count, "2008_{:06}")
        )
        for stem, ids in written[split].items():
            write_photo(devkit / "JPEGImages" / f"{stem}.jpg", ids)
            if form == "mat":
                raw = raw_of(ids, lambda label: 400 if label == 255 else CONTEXT_RAW[label], np.uint16)  # 400: another
                write_mat(devkit / "trainval" / f"{stem}.mat", {"LabelMap": raw})
            elif form == "png":
                raw = raw_of(ids, lambda label: 0 if label == 255 else label + 1)
                write_grey(devkit / "SegmentationClassContext" / f"{stem}.png", raw)
            else:
                raw = raw_of(ids, lambda label: 0 if label == 255 else CONTEXT_HOME.index(label) + 1)
                write_palette(devkit / "59_context_labels" / f"{stem}.png", raw)
        write_lines(devkit / "ImageSets" / lists / f"{split}.txt", list(written[split]))
    return written


def write_ade20k(root: Path, train: int = 2, val: int = 2) -> Written:
    """ADEChallengeData2016: 0 = other, 1..150."""
    written = Written()
    for seed, (split, count) in enumerate({"train": train, "val": val}.items()):
        pattern = f"ADE_{split}_{{:08}}"
        written[split] = drawn(range(150), 255, seed, stems(split, count, pattern))
        folder = {"train": "training", "val": "validation"}[split]
        for stem, ids in written[split].items():
            write_photo(root / "ADEChallengeData2016" / "images" / folder / f"{stem}.jpg", ids)
            raw = raw_of(ids, lambda label: 0 if label == 255 else label + 1)
            write_grey(root / "ADEChallengeData2016" / "annotations" / folder / f"{stem}.png", raw)
    return written


def write_ade20k_full(root: Path, train: int = 2, val: int = 2) -> Written:
    """ADE20K_2021_17_01: photos by scene with `_seg.png` beside them; class = R // 10 · 256 + G, B holds instances."""
    written = Written()
    for seed, (split, count) in enumerate({"train": train, "val": val}.items()):
        pattern = f"ADE_{split}_{{:08}}"
        written[split] = drawn(list(ADE_FULL_RAW), 65535, seed, stems(split, count, pattern), np.uint16)
        folder = {"train": "training", "val": "validation"}[split]
        for number, (stem, ids) in enumerate(written[split].items()):
            group = ("urban/street", "nature_landscape/coast")[number % 2]
            scene = root / "ADE20K_2021_17_01" / "images" / "ADE" / folder / group
            write_photo(scene / f"{stem}.jpg", ids)
            raw = raw_of(ids, lambda label: 7 if label == 65535 else ADE_FULL_RAW[label])  # 7: none of the 847
            instances = np.arange(raw.size).reshape(raw.shape) % 256
            colours = np.stack([raw // 256 * 10 + 3, raw % 256, instances], axis=-1).astype(np.uint8)
            Image.fromarray(colours).save(scene / f"{stem}_seg.png")
            Image.fromarray(colours).save(scene / f"{stem}_parts_1.png")
    return written


def write_folder(root: Path, names: Sequence[str], masks: dict[str, dict[str, NDArray[Any]]]) -> None:
    """The folder format with masks of any values, for faults."""
    write_lines(root / "classes.txt", list(names))
    for split, of_split in masks.items():
        for stem, values in of_split.items():
            write_photo(root / "images" / split / f"{stem}.png", values)
            write_grey(root / "masks" / split / f"{stem}.png", values)


def write_msrc21(root: Path, names: Sequence[str], train: int = 2, val: int = 2) -> Written:
    """MSRC-21 in the folder format."""
    written = {
        split: drawn(range(21), 255, seed, stems(split, count, "{}_s"))
        for seed, (split, count) in enumerate({"train": train, "val": val}.items())
    }
    write_folder(root, names, written)
    return written
