"""The legend on the page: colour, word, area and id. Words are a visitor's, so each is escaped."""

from __future__ import annotations

import html
from collections.abc import Container, Sequence
from dataclasses import dataclass

import numpy as np

from clipteacher.pictures import palette
from clipteacher.segmenter.segmentation import Segmentation


@dataclass(frozen=True)
class LegendRow:
    """One word of the legend.

    Attributes:
        word: The word, as typed; None stands for the pixels that are none of the words.
        number: Its id in the PNG.
        share: Its part of the photo, 0..1.
        colour: Its colour as CSS writes it, such as "#0072b2".
        unseen: Whether the model had no label for it in training.
    """

    word: str | None
    number: int
    share: float
    colour: str
    unseen: bool


def legend_rows(found: Segmentation, none_id: int, unseen: Container[str] = ()) -> tuple[LegendRow, ...]:
    """List the words of a photo, the largest first; what is none of them is last.

    Args:
        found: What the segmenter found.
        none_id: Id of the pixels that are none of the words in the PNG.
        unseen: Words that the model had no label for in training.

    Returns:
        One row for each word, in it or not, and one more where some pixels are none of them.
    """
    shares = np.array(list(found.areas.values()))
    colours = ["#{:02x}{:02x}{:02x}".format(*map(int, colour)) for colour in palette(len(found.class_names))]
    rows = [
        LegendRow(found.class_names[i], int(i), float(shares[i]), colours[i], found.class_names[i] in unseen)
        for i in np.argsort(-shares, kind="stable")
    ]
    if found.none_area:
        rows.append(LegendRow(None, none_id, found.none_area, "transparent", False))
    return tuple(rows)


def percent(share: float) -> str:
    """Write a share in per cent, with one decimal below ten.

    Args:
        share: A part of 1.

    Returns:
        Such as "42 %", "3.1 %" or "< 0.1 %".

    Example:
        >>> percent(0.424), percent(0.031), percent(0.0003), percent(0)
        ('42 %', '3.1 %', '< 0.1 %', '0 %')
    """
    if share == 0:
        return "0 %"
    if share < 0.001:
        return "< 0.1 %"
    return f"{share * 100:.1f} %" if share < 0.0995 else f"{share * 100:.0f} %"


def legend_html(rows: Sequence[LegendRow]) -> str:
    """Write the legend as a table, and the words that are nowhere in the photo as a line beneath.

    Args:
        rows: As `legend_rows` lists them.

    Returns:
        HTML; no word in it can become a tag, an attribute or a script.
    """
    body = "".join(
        f'<tr><td><span class="ct-swatch{" ct-none" if row.word is None else ""}" style="background:{row.colour}">'
        f'</span></td><th scope="row">{_word(row)}</th><td class="ct-share">{percent(row.share)}</td>'
        f'<td class="ct-bar" aria-hidden="true"><span style="width:{row.share * 100:.1f}%;background:{row.colour}">'
        f'</span></td><td class="ct-id">{row.number}</td></tr>'
        for row in rows
        if row.share
    )
    head = (
        '<thead><tr><td></td><th scope="col">Word</th><th scope="col" class="ct-share">Area</th>'
        '<td class="ct-bar"></td><th scope="col" class="ct-id">Id</th></tr></thead>'
    )
    absent = ", ".join(f"{_word(row)} ({row.number})" for row in rows if not row.share)
    beneath = f'<p class="ct-absent">Nowhere in this photo: {absent}</p>' if absent else ""
    caption = "<caption>Colours, words, areas and ids of this photo</caption>"
    return f'<table class="ct-legend">{caption}{head}<tbody>{body}</tbody></table>{beneath}'


def message_html(text: str, *, error: bool = False) -> str:
    """Write a message that a screen reader says aloud.

    Args:
        text: The message, plain text.
        error: Whether something went wrong.

    Returns:
        HTML, the text escaped; empty for an empty text.
    """
    if not text:
        return ""
    role, kind = ("alert", "ct-error") if error else ("status", "ct-note")
    return f'<div role="{role}" class="{kind}">{html.escape(text)}</div>'


def _word(row: LegendRow) -> str:
    """The word of a row, escaped, with its mark."""
    if row.word is None:
        return "<em>none of these</em>"
    mark = ' <span class="ct-unseen" title="The model had no label for this word in training">unseen</span>'
    return f"<bdi>{html.escape(row.word)}</bdi>{mark if row.unseen else ''}"
