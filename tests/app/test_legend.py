"""The legend: order, shares, ids, and that no word becomes markup."""

from html.parser import HTMLParser

import numpy as np
import pytest

from clipteacher.app.legend import legend_html, legend_rows, message_html, percent
from clipteacher.pictures import palette
from clipteacher.segmenter.segmentation import NONE, Segmentation

NASTY = (
    "<script>window.hacked=1</script>",
    "<img src=x onerror=window.hacked=1>",
    "\"><svg onload='window.hacked=1'>",
    "' onmouseover='window.hacked=1",
    "</bdi></th></table><h1>taken</h1>",
    "${window.hacked=1}",
    "{{value}}",
    "[link](javascript:window.hacked=1) **bold** `code`",
    "&lt;b&gt; &amp;",
    "🐈\u202edesrever",
)


class Reader(HTMLParser):
    """Tags, attributes and text as a browser would take them."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def found(labels: list[list[int]], *names: str) -> Segmentation:
    return Segmentation(np.array(labels, np.int64), names)


def test_rows_go_by_size_and_keep_their_ids_and_colours() -> None:
    rows = legend_rows(found([[2, 2, 2, 0], [2, 0, NONE, 2]], "cat", "dog", "sky"), 255, unseen=("sky",))
    assert [(row.word, row.number, row.share) for row in rows] == [
        ("sky", 2, 0.625),
        ("cat", 0, 0.25),
        ("dog", 1, 0.0),
        (None, 255, 0.125),
    ]
    assert [row.unseen for row in rows] == [True, False, False, False]
    for row in rows[:3]:
        assert tuple(bytes.fromhex(row.colour[1:])) == tuple(palette(3)[row.number])


def test_each_pixel_is_in_one_row() -> None:
    labels = np.random.default_rng(0).integers(-1, 40, (50, 60))
    rows = legend_rows(Segmentation(labels, tuple(map(str, range(40)))), 255)
    assert sum(row.share for row in rows) == pytest.approx(1)
    assert len(rows) == 41


def test_the_page_says_words_areas_and_what_is_absent() -> None:
    rows = legend_rows(found([[1, 1, 1, NONE]], "cat", "sky", "sun"), 255, unseen=("sky", "sun"))
    text = " ".join("".join(Reader(legend_html(rows)).texts).split())
    assert text.index("sky") < text.index("75 %") < text.index("none of these") < text.index("25 %")
    assert text.count("unseen") == 2
    assert "Nowhere in this photo: cat (0), sun unseen (2)" in text
    assert "Nowhere" not in legend_html(legend_rows(found([[0]], "cat"), 255))
    assert "none of these" not in legend_html(legend_rows(found([[0]], "cat"), 255))


@pytest.mark.parametrize("present", [True, False])
def test_no_word_becomes_markup(present: bool) -> None:
    labels = [list(range(len(NASTY)))] if present else [[len(NASTY)] * 3]
    plain = Reader(legend_html(legend_rows(found(labels, *(f"w{i}" for i in range(len(NASTY))), "sky"), 255)))
    nasty = Reader(legend_html(legend_rows(found(labels, *NASTY, "sky"), 255)))
    assert nasty.tags == plain.tags
    assert nasty.attributes == plain.attributes
    for word in NASTY:
        assert word in "".join(nasty.texts)


@pytest.mark.parametrize("word", NASTY)
def test_no_message_becomes_markup(word: str) -> None:
    for error, role in ((True, "alert"), (False, "status")):
        read = Reader(message_html(word, error=error))
        assert read.tags == {"div"}
        assert read.attributes == {"role", "class"}
        assert read.texts == [word]
        assert f'role="{role}"' in message_html(word, error=error)
    assert message_html("") == ""


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0 %"),
        (0.0009, "< 0.1 %"),
        (0.001, "0.1 %"),
        (0.0949, "9.5 %"),
        (0.0999, "10 %"),
        (0.5, "50 %"),
        (1, "100 %"),
    ],
)
def test_percent(share: float, text: str) -> None:
    assert percent(share) == text
