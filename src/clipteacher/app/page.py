"""The page itself, in Gradio's terms: what lies where, and which control asks for what."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import gradio as gr

from clipteacher.app.handlers import Handlers
from clipteacher.app.legend import message_html
from clipteacher.app.limits import Limits
from clipteacher.app.words import words_text
from clipteacher.segmenter.segmenter import Segmenter

CSS: Final = Path(__file__).with_name("page.css")
"""The page's style sheet."""

_OPACITY = 0.55  # of the colours at first, as `clipteacher.pictures.overlay`
_THRESHOLD = 0.3  # where "none of these" starts: about the best of the quickstart's student, docs/use.md
_SUGGESTED = 30  # the model's own words on one leaf of the list


def theme() -> gr.themes.Base:
    """Return Gradio's plain theme with the system's typeface, which is not fetched, and type dark enough to read."""
    look = gr.themes.Default(
        primary_hue="blue", font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]
    )
    return look.set(
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_300",
    )


def build_page(segmenter: Segmenter, limits: Limits, folder: Path, examples: Sequence[Path], title: str) -> gr.Blocks:
    """Lay out the page.

    Args:
        segmenter: A trained student.
        limits: What the page takes and keeps.
        folder: For PNGs of ids; it must be the one that Gradio keeps its files in, so that they are deleted in time.
        examples: Photos at hand.
        title: What to call the model.

    Returns:
        The page, to be launched by `clipteacher.app.serving`.
    """
    page = gr.Blocks(
        analytics_enabled=False,
        title=f"{title} · CLIPTeacher",
        fill_width=True,
        delete_cache=(max(1, limits.kept_seconds // 4), limits.kept_seconds),
    )
    with page:
        gr.HTML(_head(title, segmenter), apply_default_css=False, elem_classes="ct-plain")
        with gr.Row():
            with gr.Column(scale=2, min_width=340):
                asked = _question_part(segmenter, limits, examples)
            with gr.Column(scale=5, min_width=420):
                shown = _answer_part()
        view = gr.State(None, time_to_live=limits.kept_seconds)
        _connect(asked, shown, view, Handlers(segmenter, limits, folder))
    page.queue(max_size=limits.waiting, default_concurrency_limit=1, api_open=False)
    return page


@dataclass(frozen=True)
class _Asked:
    """The controls on the left."""

    photo: gr.Image
    words: gr.Textbox
    button: gr.Button
    suggestions: gr.Dataset
    compete: gr.Checkbox
    least: gr.Checkbox
    threshold: gr.Slider


@dataclass(frozen=True)
class _Shown:
    """What is on the right."""

    message: gr.HTML
    picture: gr.Image
    opacity: gr.Slider
    download: gr.DownloadButton
    legend: gr.HTML


def _question_part(segmenter: Segmenter, limits: Limits, examples: Sequence[Path]) -> _Asked:
    """Lay out photo, words and button."""
    photo = gr.Image(
        label="Photo",
        type="filepath",
        image_mode=None,
        sources=["upload", "clipboard"],
        height=260,
        buttons=["fullscreen"],
        alt_text="The photo to be segmented",
        placeholder=f"Drop a photo here\n- or -\nclick to choose one\n(up to {limits.megabytes:g} MB)",
        elem_id="ct-photo",
    )
    gr.Examples(
        [[str(path)] for path in examples],
        [photo],
        label="No photo at hand? A drawn scene:",
        cache_examples=False,
        api_visibility="private",
        elem_id="ct-examples",
    )
    words = gr.Textbox(
        words_text(segmenter.class_names),
        label="Words",
        info="Any words, with commas between them (semicolons where a word holds a comma).",
        lines=4,
        max_lines=8,
        placeholder="cat, old chair, sky",
        elem_id="ct-words",
    )
    button = gr.Button("Segment", variant="primary", size="lg", elem_id="ct-segment")
    suggestions = gr.Dataset(
        label="The model's own words: press one to add it",
        components=[words],
        samples=[[name] for name in segmenter.class_names],
        samples_per_page=_SUGGESTED,
        type="index",
        layout="gallery",
        elem_id="ct-suggestions",
    )
    with gr.Accordion("None of these", open=False, elem_id="ct-none-part"):
        compete = gr.Checkbox(
            False,
            label="The model's own words compete",
            info="Where one of them fits better than yours, the pixel stays without a word.",
            elem_id="ct-compete",
        )
        least = gr.Checkbox(
            False,
            label="A pixel must be like its word",
            info="Where it is less like every word than the slider says, it stays without one.",
            elem_id="ct-least",
        )
        threshold = gr.Slider(
            -1,
            1,
            _THRESHOLD,
            step=0.01,
            label="Least likeness (a cosine)",
            buttons=[],
            elem_id="ct-threshold",
        )
    return _Asked(photo, words, button, suggestions, compete, least, threshold)


def _answer_part() -> _Shown:
    """Lay out message, picture, opacity, ids and legend."""
    hint = message_html("Choose a photo, type words, press Segment.")
    message = gr.HTML(hint, apply_default_css=False, elem_classes="ct-plain", elem_id="ct-message")
    picture = gr.Image(
        label="Segmented photo",
        interactive=False,
        height="62vh",
        format="webp",
        buttons=["download", "fullscreen"],
        alt_text="The photo with each word in its colour; the table below says the same in words",
        elem_id="ct-picture",
    )
    with gr.Row(equal_height=True):
        opacity = gr.Slider(
            0, 1, _OPACITY, step=0.05, label="Opacity of the colours", scale=3, buttons=[], elem_id="ct-opacity"
        )
        download = gr.DownloadButton(
            "Download ids (PNG)", interactive=False, scale=1, min_width=180, elem_id="ct-download"
        )
    legend = gr.HTML("", apply_default_css=False, elem_classes="ct-plain", elem_id="ct-legend")
    return _Shown(message, picture, opacity, download, legend)


def _connect(asked: _Asked, shown: _Shown, view: gr.State, handlers: Handlers) -> None:
    """Say which control asks for what. Nothing is called by its name from outside; one photo is segmented at a time."""
    # Without Gradio's preprocessing, which would open the photo first and fail where no message of ours is seen.
    own: dict[str, Any] = {"preprocess": False, "api_visibility": "private", "concurrency_limit": 1}
    gr.on(
        [asked.button.click, asked.words.submit],
        handlers.press,
        [asked.photo, asked.words, asked.compete, asked.least, asked.threshold, shown.opacity],
        [shown.message, shown.picture, shown.legend, shown.download, view],
        show_progress_on=shown.picture,
        concurrency_id="segment",
        **own,
    )
    shown.opacity.input(
        handlers.repaint,
        [view, shown.opacity],
        shown.picture,
        show_progress="hidden",
        trigger_mode="always_last",
        concurrency_id="paint",
        **own,
    )
    asked.suggestions.click(
        handlers.add_word,
        [asked.words, asked.suggestions],
        asked.words,
        show_progress="hidden",
        concurrency_id="words",
        **own,
    )


def _head(title: str, segmenter: Segmenter) -> str:
    """The page's head line, HTML."""
    count, unseen = len(segmenter.class_names), len(segmenter.unseen)
    known = f"{count} words of its own" + (f", {unseen} of them without labels in training" if unseen else "")
    more = "Any other words go too." if segmenter.text_spec else "It came without a text tower, so no others."
    return (
        "<header class='ct-head'><h1>A photo, your own words</h1><p>Each pixel gets the word that fits it best. Model: "
        f"<b>{html.escape(title)}</b>, {known}. {more}</p></header>"
    )
