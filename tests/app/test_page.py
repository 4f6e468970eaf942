"""What the page is made of, without serving it."""

import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gradio", reason='Gradio is not installed: pip install "clipteacher[app]"')

from clipteacher.app.example import write_examples
from clipteacher.app.limits import Limits
from clipteacher.app.page import build_page, theme
from clipteacher.segmenter.segmenter import Segmenter


@pytest.fixture
def page(segmenter: Segmenter, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401 (Gradio's)
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(folder))
    limits = Limits(waiting=3, megabytes=7, kept_seconds=400)
    return build_page(segmenter, limits, folder, write_examples(folder / "examples"), "<script>mine")


def test_one_job_at_a_time_and_a_bounded_queue(page: Any) -> None:  # noqa: ANN401
    assert page._queue.max_size == 3
    assert page.delete_cache == (100, 400)
    assert page.analytics_enabled is False
    handlers = [function for function in page.fns.values() if function.fn and function.api_visibility]
    assert handlers
    assert {function.api_visibility for function in handlers} == {"private"}
    ours = [function for function in handlers if not function.preprocess]
    assert [function.concurrency_limit for function in ours] == [1, 1], "upload and button"


def test_what_is_shown_at_first(page: Any) -> None:  # noqa: ANN401
    parts = {block.elem_id: block for block in page.blocks.values() if block.elem_id}
    assert parts["ct-words"].value == 'dark, light, "odd, one"'
    assert "up to 7 MB" in parts["ct-photo"].placeholder
    assert not parts["ct-download"].interactive
    assert parts["ct-photo"].alt_text
    for name in ("ct-words", "ct-picture", "ct-compete", "ct-least"):
        assert parts[name].label
    texts = "".join(str(block.value) for block in page.blocks.values() if type(block).__name__ == "HTML")
    assert "&lt;script&gt;mine" in texts
    assert "It has no text tower for other words" in texts


def test_nothing_is_fetched_for_its_looks() -> None:
    look = theme()
    assert look._stylesheets == []
    text = look._get_theme_css()  # type: ignore[no-untyped-call]
    assert "@import" not in text
    addresses = re.findall(r"""url\(["']?([^"')]*)""", text)
    assert all(address.startswith(("data:", "static/")) for address in addresses), addresses
