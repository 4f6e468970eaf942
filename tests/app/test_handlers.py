"""Whatever a browser, or a program that says to be one, sends to the page's controls is answered."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("gradio", reason='Gradio is not installed: pip install "clipteacher[app]"')

from clipteacher.app.handlers import Handlers
from clipteacher.app.limits import Limits
from clipteacher.app.view import View, painted
from clipteacher.segmenter.segmenter import Segmenter


@pytest.fixture
def handlers(segmenter: Segmenter, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Handlers:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(folder))
    return Handlers(segmenter, Limits(), folder)


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


def test_a_picture(handlers: Handlers, upload: dict[str, Any]) -> None:
    message, picture, legend, download, view = handlers.press(upload, "dark, light", False, False, 0.2, 0.5)
    assert 'role="status"' in message
    assert handlers.press(upload, "dark", True, False, 0.2, 0.5)[2].count("none of these") == 1
    assert "1 of 2 words found in 12 x 9 pixels." in message
    assert np.array_equal(picture, painted(view, 0.5))
    assert "light" in legend
    assert download.interactive
    assert Path(download.value["path"]).name == "white_ids.png"
    assert np.array_equal(handlers.repaint(view, 0), view.photo)


def test_two_answers_do_not_share_a_file(handlers: Handlers, upload: dict[str, Any], folder: Path) -> None:
    first, second = (Path(handlers.press(upload, "dark", False, False, 0, 0.5)[3].value["path"]) for _ in range(2))
    assert first != second
    assert folder in first.parents
    assert len(list(folder.rglob("*.png"))) == 2, (
        "not copied: Gradio deletes them where they are, when their time is up"
    )


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"photo": None}, "Photo: none given"),
        ({"photo": "text"}, "Photo: none given"),
        ({"photo": {"path": 5}}, "Photo: none given"),
        ({"photo": {"path": ""}}, "Photo: none given"),
        ({"photo": {"path": "/nowhere/at/all.png", "orig_name": "<b>.png"}}, "Photo: &lt;b&gt;.png"),
        ({"photo": {"path": "a\0b"}}, "Photo: "),
        ({"text": ""}, "Words: none given"),
        ({"text": None}, "Words: none given"),
        ({"text": ["cat"]}, "Words: none given"),
        ({"text": "dark, dark"}, "is there twice"),
        ({"text": "x" * 3000}, "has 3000 letters"),
        ({"text": "<script>"}, "“&lt;script&gt;” is none of the model&#x27;s own"),
        ({"least": True, "threshold": "high"}, "Least likeness: got"),
        ({"least": True, "threshold": 7}, "threshold: got 7"),
        ({"least": True, "threshold": float("nan")}, "threshold: got nan"),
        ({"least": "yes", "threshold": None}, "Least likeness: got None"),
        ({"opacity": None}, "Opacity: got None"),
        ({"opacity": 3}, "opacity: got 3"),
    ],
)
def test_bad_input_is_a_message_and_no_picture(
    handlers: Handlers, upload: dict[str, Any], changed: dict[str, object], said: str
) -> None:
    given: dict[str, object] = {
        "photo": upload,
        "text": "dark",
        "compete": False,
        "least": False,
        "threshold": 0.2,
        "opacity": 0.5,
    }
    message, picture, legend, download, view = handlers.press(**(given | changed))
    assert 'role="alert"' in message
    assert said in message
    assert picture is None
    assert legend == ""
    assert not download.interactive
    assert view is None
    assert handlers.press(**given)[1] is not None, "the page goes on"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RuntimeError("CUDA out of memory at /secret/path"), "Try a smaller photo"),
        (OSError("no space left on /secret/path"), "Try a smaller photo"),
        (ConnectionError("no hub, /secret/path"), "The model&#x27;s own words still go"),
    ],
)
def test_what_the_visitor_cannot_mend_is_told_to_the_terminal(
    handlers: Handlers,
    upload: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    said: str,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Segmenter, "segment", fail)
    with caplog.at_level(logging.ERROR):
        message = handlers.press(upload, "dark", False, False, 0.2, 0.5)[0]
    assert said in message
    assert "/secret" not in message
    assert "/secret" in caplog.text


def test_the_slider_without_a_picture_or_with_nonsense_changes_nothing(handlers: Handlers) -> None:
    view = View(np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2), np.int32))
    for seen, weight in ((None, 0.5), (view, 2), (view, "x"), (view, None)):
        assert handlers.repaint(seen, weight) == {"__type__": "update"}


def test_a_word_of_the_models_own_is_added(handlers: Handlers) -> None:
    assert handlers.add_word("dark", 1) == "dark, light"
    assert handlers.add_word(None, 2) == "odd, one;"
    for index in (9, -1, None, "light"):
        assert handlers.add_word("dark", index) == "dark"
