"""What decides a plan: the photos, and the machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Final

import torch
from PIL import ExifTags, Image

from clipteacher.data.dataset import SegmentationDataset
from clipteacher.data.files import DataError
from clipteacher.data.source import Source
from clipteacher.data.value_counts import kept_counts
from clipteacher.utils.lists import subsample

_MEASURED: Final = 200  # photos whose size is read


@dataclass(frozen=True)
class DataFacts:
    """What is known of the photos before one is decoded.

    Attributes:
        photos: Number of training photos.
        val_photos: Number of photos to score on.
        height: Median height of the training photos in pixels, upright.
        width: Median width.
        short_side: Median of their shorter sides.
        shares: Share of the labelled training pixels that each class with masks has, 0..1, by name.
    """

    photos: int
    val_photos: int
    height: int
    width: int
    short_side: int
    shares: Mapping[str, float]


@dataclass(frozen=True)
class MachineFacts:
    """What the machine offers.

    Attributes:
        device: "cpu", "cuda" or "mps".
        name: What it is called, such as "2 cores" or "NVIDIA H100".
        bf16: Whether it computes in bfloat16 faster than in float32.
        cores: CPU cores that this process may use.
    """

    device: str
    name: str
    bf16: bool
    cores: int


def data_facts(train: SegmentationDataset, val: SegmentationDataset) -> DataFacts:
    """Look at the photos: how many, how large, and how much of them each class covers.

    Masks are counted as training sees them: those of held-back classes are not.

    Args:
        train: Training photos.
        val: Photos to score on.

    Raises:
        DataError: A photo cannot be opened, or a mask cannot be read.
    """
    sizes = [_upright_size(train.source, index) for index in subsample(len(train), _MEASURED)]
    pixels = kept_counts(train.source).class_pixels(train.source)
    seen = {name: int(pixels[train.source.names.index(name)]) for name in train.class_split.seen}
    total = max(1, sum(seen.values()))
    return DataFacts(
        photos=len(train),
        val_photos=len(val),
        height=int(median(height for height, _ in sizes)),
        width=int(median(width for _, width in sizes)),
        short_side=int(median(min(size) for size in sizes)),
        shares={name: count / total for name, count in seen.items()},
    )


def machine_facts(device: str | None = None) -> MachineFacts:
    """Look at the machine.

    Args:
        device: A device to use, such as "cpu"; None and "auto" take a GPU where there is one.

    Raises:
        ValueError: Torch cannot use the device here.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if device is None or device == "auto":
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    kind = device.split(":")[0]
    usable = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not usable.get(kind, False):
        there = ", ".join(name for name, here in usable.items() if here)
        raise ValueError(f"device: got {device!r}, expected one that torch can use here: {there}.")
    if kind == "cuda":
        index = int(device.split(":")[1]) if ":" in device else 0
        name = torch.cuda.get_device_name(index)
        return MachineFacts("cuda", name, torch.cuda.is_bf16_supported(including_emulation=False), cores)
    return MachineFacts(kind, "Apple GPU" if kind == "mps" else f"{cores} CPU cores", False, cores)


def _upright_size(source: Source, index: int) -> tuple[int, int]:
    """Read height and width of a photo from its header, turned as its EXIF orientation says."""
    path = source.paths(index).image
    try:
        with Image.open(path) as image:
            turned = 5 <= int(image.getexif().get(ExifTags.Base.Orientation, 1)) <= 8  # these swap the sides
            return (image.width, image.height) if turned else (image.height, image.width)
    except Exception as error:  # a decoder may raise almost anything on broken bytes
        raise DataError(f"{path}: cannot be opened ({type(error).__name__}: {error}). Save it again.") from error
