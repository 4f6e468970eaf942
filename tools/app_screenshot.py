"""Takes the screenshot of `clipteacher app` in docs/guides/app.md: a drawn scene on the page, not a photograph.

    python tools/app_screenshot.py --model runs/quickstart/after/model --out docs/images/app.png
    python tools/app_screenshot.py --model runs/quickstart/after/model --out phone.png --size 390 844

It needs the extra `app`, selenium, chromium and chromedriver (Debian: apt install chromium chromium-driver).
"""

from __future__ import annotations

import argparse
import base64
import io
import os
import shutil
import socket
import time
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from clipteacher.app.serving import served
from clipteacher.segmenter.segmenter import Segmenter

PATIENCE = 120  # seconds for each step
PHONE = 600  # narrower windows are those of a phone


def screenshot(model: Path, scene: int, words: str | None, size: tuple[int, int], dark: bool) -> Image.Image:
    """Segment an example of the page and take a screenshot.

    Args:
        model: A model's folder.
        scene: Position of the example, from 0.
        words: The words to type; None leaves the model's own.
        size: Width and height of the window.
        dark: Whether to use the dark theme.

    Returns:
        The page, RGB, as wide as the window and as high as the page.
    """
    browser_path, driver = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
    if browser_path is None or driver is None:
        raise SystemExit("no chromium or no chromedriver: apt install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = browser_path
    for argument in ("headless=new", f"window-size={size[0]},{size[1]}", "hide-scrollbars"):
        options.add_argument(f"--{argument}")
    if os.name == "posix" and os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # root cannot use the sandbox
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    segmenter = Segmenter.from_pretrained(model, text_cache=False)
    with served(segmenter, title="quickstart", port=port) as url:
        browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
        try:
            wait = WebDriverWait(browser, PATIENCE)
            browser.execute_cdp_cmd(
                "Emulation.setDeviceMetricsOverride",
                {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size[0] < PHONE},
            )
            browser.get(f"{url}?__theme={'dark' if dark else 'light'}")
            examples = "#ct-examples .gallery-item"
            wait.until(lambda b: len(b.find_elements(By.CSS_SELECTOR, examples)) > scene)
            browser.find_elements(By.CSS_SELECTOR, examples)[scene].click()
            wait.until(lambda b: b.find_elements(By.CSS_SELECTOR, "#ct-photo img"))
            if words is not None:
                box = browser.find_element(By.CSS_SELECTOR, "#ct-words textarea")
                box.send_keys(Keys.CONTROL, "a")
                box.send_keys(words)
                wait.until(lambda _: box.get_property("value") == words)
            browser.find_element(By.ID, "ct-segment").click()
            wait.until(lambda b: b.find_elements(By.CSS_SELECTOR, "#ct-table td"))
            wait.until(lambda b: b.find_elements(By.CSS_SELECTOR, "#ct-picture .mask"))
            browser.execute_script("document.activeElement.blur(); window.scrollTo(0, 0)")
            time.sleep(1.5)  # the progress bar fades
            height = browser.execute_script("return document.querySelector('.gradio-container').scrollHeight")
            whole = browser.execute_cdp_cmd(
                "Page.captureScreenshot",
                {
                    "captureBeyondViewport": True,
                    "clip": {"x": 0, "y": 0, "width": size[0], "height": height, "scale": 1},
                },
            )
            return Image.open(io.BytesIO(base64.b64decode(whole["data"]))).convert("RGB")
        finally:
            browser.quit()


def main() -> None:
    """Take the screenshot and write it in full colour, as a palette would merge colours of the legend."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="model/ of a run")
    parser.add_argument("--out", type=Path, default=Path("docs/images/app.png"))
    parser.add_argument("--scene", type=int, default=0, help="position of the example, from 0")
    parser.add_argument("--words", default=None, help="default: the model's own")
    parser.add_argument("--size", type=int, nargs=2, default=(1240, 740), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--dark", action="store_true")
    given = parser.parse_args()
    size = (int(given.size[0]), int(given.size[1]))
    picture = screenshot(given.model, given.scene, given.words, size, given.dark)
    picture.save(given.out, optimize=True)
    print(f"{given.out}: {picture.width} x {picture.height}, {given.out.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
