"""What the page's controls ask for. Whatever a browser sends is answered: with a picture or with a message."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from clipteacher.app.answer import Question, answered
from clipteacher.app.legend import legend_html, message_html
from clipteacher.app.limits import Limits
from clipteacher.app.view import View, painted
from clipteacher.app.words import with_word
from clipteacher.segmenter.segmenter import Segmenter

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Handlers:
    """Functions of the page's controls; each takes what the browser sent, unchecked.

    Attributes:
        segmenter: A trained student.
        limits: What the page takes.
        folder: For PNGs of ids.
    """

    segmenter: Segmenter
    limits: Limits
    folder: Path

    def press(
        self, photo: object, text: object, compete: object, least: object, threshold: object, opacity: object
    ) -> tuple[Any, ...]:
        """Answer the button.

        Args:
            photo: Gradio's description of the upload, or None.
            text: The words.
            compete: Whether the model's own words compete with them.
            least: Whether a pixel must be like its word.
            threshold: How much, a cosine.
            opacity: Weight of the colours, 0..1.

        Returns:
            Message, picture (h, w, 3), uint8, legend, download button, and the `View` that the slider paints again;
            or a message, and nothing of the answer before it.
        """
        try:
            cosine = _number(threshold, "Least likeness") if least else None
            question = _question(photo, text, bool(compete), cosine)
            weight = _number(opacity, "Opacity")
            answer = answered(self.segmenter, question, self.limits, Path(tempfile.mkdtemp(dir=self.folder)))
            picture = painted(answer.view, weight)
        except (TypeError, ValueError) as error:
            return _no_answer(str(error))
        except (ConnectionError, FileNotFoundError, ImportError):
            _log.exception("clipteacher app: the text tower could not be loaded")
            return _no_answer(
                "Words: the text tower, which new words need, cannot be loaded where clipteacher app runs; the reason "
                "is in its terminal. The model's own words still go."
            )
        except Exception:  # the page goes on, whatever a network or a disk does
            _log.exception("clipteacher app: a photo could not be segmented")
            return _no_answer(
                "This did not work; the reason is in the terminal where clipteacher app runs. Try a smaller photo."
            )
        download = gr.DownloadButton(value=str(answer.ids), interactive=True)
        return message_html(answer.summary), picture, legend_html(answer.rows), download, answer.view

    def repaint(self, view: View | None, opacity: object) -> Any:  # noqa: ANN401 (Gradio's "leave it as it is" is a dict)
        """Answer the opacity slider; nothing is segmented again.

        Args:
            view: What `press` returned; None where there is nothing to paint.
            opacity: Weight of the colours, 0..1.

        Returns:
            The picture (h, w, 3), uint8, or Gradio's word for "leave it as it is".
        """
        try:
            return gr.skip() if view is None else painted(view, _number(opacity, "Opacity"))
        except ValueError:  # a number typed beside the slider that is none from 0 to 1
            return gr.skip()

    def add_word(self, text: object, index: object) -> str:
        """Answer a press on one of the model's own words.

        Args:
            text: The words so far.
            index: Position of the word in the model's vocabulary.

        Returns:
            The words with that one.
        """
        text = text if isinstance(text, str) else ""
        names = self.segmenter.class_names
        return with_word(text, names[index]) if isinstance(index, int) and 0 <= index < len(names) else text


def _question(photo: object, text: object, compete: bool, threshold: float | None) -> Question:
    """Take what came from the browser, or from whoever says to be one."""
    file = photo.get("path") if isinstance(photo, Mapping) else None
    name = photo.get("orig_name") if isinstance(photo, Mapping) else None
    return Question(
        Path(file) if isinstance(file, str) and file else None,
        name if isinstance(name, str) and name else "the photo",
        text if isinstance(text, str) else "",
        compete,
        threshold,
    )


def _number(value: object, label: str) -> float:
    """A number of a slider."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{label}: got {value!r}, expected a number. Move the slider.")
    return float(value)


def _no_answer(text: str) -> tuple[Any, ...]:
    """What is shown where there is no answer."""
    return message_html(text, error=True), None, "", gr.DownloadButton(value=None, interactive=False), None
