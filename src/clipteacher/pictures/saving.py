"""Writing pictures and masks of ids atomically: a file is whole, or not there."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from clipteacher.utils.atomic_files import write_atomically

MADE_BY: Final = "clipteacher segment"
"""What results name as their software: by it they are known later."""

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_SOFTWARE: Final = b"Software\0"  # keyword of the PNG specification, 11.3.3.2


def save_picture(image: Image.Image, path: str | Path, *, software: str | None = None) -> None:
    """Write a picture atomically.

    Args:
        image: The picture.
        path: The file; its suffix, such as ".png" or ".jpg", is the format. A missing folder is created.
        software: What a PNG names as its software, which `png_software` reads; None names none.

    Raises:
        ValueError: Pillow cannot write a format with that suffix.
        OSError: The picture cannot be encoded in that format, or the file cannot be written.
    """
    path = Path(path)
    image_format = Image.registered_extensions().get(path.suffix.lower())
    if image_format is None or image_format not in Image.SAVE:
        raise ValueError(f"path: got {str(path)!r}, expected the suffix of a picture. Call it {path.stem}.png.")
    options: dict[str, Any] = {"quality": 92} if image_format == "JPEG" else {}
    if image_format == "PNG":
        options["compress_level"] = 1  # much faster than Pillow's own 6, for hardly more bytes
        if software is not None:
            options["pnginfo"] = PngInfo()
            options["pnginfo"].add_text("Software", software)
    write_atomically(path, lambda temporary: image.save(temporary, format=image_format, **options))


def save_id_png(labels: NDArray[np.integer[Any]], path: str | Path, *, software: str | None = None) -> None:
    """Write class ids as a grey PNG whose values are the ids, atomically.

    Args:
        labels: Class ids (H, W), integer, values 0..65535. Up to 255 the file has 8 bits (mode L, which `read_values`
            of `clipteacher.data.files` reads), above that 16.
        path: The file, which ends in ".png". A missing folder is created.
        software: As `save_picture`.

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
    save_picture(image, path, software=software)


def png_software(path: str | Path) -> str | None:
    """Return what a PNG names as its software before its pixels; None where it names none or is no readable PNG."""
    if not Path(path).is_file():  # a pipe would wait
        return None
    try:
        with Path(path).open("rb") as file:
            if file.read(len(_PNG)) != _PNG:
                return None
            while len(header := file.read(8)) == 8:
                length, kind = struct.unpack(">I4s", header)
                if kind == b"IDAT":
                    return None
                start = file.tell()
                if kind == b"tEXt" and (text := file.read(min(length, 256))).startswith(_SOFTWARE):
                    return text[len(_SOFTWARE) :].decode("latin-1")
                file.seek(start + length + 4)  # a checksum follows
    except OSError:
        return None
    return None
