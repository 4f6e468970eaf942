"""Writing pictures and masks of ids atomically: a file is whole, or not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from clipteacher.utils.atomic_files import write_atomically


def save_picture(image: Image.Image, path: str | Path) -> None:
    """Write a picture atomically.

    Args:
        image: The picture.
        path: The file; its suffix, such as ".png" or ".jpg", is the format. A missing folder is created.

    Raises:
        ValueError: Pillow cannot write a format with that suffix.
        OSError: The picture cannot be encoded in that format, or the file cannot be written.
    """
    path = Path(path)
    image_format = Image.registered_extensions().get(path.suffix.lower())
    if image_format is None or image_format not in Image.SAVE:
        raise ValueError(f"path: got {str(path)!r}, expected the suffix of a picture. Call it {path.stem}.png.")
    options = {"quality": 92} if image_format == "JPEG" else {}
    write_atomically(path, lambda temporary: image.save(temporary, format=image_format, **options))


def save_id_png(labels: NDArray[np.integer[Any]], path: str | Path) -> None:
    """Write class ids as a grey PNG whose values are the ids, atomically.

    Args:
        labels: Class ids (H, W), integer, values 0..65535. Up to 255 the file has 8 bits (mode L, which `read_values`
            of `clipteacher.data.files` reads), above that 16.
        path: The file, which ends in ".png". A missing folder is created.

    Raises:
        ValueError: The ids are not as above, or the path has another suffix.
        OSError: The file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise ValueError(f"path: got {str(path)!r}, expected .png: other formats change ids. Call it {path.stem}.png.")
    if labels.ndim != 2 or not labels.size:
        raise ValueError(f"labels: got shape {labels.shape}, expected (H, W), not empty. Save one photo's ids alone.")
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels: got {labels.dtype}, expected an integer type with class ids. Take the argmax.")
    lowest, highest = int(labels.min()), int(labels.max())
    if lowest < 0 or highest > 65535:
        raise ValueError(
            f"labels: got ids {lowest}..{highest}, expected 0..65535. Write 255, or another free id, "
            "for ignored pixels."
        )
    image = Image.fromarray(np.ascontiguousarray(labels.astype(np.uint8 if highest <= 255 else np.uint16)))
    save_picture(image, path)
