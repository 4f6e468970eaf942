"""Versions of ONNX's operators that a student can be written in."""

from __future__ import annotations

from typing import Final

OPSETS: Final = (17, 18, 19, 20)
"""Versions of ONNX's operators that can be written: 17 is the first with layer normalisation."""

OPSET: Final = 17
"""The default, which runtimes since 2022 know."""
