"""What the button does: whatever a browser sends is answered with a picture or with a message."""

from __future__ import annotations

import html
import logging
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gradio as gr

from clipteacher.app.answer import answered, shown
from clipteacher.app.limits import Limits
from clipteacher.segmenter.segmenter import Segmenter

_log = logging.getLogger(__name__)


def press(
    segmenter: Segmenter, limits: Limits, folder: Path, photo: object, text: object, compete: object, least: object
) -> tuple[Any, ...]:
    """Answer a press of the button; the last four arguments are what the browser sent, unchecked.

    Args:
        segmenter: A trained student.
        limits: Limits of the page.
        folder: Folder for PNGs of ids.
        photo: Gradio's description of the upload, or None.
        text: The words.
        compete: Whether the model's own words compete.
        least: Least cosine of a pixel to its word; 0 is none.

    Returns:
        Updates of the picture, the table and the download button.

    Raises:
        gradio.Error: There is no answer. The browser shows its message, which is HTML with all text escaped.
    """
    given = photo if isinstance(photo, Mapping) else {}
    path, name = given.get("path"), given.get("orig_name")
    try:
        if isinstance(least, bool) or not isinstance(least, int | float):
            raise ValueError(f"Least likeness: got {least!r}, expected a number. Move the slider.")
        found, ids = answered(
            segmenter,
            Path(path) if isinstance(path, str) and path else None,
            name if isinstance(name, str) and name else "the photo",
            text if isinstance(text, str) else "",
            limits=limits,
            folder=Path(tempfile.mkdtemp(dir=folder)),
            compete=bool(compete),
            threshold=least or None,
        )
        picture, masks, colours, rows = shown(found, segmenter.unseen, limits.shown_side)
    except ValueError as error:
        raise _message(str(error)) from error
    except (ConnectionError, FileNotFoundError, ImportError) as error:
        _log.exception("clipteacher app: the text tower could not be loaded")
        raise _message(
            "Words: the text tower, which new words need, cannot be loaded where clipteacher app runs; the reason "
            "is in its terminal. The model's own words still work."
        ) from error
    except Exception as error:  # the page goes on, whatever a network or a disk does
        _log.exception("clipteacher app: a photo could not be segmented")
        raise _message(
            "This did not work; the reason is in the terminal where clipteacher app runs. Try a smaller photo."
        ) from error
    present = sum(area > 0 for area in found.areas.values())
    height, width = found.labels.shape
    return (
        gr.AnnotatedImage(
            (picture, masks),
            label=f"{present} of {len(found.class_names)} words found in {width} x {height} pixels",
            color_map=colours,
        ),
        rows,
        gr.DownloadButton(value=str(ids), interactive=True),
    )


def _message(text: str) -> gr.Error:
    """A message for the visitor, shown for long enough to be read."""
    return gr.Error(html.escape(text), duration=30, print_exception=False)
