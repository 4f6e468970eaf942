"""Small folders in the layouts in which people have their data."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from clipteacher.convert.layouts import Layout, LayoutOptions, Prepared, prepare, recognise
from clipteacher.data.audit import audit_labels
from clipteacher.data.folder import FolderSource
from clipteacher.data.value_counts import count_values
from clipteacher.training.datamodule import FolderDataModule

HEIGHT, WIDTH = 32, 40


def photo(path: Path, size: tuple[int, int] = (WIDTH, HEIGHT), orientation: int | None = None) -> Path:
    """Write a photo of noise, which is another for each name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = sum(path.name.encode())
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    exif = Image.Exif()
    if orientation is not None:
        exif[274] = orientation
    image = Image.fromarray(pixels)
    image.save(path, format=None if path.suffix.lower() != ".jfif" else "JPEG", exif=exif)
    return path


def bands(values: Sequence[int]) -> NDArray[np.uint8]:
    """A mask (32, 40), uint8, of upright bands of these values, from the left."""
    columns = np.arange(WIDTH) * len(values) // WIDTH
    return np.broadcast_to(np.array(values, dtype=np.uint8)[columns], (HEIGHT, WIDTH)).copy()


def mask(path: Path, values: Sequence[int], *, palette: Sequence[Sequence[int]] | None = None) -> Path:
    """Write bands of ids, as grey or with a palette."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(bands(values))
    if palette is not None:
        image = Image.frombytes("P", (WIDTH, HEIGHT), bands(values).tobytes())
        image.putpalette([channel for colour in palette for channel in colour])
    image.save(path)
    return path


def painted(path: Path, colours: Sequence[Sequence[int]]) -> Path:
    """Write bands of colours."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array(colours, dtype=np.uint8)[bands(range(len(colours)))]).save(path)
    return path


def text(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def each(names: Iterable[str], ids: list[int]) -> dict[str, list[int]]:
    """The same bands for several masks."""
    return dict.fromkeys(names, ids)


def pairs(
    root: Path,
    names: str,
    values: Sequence[int],
    photos: str = "images",
    masks: str = "masks",
    suffix: str = ".jpg",
) -> Path:
    """Write photos and masks of the same bands of ids."""
    for name in names.split():
        photo(root / photos / f"{name}{suffix}")
        mask(root / masks / f"{name}.png", values)
    return root


def converted(root: Path, out: Path, **options: Any) -> tuple[Layout, Prepared]:  # noqa: ANN401
    """Recognise and write; our own audit and reader must take what was written."""
    layout = recognise(root, LayoutOptions(**options))
    prepared = prepare(layout, out)
    for split in ("train", "val"):
        source = FolderSource(prepared.root, split)
        assert len(source) == len(layout.photos[split])
        found = audit_labels(source, count_values(source))
        assert not found.faults, found.faults
    FolderDataModule(prepared.root, workers=0).setup("fit")
    assert prepared.classes == FolderSource(prepared.root, "train").names
    return layout, prepared


def written(prepared: Prepared) -> dict[str, list[int]]:
    """The bands of each written mask, in the middle row, without repetitions: `train/a` to ids."""
    found = {}
    for path in sorted((prepared.root / "masks").rglob("*.png")):
        ids = np.asarray(Image.open(path))
        assert ids.dtype == np.uint8
        assert (ids == ids[:1]).all(), "bands are upright"
        row = ids[0]
        found[path.relative_to(prepared.root / "masks").with_suffix("").as_posix()] = row[
            np.flatnonzero(np.diff(row, prepend=np.int16(-1)))
        ].tolist()
    return found


def values_by_name(prepared: Prepared) -> Mapping[str, list[int]]:
    """As `written`, whatever the split."""
    return {name.partition("/")[2]: ids for name, ids in written(prepared).items()}
