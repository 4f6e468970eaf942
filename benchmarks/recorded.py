"""Lines of finished runs, one JSON object each. Older ones keep the words that options had when they were run."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

RENAMED: Mapping[str, str] = {
    "--model.glm": "--model.method.glm",
    "--model.plm": "--model.method.plm",
    "--model.losses": "--model.method.losses",
    "--model.distillation": "--model.method.distillation",
    ".glm.cells": ".glm.grid",
    ".losses.foreign_latents": ".losses.cross_image_negatives",
    "--seen_offset": "--calibration",
    "regions": "region_pooling",
    "student alone": "supervised baseline",
    "teacher alone": "zero-shot teacher",
    "seen offset": "calibration",
    "foreign latents": "cross-image negatives",
}
"""Words of options, of their values and of settings that were renamed: before, and now. No result was edited."""


def in_todays_words(value: Any) -> Any:  # noqa: ANN401 (whatever a line holds)
    """Return a word, or a list of words and numbers, with everything renamed."""
    if isinstance(value, list):
        return [in_todays_words(each) for each in value]
    if isinstance(value, str):
        for before, now in RENAMED.items():
            value = value.replace(before, now)
    return value


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Read the lines of finished runs in today's words; a line that was cut off by a kill is left out."""
    if not path.exists():
        return []
    found = []
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            print(f"{path}: a broken line is left out: {text[:60]!r}", file=sys.stderr)
            continue
        names = ("setting", "of", "switches", "common")
        found.append(line | {name: in_todays_words(line[name]) for name in names if name in line})
    return found
