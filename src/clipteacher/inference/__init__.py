"""The test protocol: how a photo comes to the network, and how its output becomes labels at the photo's own size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clipteacher.utils.lazy import lazy_names

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
    __getattr__ = lazy_names(__name__, _MODULES, globals())
