"""Whatever a browser, or a program that poses as one, sends to the button is answered."""

import html
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.app.conftest import NASTY

pytest.importorskip("gradio", reason='Gradio is not installed: pip install "clipteacher[app]"')

import gradio as gr

from clipteacher.app.limits import Limits
from clipteacher.app.page import check_upload, press
from clipteacher.app.words import words_text
from clipteacher.segmenter.segmenter import Segmenter

Press = Callable[..., tuple[Any, ...]]


@pytest.fixture
def pressed(segmenter: Segmenter, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Press:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(folder))
    return partial(press, segmenter, Limits(), folder)


@pytest.fixture
def upload(tmp_path: Path) -> dict[str, Any]:
    path = tmp_path / "blob.png"
    Image.new("RGB", (12, 9), "white").save(path)
    return {
        "path": str(path),
        "orig_name": "white.png",
        "url": "http://127.0.0.1/x",
        "meta": {"_type": "gradio.FileData"},
    }


def test_a_picture(pressed: Press, upload: dict[str, Any]) -> None:
    picture, rows, download = pressed(upload, "dark, light", False, 0)
    assert picture.label == "1 of 2 words found in 12 x 9 pixels"
    assert set(picture.color_map) == {"dark", "light (unseen)"}
    assert [annotation["label"] for annotation in picture.value["annotations"]] == ["light (unseen)"]
    assert rows == [["light (unseen)", 100, 1], ["dark", 0, 0]]
    assert download.interactive
    assert Path(download.value["path"]).name == "white_ids.png"
    assert pressed(upload, "dark", True, 0)[1] == [["dark", 0, 0], ["none of these", 100, 255]]
    picture, rows, _ = pressed(upload, "dark, light", False, 1)
    assert rows[-1][0] == "none of these"
    assert picture.label == "Nothing found: none of 2 words in 12 x 9 pixels"


def test_an_upload_that_is_no_photo_is_cleared_beside_a_message(
    upload: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(gr, "Warning", lambda message, duration: said.append(message))
    check = partial(check_upload, Limits(megapixels=0.001))
    assert check(upload) == gr.skip()
    assert not said
    text = tmp_path / "text.png"
    text.write_text("no picture")
    for photo, message in (
        ({"path": str(text), "orig_name": "<b>.png"}, "Photo: &lt;b&gt;.png: cannot be read"),
        ({"path": 5}, "Photo: got none"),
        (None, "Photo: got none"),
    ):
        assert check(photo) is None
        assert message in said.pop()
    Image.new("L", (40, 40)).save(text)
    assert check({"path": str(text), "orig_name": "big.png"}) is None
    assert "big.png: got 40x40" in said.pop()


def test_two_answers_do_not_share_a_file(pressed: Press, upload: dict[str, Any], folder: Path) -> None:
    first, second = (Path(pressed(upload, "dark", False, 0)[2].value["path"]) for _ in range(2))
    assert first != second
    assert folder in first.parents
    assert len(list(folder.rglob("white_ids.png"))) == 2, "not copied: Gradio deletes them there when their time is up"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"photo": None}, "Photo: got none"),
        ({"photo": "text"}, "Photo: got none"),
        ({"photo": {"path": 5}}, "Photo: got none"),
        ({"photo": {"path": ""}}, "Photo: got none"),
        ({"photo": {"path": "/nowhere/at/all.png", "orig_name": "<b>.png"}}, "Photo: &lt;b&gt;.png"),
        ({"photo": {"path": "a\0b"}}, "Photo: "),
        ({"text": ""}, "Words: got none"),
        ({"text": None}, "Words: got none"),
        ({"text": ["cat"]}, "Words: got none"),
        ({"text": "dark, dark"}, "&#x27;dark&#x27; twice"),
        ({"text": "x" * 300}, "has 300 letters"),
        ({"text": "<script>"}, "“&lt;script&gt;” is not one of the model&#x27;s own"),
        ({"least": "high"}, "Least likeness: got"),
        ({"least": True}, "Least likeness: got True"),
        ({"least": None}, "Least likeness: got None"),
        ({"least": 7}, "threshold: got 7"),
        ({"least": float("nan")}, "threshold: got nan"),
    ],
)
def test_bad_input_is_a_message(pressed: Press, upload: dict[str, Any], changed: dict[str, object], said: str) -> None:
    given: dict[str, object] = {"photo": upload, "text": "dark", "compete": False, "least": 0.2}
    with pytest.raises(gr.Error) as error:
        pressed(**(given | changed))
    assert said in error.value.message
    assert not error.value.print_exception
    assert pressed(**given)[0] is not None, "the page goes on"


@pytest.mark.parametrize("word", NASTY)
def test_no_message_becomes_markup(pressed: Press, upload: dict[str, Any], word: str) -> None:
    typed = words_text([word])
    with pytest.raises(gr.Error) as error:
        pressed(upload, f"{typed};{typed}", False, 0)
    assert not set("<>\"'") & set(error.value.message)
    assert repr(word)[:39] in html.unescape(error.value.message)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RuntimeError("CUDA out of memory at /secret/path"), "Try a smaller photo"),
        (OSError("no space left on /secret/path"), "Try a smaller photo"),
        (ConnectionError("no hub, /secret/path"), "The model&#x27;s own words still work"),
    ],
)
def test_what_the_visitor_cannot_fix_is_logged(
    pressed: Press,
    upload: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    said: str,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Segmenter, "segment", fail)
    with caplog.at_level(logging.ERROR), pytest.raises(gr.Error) as shown:
        pressed(upload, "dark", False, 0.2)
    assert said in shown.value.message
    assert "/secret" not in shown.value.message
    assert "/secret" in caplog.text
