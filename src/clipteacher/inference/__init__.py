"""The test protocol: how a photo comes to the network, and how its output becomes labels at the photo's own size."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clipteacher.inference.dense_prediction import Best, DensePrediction
    from clipteacher.inference.settings import TestSettings
    from clipteacher.inference.text_classifier import TextClassifier

__all__ = ["Best", "DensePrediction", "TestSettings", "TextClassifier"]

# An ONNX file needs the settings and no PyTorch: a name is loaded when it is first asked for (PEP 562).
_MODULES = {
    "Best": "dense_prediction",
    "DensePrediction": "dense_prediction",
    "TestSettings": "settings",
    "TextClassifier": "text_classifier",
}


if not TYPE_CHECKING:  # which would take every name for one of the package

    def __getattr__(name: str) -> object:
        """Load a name of `__all__` from its module, and keep it."""
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
        return value
