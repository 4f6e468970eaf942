"""A copy of a data set without some classes, so that a setting can be chosen without their names and masks."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from clipteacher.data.class_list import read_class_names
from clipteacher.data.files import read_values
from clipteacher.protocols.splits import IGNORE


def without(data: Path, out: Path, names: Sequence[str]) -> Path:
    """Write the data set once more: the classes of these names are ignored pixels, and their names are gone.

    Args:
        data: Folder with `classes.txt`, `images/` and `masks/`.
        out: Where to; photos are linked, not copied. One that is there whole is taken as it is.
        names: The classes to take out.

    Returns:
        `out`.

    Raises:
        ValueError: A name is none of the data set's.
    """
    all_names = read_class_names(data)
    if missing := sorted(set(names) - set(all_names)):
        raise ValueError(f"unseen: got {missing}, expected names of {data / 'classes.txt'}")
    kept = [name for name in all_names if name not in names]
    if (out / "classes.txt").exists():
        return out
    table = np.full(256, IGNORE, np.uint8)
    for name in kept:
        table[all_names.index(name)] = kept.index(name)
    for split in sorted(path.name for path in (data / "masks").iterdir() if path.is_dir()):
        (out / "masks" / split).mkdir(parents=True, exist_ok=True)
        (out / "images").mkdir(exist_ok=True)
        link = out / "images" / split
        if link.is_symlink():
            link.unlink()
        link.symlink_to((data / "images" / split).resolve())
        for mask in sorted((data / "masks" / split).glob("*.png")):
            Image.fromarray(table[read_values(mask)]).save(out / "masks" / split / mask.name)
    temporary = out / "classes.tmp"
    temporary.write_text("\n".join(kept) + "\n", encoding="utf-8")
    shutil.move(temporary, out / "classes.txt")  # last, for it marks the copy as whole
    return out
