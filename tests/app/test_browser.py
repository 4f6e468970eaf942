"""The page in a real browser, headless: a visitor's way through it, good input and bad, with nothing from elsewhere."""

import io
import json
import os
import shutil
import socket
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

pytest.importorskip("gradio", reason='Gradio is not installed: pip install "clipteacher[app]"')
pytest.importorskip("selenium", reason="Selenium is not installed: pip install selenium")

from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait
from tests.app.conftest import NASTY
from tests.conftest import draw_scene

from clipteacher.app.limits import Limits
from clipteacher.app.serving import served
from clipteacher.app.words import words_text
from clipteacher.pictures import class_colours
from clipteacher.segmenter import text_cache
from clipteacher.segmenter.segmenter import Segmenter

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
INJECTED = " <img src=x onerror=window.hacked=1>"  # in the name of a file
PATIENCE = 60  # seconds; a busy machine is slow, and a test that waits for nothing fails anyway

pytestmark = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None,
    reason="no chromium or no chromedriver: apt install chromium chromium-driver",
)


class Page:
    """The page as a visitor sees it."""

    def __init__(self, browser: webdriver.Chrome, url: str, segmenter: Segmenter) -> None:
        self.browser, self.url, self.segmenter = browser, url, segmenter

    def wait(self, condition: Callable[[], Any], what: str) -> Any:  # noqa: ANN401 (what the condition gave)
        return WebDriverWait(self.browser, PATIENCE, 0.1).until(lambda _: condition(), f"waited in vain for {what}")

    def find(self, selector: str) -> Any:  # noqa: ANN401 (an element)
        return self.wait(lambda: next(iter(self.browser.find_elements(By.CSS_SELECTOR, selector)), None), selector)

    def texts(self, selector: str) -> list[str]:
        script = "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent.trim())"
        return [str(text) for text in self.browser.execute_script(script, selector)]

    def upload(self, path: Path) -> None:
        before = self.shown("#ct-photo img")
        for cross in self.browser.find_elements(By.CSS_SELECTOR, "#ct-photo button[aria-label='Remove Image']"):
            cross.click()
        self.find("#ct-photo input[type=file]").send_keys(str(path))
        self.wait(lambda: self.shown("#ct-photo img") not in (before, None), f"upload of {path.name}")

    def has_no_photo(self) -> bool:
        return not self.browser.find_elements(By.CSS_SELECTOR, "#ct-photo img")

    def type_words(self, text: str) -> None:
        # As typing does, also for letters beyond the BMP, which chromedriver cannot type.
        self.browser.execute_script(
            "const set = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, 'value').set;"
            "set.call(arguments[0], arguments[1]);"
            "arguments[0].dispatchEvent(new Event('input', {bubbles: true}));",
            self.find("#ct-words textarea"),
            text,
        )

    def close_messages(self) -> None:
        for cross in self.browser.find_elements(By.CSS_SELECTOR, "[data-testid=toast-close]"):
            self.browser.execute_script("arguments[0].click()", cross)
        self.wait(lambda: not self.texts("[data-testid=toast-text]"), "messages to close")

    def fail(self) -> str:
        """Press Segment; the message that follows."""
        self.close_messages()
        self.find("#ct-segment").click()
        return str(self.wait(lambda: self.texts("[data-testid=toast-text]"), "a message")[0])

    def press(self) -> str:
        """Press Segment; the label of the picture that follows."""
        self.close_messages()
        before = self.shown()
        self.find("#ct-segment").click()
        self.wait(lambda: self.shown() not in (before, None) or self.texts("[data-testid=toast-text]"), "an answer")
        assert not self.texts("[data-testid=toast-text]")
        return self.texts("#ct-picture label")[0]

    def shown(self, selector: str = "#ct-picture .base-image") -> str | None:
        """Address of a picture, once it is loaded."""
        script = (
            "const e = document.querySelector(arguments[0]); return e && e.complete && e.naturalWidth ? e.src : null"
        )
        source = self.browser.execute_script(script, selector)
        return None if source is None else str(source)

    def masks(self) -> list[NDArray[np.uint8]]:
        masks = self.browser.find_elements(By.CSS_SELECTOR, "#ct-picture img.mask")
        return [fetched(str(mask.get_attribute("src"))) for mask in masks]

    def alone(self, position: int, alone: bool) -> None:
        """Press a word of the legend, which shows it alone, or all again, and move the mouse away."""
        item = self.browser.find_elements(By.CSS_SELECTOR, "#ct-picture .legend-item")[position]
        item.click()
        self.wait(lambda: item.get_attribute("aria-pressed") == str(alone).lower(), "the word's state")
        ActionChains(self.browser).move_to_element(self.find("h1")).perform()

    def visible_masks(self) -> list[bool]:
        script = (
            "return [...document.querySelectorAll('#ct-picture .mask')].map(e => getComputedStyle(e).opacity > 0.8)"
        )
        return [bool(each) for each in self.browser.execute_script(script)]

    def box(self, selector: str) -> tuple[float, float, float, float]:
        """Left, top, width and height of an element in the window, in CSS pixels."""
        script = (
            "const r = document.querySelector(arguments[0]).getBoundingClientRect();"
            "return [r.x, r.y, r.width, r.height]"
        )
        left, top, width, height = self.browser.execute_script(script, selector)
        return left, top, width, height

    def legend(self) -> list[str]:
        return self.texts("#ct-picture .legend-item")

    def table(self) -> list[list[str]]:
        cells = self.texts("#ct-table [role=gridcell]")
        return [cells[start : start + 3] for start in range(0, len(cells), 3)]

    def hacked(self) -> object:
        return self.browser.execute_script("return window.hacked")


