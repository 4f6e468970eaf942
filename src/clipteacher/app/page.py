"""The page in Gradio's components, and its button: whatever a browser sends is answered with a picture or a message."""

from __future__ import annotations

import html
import logging
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from clipteacher.app.answer import answered, read_upload, shown
from clipteacher.app.guard import is_place, is_plain, is_upload
from clipteacher.app.limits import Limits
from clipteacher.app.look import ANSWERED
from clipteacher.app.words import words_text
from clipteacher.segmenter.segmenter import Segmenter

_PICTURE = "Segmented photo"
_log = logging.getLogger(__name__)


def theme() -> gr.themes.Base:
    """Return Gradio's default theme with the system's fonts, so that none is fetched, and darker type."""
    look = gr.themes.Default(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
    return look.set(body_text_color_subdued="*neutral_600", body_text_color_subdued_dark="*neutral_300")


def build_page(segmenter: Segmenter, limits: Limits, folder: Path, examples: Sequence[Path], title: str) -> gr.Blocks:
    """Lay out the page.

    Args:
        segmenter: A trained student.
        limits: Limits of the page.
        folder: Folder for PNGs of ids. It must be Gradio's own for files, which are deleted in time.
        examples: Photos to choose from.
        title: Name of the model.

    Returns:
        The page, which `clipteacher.app.serving` launches.
    """
    page = gr.Blocks(
        analytics_enabled=False,
        title=f"{title} · CLIPTeacher",
        fill_width=True,
        delete_cache=(max(1, limits.kept_seconds // 4), limits.kept_seconds),
    )
    with page:
        gr.HTML(_head(title, segmenter))
        with gr.Row():
            with gr.Column(scale=2, min_width=320):
                photo, words = _question(segmenter, limits, examples)
                with gr.Accordion("None of these", open=False, elem_id="ct-none-part"):
                    compete = gr.Checkbox(
                        False,
                        label="The model's own words compete",
                        info="Where one of them fits better than yours, the pixel has no word.",
                        elem_id="ct-compete",
                    )
                    text = "Where the cosine to every word is lower, the pixel has no word. 0 is off; try 0.3."
                    least = gr.Slider(
                        0, 1, 0, step=0.01, label="Least likeness", info=text, buttons=[], elem_id="ct-least"
                    )
                button = gr.Button("Segment", variant="primary", size="lg", elem_id="ct-segment")
            with gr.Column(scale=5, min_width=320):
                outputs = _outputs()
        pressed = gr.on(
            [button.click, words.submit],
            partial(press, segmenter, limits, folder),
            [photo, words, compete, least],
            outputs,
            # Gradio's preprocessing would open the photo first, and its errors are no messages for a visitor.
            preprocess=False,
            api_visibility="private",
            concurrency_limit=1,
        )
        pressed.success(None, js=ANSWERED, api_visibility="private")
        # Nothing of the last answer stays beside a message.
        pressed.failure(
            lambda: (gr.AnnotatedImage(None, label=_PICTURE), None, gr.DownloadButton(value=None, interactive=False)),
            outputs=outputs,
            api_visibility="private",
            show_progress="hidden",
        )
    page.queue(max_size=limits.waiting, default_concurrency_limit=1, api_open=False)
    return page


def argument_checks(page: gr.Blocks, folder: Path) -> dict[int, list[Callable[[object], bool]]]:
    """Say what the page's jobs take, for `clipteacher.app.guard.Guard`.

    Args:
        page: The page.
        folder: Folder of uploads.

    Returns:
        For each job, by its number, a check of each argument as a browser sends it.
    """

    def check(part: object) -> Callable[[object], bool]:
        if isinstance(part, gr.Dataset):
            return partial(is_place, len(part.samples))
        return partial(is_upload, folder) if isinstance(part, gr.Image) else is_plain

    return {number: [check(part) for part in function.inputs] for number, function in page.fns.items()}


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
    path, name = _file(photo)
    try:
        if isinstance(least, bool) or not isinstance(least, int | float):
            raise ValueError(f"Least likeness: got {least!r}, expected a number. Move the slider.")
        found, ids = answered(
            segmenter,
            path,
            name,
            text if isinstance(text, str) else "",
            limits=limits,
            folder=Path(tempfile.mkdtemp(dir=folder)),
            compete=bool(compete),
            threshold=least or None,
        )
        picture, masks, colours, rows = shown(found, segmenter.unseen, limits.shown_side)
    except Exception as error:  # the page goes on, whatever a network or a disk does
        message = "This did not work; the reason is in the terminal where clipteacher app runs. Try a smaller photo."
        if isinstance(error, ConnectionError | FileNotFoundError | ImportError):
            message = (
                "Words: the text tower, which new words need, cannot be loaded where clipteacher app runs; the reason "
                "is in its terminal. The model's own words still work."
            )
        if isinstance(error, ValueError):
            message = str(error)
        else:
            _log.exception("clipteacher app: a photo could not be segmented")
        raise gr.Error(html.escape(message), duration=30, print_exception=False) from error
    present, count = sum(area > 0 for area in found.areas.values()), len(found.class_names)
    height, width = found.labels.shape
    label = f"{present} of {count} words found" if present else f"Nothing found: none of {count} words"
    return (
        gr.AnnotatedImage(
            (picture, masks),
            label=f"{label} in {width} x {height} pixels",
            color_map=colours,
        ),
        rows,
        gr.DownloadButton(value=str(ids), interactive=True),
    )


def check_upload(limits: Limits, photo: object) -> dict[str, Any] | None:
    """Refuse an upload that is no photo as soon as it is there; the last argument is what the browser sent, unchecked.

    Args:
        limits: Limits of the page.
        photo: Gradio's description of the upload, or None.

    Returns:
        None, which clears the photo, beside a message; or nothing new, if it is a photo.
    """
    path, name = _file(photo)
    try:
        read_upload(path, name, limits)
    except ValueError as error:
        gr.Warning(html.escape(str(error)), duration=30)
        return None
    except Exception:  # out of memory, say: the button will say so
        _log.exception("clipteacher app: an upload could not be read")
    unchanged: dict[str, Any] = gr.skip()
    return unchanged


def _file(photo: object) -> tuple[Path | None, str]:
    """Path and name of an upload, as the browser sent them."""
    given = photo if isinstance(photo, Mapping) else {}
    path, name = given.get("path"), given.get("orig_name")
    return (
        Path(path) if isinstance(path, str) and path else None,
        name if isinstance(name, str) and name else "the photo",
    )


def _question(segmenter: Segmenter, limits: Limits, examples: Sequence[Path]) -> tuple[gr.Image, gr.Textbox]:
    """Lay out photo and words."""
    photo = gr.Image(
        label="Photo",
        type="filepath",
        image_mode=None,
        sources=["upload", "clipboard"],
        height=260,
        buttons=["fullscreen"],
        alt_text="The photo to segment",
        placeholder=f"Drop a photo here\n- or -\nclick to choose one\n(up to {limits.megabytes:g} MB)",
        elem_id="ct-photo",
    )
    photo.upload(
        partial(check_upload, limits),
        photo,
        photo,
        preprocess=False,
        api_visibility="private",
        show_progress="hidden",
        concurrency_limit=1,
    )
    gr.Examples(
        [[str(path)] for path in examples],
        [photo],
        label="Examples: drawn scenes",
        cache_examples=False,
        api_visibility="private",
        elem_id="ct-examples",
    )
    own = words_text(segmenter.class_names)
    words = gr.Textbox(
        own,
        label="Words",
        info="Any words, separated by commas; in quotes if a word contains a comma.",
        lines=4,
        max_lines=8,
        placeholder="cat, old chair, sky",
        elem_id="ct-words",
    )
    with gr.Row():
        reset = gr.Button("The model's own words", size="sm", min_width=140, elem_id="ct-own")
        clear = gr.Button("Clear words", size="sm", min_width=100, elem_id="ct-clear")
    reset.click(lambda: own, None, words, api_visibility="private", show_progress="hidden")
    clear.click(lambda: "", None, words, api_visibility="private", show_progress="hidden")
    return photo, words


def _outputs() -> tuple[gr.AnnotatedImage, gr.Dataframe, gr.DownloadButton]:
    """Lay out picture, table and download."""
    return (
        gr.AnnotatedImage(label=_PICTURE, elem_id="ct-picture"),
        gr.Dataframe(
            headers=["Word", "Area, %", "Id"],
            datatype=["str", "number", "number"],
            column_count=3,
            interactive=False,
            wrap=True,
            buttons=[],
            show_label=False,
            elem_id="ct-table",
        ),
        gr.DownloadButton("Download ids (PNG)", interactive=False, elem_id="ct-download"),
    )


def _head(title: str, segmenter: Segmenter) -> str:
    """The heading, HTML."""
    count, unseen = len(segmenter.class_names), len(segmenter.unseen)
    known = f"{count} words of its own" + (f", {unseen} of them without labels in training" if unseen else "")
    more = "Any other words work too." if segmenter.text_spec else "It has no text tower for other words."
    return (
        "<h1>A photo, your own words</h1><p>Each pixel gets the word that fits it best. Model: "
        f"<b>{html.escape(title)}</b>, {known}. {more} "
        "Press a word below the picture to see it alone, and again to see all.</p>"
    )
