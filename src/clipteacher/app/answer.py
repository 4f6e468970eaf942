"""The answer to one photo and some words, as the page shows it. Without Gradio."""

from __future__ import annotations

import re
from collections.abc import Container
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from clipteacher.app.limits import Limits
from clipteacher.app.words import typed_words
from clipteacher.data.files import DataError
from clipteacher.data.photo import read_photo
from clipteacher.pictures import class_colours, save_id_png
from clipteacher.pictures.colours import IGNORE_COLOUR
from clipteacher.pictures.overlays import NONE_OF_THESE
from clipteacher.protocols.splits import ignore_id
from clipteacher.segmenter.segmentation import NONE, Segmentation
from clipteacher.segmenter.segmenter import Segmenter

_WEIGHT: Final = np.float32(0.65)  # Gradio shows 0.85 of it, which leaves the 0.55 of `clipteacher.pictures.overlay`
_NAME: Final = 60  # letters of the file's name that are kept


def answered(
    segmenter: Segmenter,
    file: Path | None,
    name: str,
    text: str,
    *,
    limits: Limits,
    folder: Path,
    compete: bool = False,
    threshold: float | None = None,
) -> tuple[Segmentation, Path]:
    """Segment an uploaded photo into words.

    Args:
        segmenter: A trained student.
        file: The photo; None if there is none.
        name: The file's name on the visitor's machine, for messages and for the name of the PNG.
        text: The words as typed, see `typed_words`.
        limits: Limits of the photo and of the words.
        folder: Folder for the PNG of ids, a separate one for each answer.
        compete: Whether the model's own words compete: where one of them is better, the pixel has no word.
        threshold: As for `Segmenter.segment`.

    Returns:
        The segmentation, and the PNG of ids at the photo's own size.

    Raises:
        ConnectionError, FileNotFoundError, ImportError: The text tower, which new words need, cannot be loaded.
        OSError: The ids cannot be written.
        ValueError: There is no photo, it cannot be read or is too large, a word is not as `typed_words` expects, or the
            model cannot take it. The message is for the visitor and contains no path of this machine.
    """
    words = typed_words(text, segmenter.class_names, limits)
    others = [word for word in words if word not in segmenter.class_names]
    if others and segmenter.text_spec is None:
        raise ValueError(
            f"Words: “{others[0]}” is not one of the model's own words, and this model has no text tower for others."
        )
    photo = read_upload(file, name, limits)
    background = segmenter.class_names if compete else ()
    found = segmenter.segment(photo, words, threshold=threshold, background_prompts=background)
    stem = re.sub(r"[^\w-]+", "_", Path(name.replace("\\", "/")).stem).strip("_")[:_NAME] or "photo"
    ids = folder / f"{stem}_ids.png"
    save_id_png(np.where(found.labels == NONE, ignore_id(len(words)), found.labels), ids)
    return found, ids


def read_upload(file: Path | None, name: str, limits: Limits) -> NDArray[np.uint8] | NDArray[np.float32]:
    """Read an uploaded photo.

    Args:
        file: The photo; None if there is none.
        name: The file's name on the visitor's machine, for messages.
        limits: Limits of the photo.

    Returns:
        The photo (H, W, 3), uint8, or float32 in [0, 1] if it has more than 8 bits.

    Raises:
        ValueError: There is no photo, it cannot be read or is too large. The message is for the visitor.
    """
    if file is None:
        raise ValueError("Photo: got none, expected one. Drop one, or choose an example.")
    if not file.exists():
        minutes = limits.kept_seconds // 60
        raise ValueError(f"Photo: {name} is no longer here. Uploads are kept for {minutes} minutes. Drop it again.")
    try:
        return read_photo(file, max_pixels=int(limits.megapixels * 1e6))
    except DataError as error:
        # The upload has a temporary name, which means nothing to the visitor.
        raise ValueError(f"Photo: {str(error).replace(str(file), name)}") from error


def shown(
    found: Segmentation, unseen: Container[str], side: int
) -> tuple[Image.Image, list[Any], dict[str, str], list[list[str | float]]]:
    """Bring a segmentation into the form that Gradio's picture and table take.

    Args:
        found: The segmentation, with its photo.
        unseen: Words for which the model had no label in training; they are marked.
        side: The longer side of the picture in pixels, at most; larger photos are made smaller.

    Returns:
        The photo, of width w and height h; pairs of mask (h, w), float32, 0..1, and label, for the words that are
        present; the colour of each label, such as "#0072b2"; and rows of label, area in per cent, and id in the PNG.
        The largest area comes first; what is none of the words comes last.
    """
    colours = [colour.tobytes() for colour in class_colours(found.class_names)]
    parts = [
        (f"{word} (unseen)" if word in unseen else word, area, i, i, colours[i])
        for i, (word, area) in enumerate(found.areas.items())
    ]
    parts.sort(key=lambda part: -part[1])
    if found.none_area:
        parts.append((NONE_OF_THESE, found.none_area, ignore_id(len(parts)), NONE, bytes(IGNORE_COLOUR)))
    photo = found.photo if found.photo is not None else np.full((*found.labels.shape, 3), 255, dtype=np.uint8)
    picture = Image.fromarray(photo)
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    labels = Image.fromarray(found.labels.astype(np.int32)).resize(picture.size, Image.Resampling.NEAREST)
    masks = [((np.asarray(labels) == value) * _WEIGHT, label) for label, area, _, value, _ in parts if area]
    rows: list[list[str | float]] = [[label, round(100 * area, 2), number] for label, area, number, *_ in parts]
    return picture, masks, {label: f"#{colour.hex()}" for label, *_, colour in parts}, rows
