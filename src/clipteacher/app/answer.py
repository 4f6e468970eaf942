"""One press of the button, without the page: from an uploaded file and typed words to everything that is shown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from clipteacher.app.legend import LegendRow, legend_rows
from clipteacher.app.limits import Limits
from clipteacher.app.view import View, view_of
from clipteacher.app.words import typed_words
from clipteacher.data.photo import eight_bits, read_photo
from clipteacher.pictures import save_id_png
from clipteacher.protocols.splits import ignore_id
from clipteacher.segmenter.segmentation import NONE, Segmentation
from clipteacher.segmenter.segmenter import Segmenter

_NAME = 60  # letters of the file's name that its ids keep


@dataclass(frozen=True, eq=False)
class Question:
    """What a visitor asks.

    Attributes:
        file: The uploaded photo; None where there is none.
        name: The file's name on the visitor's machine, for messages and for the name of the ids.
        text: The words as typed, see `typed_words`.
        compete: Whether the model's own words compete: where one of them is better, the pixel has none of the words.
        threshold: As for `Segmenter.segment`; None asks for no least likeness.
    """

    file: Path | None
    name: str
    text: str
    compete: bool = False
    threshold: float | None = None


@dataclass(frozen=True, eq=False)
class Answer:
    """What the page shows.

    Attributes:
        view: The photo and its ids at the size of the page, to be painted at any opacity.
        rows: The legend.
        ids: The PNG of ids at the photo's own size.
        summary: What was found, in a sentence.
    """

    view: View
    rows: tuple[LegendRow, ...]
    ids: Path
    summary: str


def answered(segmenter: Segmenter, question: Question, limits: Limits, folder: Path) -> Answer:
    """Segment a photo into the words typed.

    Args:
        segmenter: A trained student.
        question: The photo and the words.
        limits: How large a photo, how many words.
        folder: Where the PNG of ids is written: a folder of its own for each answer.

    Returns:
        The answer.

    Raises:
        ConnectionError, FileNotFoundError, ImportError: The text tower, which new words need, cannot be loaded.
        OSError: The disk refuses the ids.
        ValueError: There is no photo, it cannot be read or is too large; or a word is not as `typed_words` asks, or
            the model cannot take it. The message is for the visitor: it says no path of this machine.
    """
    words = typed_words(question.text, segmenter.class_names, limits)
    others = [word for word in words if word not in segmenter.class_names]
    if others and segmenter.text_spec is None:
        raise ValueError(
            f"Words: “{others[0]}” is none of the model's own, and it came without a text tower. Take those."
        )
    if question.file is None:
        raise ValueError("Photo: none given. Drop one, or take the example.")
    if not question.file.exists():
        raise ValueError(
            f"Photo: {question.name} is not here any more: uploads are deleted after {limits.kept_seconds // 60} "
            "minutes. Drop it again."
        )
    try:
        _check_pixels(question.file, limits.megapixels)
        photo = read_photo(question.file)
    except ValueError as error:
        # What is read lies under a temporary name that means nothing to the visitor.
        raise ValueError(f"Photo: {str(error).replace(str(question.file), question.name)}") from error
    rivals = segmenter.class_names if question.compete else ()
    found = segmenter.segment(photo, words, threshold=question.threshold, background_prompts=rivals)
    ids = folder / f"{_plain(question.name)}_ids.png"
    none_id = ignore_id(len(words))
    save_id_png(np.where(found.labels == NONE, none_id, found.labels), ids)
    return Answer(
        view_of(eight_bits(photo), found.labels, limits.shown_side),
        legend_rows(found, none_id, segmenter.unseen),
        ids,
        _summary(found),
    )


def _check_pixels(file: Path, megapixels: float) -> None:
    """Check a photo's size by its header; what has none is left for `read_photo` to complain of."""
    try:
        with Image.open(file) as picture:
            width, height = picture.size
    except Exception:  # as `read_photo`: a decoder may raise nearly anything on broken bytes
        return
    if width * height > megapixels * 1e6:
        raise ValueError(
            f"{file} has {width} x {height} pixels, {width * height / 1e6:.1f} million; at most {megapixels:g} million "
            "are taken here. Make it smaller."
        )


def _summary(found: Segmentation) -> str:
    """Say what was found."""
    height, width = found.labels.shape
    seen = sum(area > 0 for area in found.areas.values())
    return f"{seen} of {len(found.class_names)} words found in {width} x {height} pixels."


def _plain(name: str) -> str:
    """The stem of a file's name with nothing that a file system or a page could take for more."""
    stem = re.sub(r"[^\w-]+", "_", Path(name.replace("\\", "/")).stem).strip("_")[:_NAME]
    return stem or "photo"