def fetched(url: str) -> NDArray[np.uint8]:
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=30) as reply:
        return np.array(Image.open(io.BytesIO(reply.read())))


@pytest.fixture(scope="module")
def segmenter(trained: tuple[Path, Path]) -> Segmenter:
    return Segmenter.from_pretrained(trained[0] / "model", text_cache=False)


@pytest.fixture(scope="module")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def page(segmenter: Segmenter, downloads: Path) -> Iterator[Page]:
    options = webdriver.ChromeOptions()
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.binary_location = CHROMIUM or ""
    # No name is looked up: what the page asks of another machine fails, and is seen in the log.
    for argument in ("headless=new", "window-size=1440,1300", "host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"):
        options.add_argument(f"--{argument}")
    if os.name == "posix" and os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # root cannot use the sandbox
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with served(segmenter, title="tiny <b>model</b>", port=port, limits=Limits(megapixels=0.05, megabytes=0.3)) as url:
        browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
        try:
            browser.get(url)
            page = Page(browser, url, segmenter)
            page.find("#ct-words textarea")
            yield page
        finally:
            browser.quit()


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo, one of too many pixels, one of too many bytes, and one that is none."""
    folder = tmp_path_factory.mktemp("photos")
    Image.fromarray(draw_scene(7)[0]).save(folder / "scene.png")
    Image.fromarray(draw_scene(8)[0]).save(folder / "other.png")
    Image.new("RGB", (400, 200)).save(folder / "wide.png")
    noise = np.random.default_rng(0).integers(0, 256, (380, 380, 3), np.uint8)
    Image.fromarray(noise).save(folder / f"heavy{INJECTED}.png")
    whole = (folder / "scene.png").read_bytes()
    (folder / f"half{INJECTED}.png").write_bytes(whole[: len(whole) // 2])
    return folder


def test_a_visitors_way(page: Page, photos: Path, downloads: Path, segmenter: Segmenter, tmp_path: Path) -> None:
    assert page.find("#ct-words textarea").get_property("value") == "sky, grass, sun, house", "the model's own words"
    assert "tiny <b>model</b>" in page.find(".gradio-container").text

    page.upload(photos / "scene.png")
    page.type_words("sky, grass, red barn")
    assert page.press().endswith("of 3 words found in 90 x 70 pixels")
    photo = draw_scene(7)[0]
    found = segmenter.segment(photo, ["sky", "grass", "red barn"])
    picture = fetched(str(page.shown()))
    assert picture.shape == photo.shape
    assert np.abs(picture.astype(int) - photo).mean() < 12, "WebP is lossy on noise, but no other picture"
    present = sorted((name for name, area in found.areas.items() if area), key=lambda name: -found.areas[name])
    assert page.legend() == present
    colours = dict(zip(found.class_names, class_colours(found.class_names).tolist(), strict=True))
    for name, mask in zip(present, page.masks(), strict=True):
        assert np.array_equal(mask[..., 3] > 0, found.mask(name))
        assert (mask[found.mask(name)][:, :3] == colours[name]).all()
    rows = page.table()
    assert {row[0]: float(row[1]) for row in rows} == {name: round(100 * a, 2) for name, a in found.areas.items()}
    assert [row[2] for row in rows] == [str(found.class_names.index(row[0])) for row in rows]
    ActionChains(page.browser).move_to_element(page.find("#ct-picture .legend-item")).perform()
    page.wait(lambda: len(page.texts("#ct-picture .mask.inactive")) == len(present) - 1, "the other words to fade")
    page.alone(1, True)
    page.wait(lambda: page.visible_masks() == [i == 1 for i in range(len(present))], "the second word alone")
    page.alone(1, False)
    page.wait(lambda: all(page.visible_masks()), "all words")

    page.find("#ct-download").click()
    ids = downloads / "scene_ids.png"
    page.wait(ids.is_file, "the download")
    with Image.open(ids) as opened:
        assert np.array_equal(np.array(opened), found.labels)

    page.find("#ct-clear").click()
    page.wait(lambda: not page.find("#ct-words textarea").get_property("value"), "the words to go")
    page.find("#ct-own").click()
    box = page.find("#ct-words textarea")
    page.wait(lambda: box.get_property("value") == "sky, grass, sun, house", "the model's own words")

    page.browser.save_screenshot(str(tmp_path / "page.png"))
    requests = [json.loads(entry["message"])["message"] for entry in page.browser.get_log("performance")]  # type: ignore[no-untyped-call]
    urls = {each["params"]["request"]["url"] for each in requests if each["method"] == "Network.requestWillBeSent"}
    assert len(urls) > 10
    assert not [url for url in urls if not url.startswith((page.url, "data:", "blob:"))], "all from here"
    assert not [e for e in page.browser.get_log("browser") if e["level"] == "SEVERE"]  # type: ignore[no-untyped-call]


class AnyWords:
    """A text tower without a limit; the tiny one reads few tokens."""

    width = 16

    def encode_text(self, names: Sequence[str]) -> Tensor:
        """Encode N names as unit vectors (N, 16)."""
        return F.normalize(torch.randn(len(names), 16, generator=torch.Generator().manual_seed(len(names))), dim=1)

    def spec(self) -> None:
        """Nothing would build it again."""


def test_words_are_shown_and_never_run(page: Page, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_cache, "build_text_encoder", lambda _: AnyWords())
    monkeypatch.setattr(page.segmenter, "_text", None)
    page.upload(photos / "other.png")
    words = [" ".join(word.split()) for word in NASTY]
    page.type_words(words_text(words))
    assert "words found" in page.press()
    assert sorted(row[0] for row in page.table()) == sorted(words)
    assert set(page.legend()) <= set(words)
    assert not page.browser.find_elements(
        By.CSS_SELECTOR, ":is(#ct-table, .legend) :is(script, img, h1, a, strong, code)"
    )
    page.type_words(f"{words[0]}, {words[0]}")
    assert words[0][:30] in page.fail(), "and in messages"
    time.sleep(0.3)  # a handler of a broken picture would run by now
    assert page.hacked() is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Words: got none"),
        (" ,\n, ", "Words: got none"),
        ("sky, grass, Sky", "'Sky' beside 'sky'"),
        ("token " * 200, "letters, expected at most 100"),
    ],
)
def test_bad_words_are_a_message_and_the_page_goes_on(page: Page, photos: Path, text: str, said: str) -> None:
    if page.shown("#ct-photo img") is None:
        page.upload(photos / "scene.png")
    page.type_words(text)
    assert said in page.fail()
    page.wait(lambda: page.shown() is None, "the old picture to go")
    page.wait(lambda: not page.table(), "the old table to go")
    assert page.find("#ct-download").get_property("disabled")
    page.type_words("sky")
    assert page.press().startswith("1 of 1 words found")
    page.wait(lambda: page.table() == [["sky", "100", "0"]], "the table")


def test_bad_photos_are_a_message_and_the_page_goes_on(page: Page, photos: Path) -> None:
    page.type_words("sky, grass")
    half = next(photos.glob("half*"))
    if page.shown("#ct-photo img") is None:
        page.upload(photos / "scene.png")
    page.find("#ct-photo button[aria-label='Remove Image']").click()
    assert "Photo: got none" in page.fail()
    text = photos / f"text{INJECTED}.png"
    text.write_text("no picture")
    for wrong in (half, text):
        page.close_messages()
        page.find("#ct-photo input[type=file]").send_keys(str(wrong))
        message = str(page.wait(lambda: page.texts("[data-testid=toast-text]"), "a message")[0])
        assert "cannot be read" in message
        assert wrong.stem[:4] in message
        page.wait(page.has_no_photo, "the broken picture to go")
        assert page.hacked() is None
    page.close_messages()
    Image.new("RGB", (20, 10), "red").save(photos / "scan.tiff")
    page.find("#ct-photo input[type=file]").send_keys(str(photos / "scan.tiff"))
    page.find("#ct-photo[data-ct-unshown] img")
    assert page.press().endswith("of 2 words found in 20 x 10 pixels"), "no preview, but segmented"
    page.find("#ct-photo button[aria-label='Remove Image']").click()
    page.find("#ct-photo input[type=file]").send_keys(str(photos / "wide.png"))
    page.wait(lambda: "wide.png: got 400x200" in "".join(page.texts("[data-testid=toast-text]")), "a message")
    page.wait(page.has_no_photo, "the photo to go")
    page.find("#ct-photo input[type=file]").send_keys(str(next(photos.glob("heavy*"))))
    page.wait(lambda: "exceed" in page.find("body").text.lower(), "Gradio's word on a file too large")
    time.sleep(0.3)
    assert page.hacked() is None
    page.browser.refresh()
    page.upload(photos / "scene.png")
    page.type_words("sky, grass")
    assert "words found in 90 x 70 pixels" in page.press()
    assert page.shown() is not None


def test_a_drawn_scene_and_none_of_these(page: Page) -> None:
    page.browser.refresh()
    before = page.shown("#ct-photo img")
    page.wait(lambda: page.shown("#ct-examples img"), "the scenes")
    page.browser.find_elements(By.CSS_SELECTOR, "#ct-examples .gallery-item")[0].click()
    page.wait(lambda: page.shown("#ct-photo img") not in (before, None), "the scene")
    page.type_words("red barn, sun")
    page.find("#ct-none-part button").click()
    page.find("#ct-least input[type=range]").send_keys(Keys.END)
    assert page.press() == "Nothing found: none of 2 words in 128 x 128 pixels"
    assert page.legend() == ["none of these"]
    assert page.table() == [["red barn", "0", "0"], ["sun (unseen)", "0", "1"], ["none of these", "100", "255"]]


def test_on_a_phone_the_answer_comes_into_view_and_its_frame_fits(page: Page, tmp_path: Path) -> None:
    wide = tmp_path / "wide.png"
    Image.fromarray(draw_scene(9)[0]).resize((200, 50)).save(wide)
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    page.browser.refresh()
    page.upload(wide)
    page.type_words("sky, grass")
    assert page.press().endswith("found in 200 x 50 pixels")

    def in_view() -> bool:
        _, top, _, height = page.box("#ct-picture")
        return top >= 0 and top + height <= 844

    page.wait(in_view, "the answer to come into view")
    for selector in ("#ct-picture .base-image", "#ct-picture .mask"):
        _, _, width, height = page.box(selector)
        assert 280 < width <= 390
        assert width / height == pytest.approx(4, rel=0.03), "the shape of the photo"
    assert page.box("#ct-picture")[3] < 200, "no empty frame around it"
    assert page.browser.execute_script("return document.documentElement.scrollWidth") <= 390
