"""Draw the ablation of benchmarks/settings.py as bars: the picture of the README.

.venv/bin/python benchmarks/plot_settings.py
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from clipteacher.pictures import save_picture

_SCALE = 2  # drawn at twice the size it is shown at
_WIDTH, _BAR, _GAP, _LEFT, _TOP = 860, 17, 16, 190, 74
_BARS = (
    ("mIoU_unseen", "U  unseen classes", "#d1495b"),
    ("hIoU", "hIoU", "#edae49"),
    ("mIoU_seen", "S  seen", "#9fb3c8"),
)
_INK, _PALE = "#22303c", "#8496a5"


def draw(result: dict[str, Any]) -> Image.Image:
    """Draw one group of bars a setting, in percent, with the protocol's name and the seeds over them."""
    settings: dict[str, list[dict[str, Any]]] = result["settings"]
    group = _BAR * len(_BARS) + _GAP
    picture = Image.new("RGB", (_WIDTH * _SCALE, (_TOP + group * len(settings) + 14) * _SCALE), "white")
    pen = ImageDraw.Draw(picture)

    def text(x: float, y: float, words: str, size: int = 14, fill: str = _INK, anchor: str = "lm") -> None:
        font = ImageFont.load_default(size * _SCALE)
        pen.text((x * _SCALE, y * _SCALE), words, fill=fill, font=font, anchor=anchor)

    def box(left: float, top: float, right: float, bottom: float, fill: str) -> None:
        pen.rectangle([left * _SCALE, top * _SCALE, right * _SCALE - 1, bottom * _SCALE - 1], fill=fill)

    seeds = result["seeds"]
    told = f"{len(seeds)} seeds, mean" if len(seeds) > 1 else f"seed {seeds[0]}"
    text(20, 24, f"mean IoU in %, protocol {result['protocol']}, {told}", 16)
    x = float(_LEFT)
    for _, title, colour in _BARS:
        box(x, 46, x + 12, 58, colour)
        text(x + 18, 52, title, 13)
        x += 30 + 8.2 * len(title)
    room = _WIDTH - _LEFT - 70
    best = max(run[score] for runs in settings.values() for run in runs for score, _, _ in _BARS)
    for row, (setting, runs) in enumerate(settings.items()):
        top = _TOP + row * group
        text(_LEFT - 14, top + _BAR * len(_BARS) / 2, setting, 15, anchor="rm")
        for i, (score, _, colour) in enumerate(_BARS):
            value = statistics.mean(run[score] for run in runs)
            end = _LEFT + max(2.0, room * value / best)
            box(_LEFT, top + i * _BAR, end, top + (i + 1) * _BAR - 2, colour)
            text(end + 6, top + (i + 0.5) * _BAR - 1, f"{100 * value:.1f}", 12, _PALE if score == "mIoU_seen" else _INK)
    return picture


def main() -> None:
    """Read the result file and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--result", type=Path, default=Path("benchmarks/results/msrc21_settings.json"))
    parser.add_argument("--out", type=Path, default=Path("docs/settings.png"))
    given = parser.parse_args()
    save_picture(draw(json.loads(given.result.read_text(encoding="utf-8"))), given.out)


if __name__ == "__main__":
    main()
