"""The test protocol: how a photo comes to the network, and how its output becomes labels at the photo's own size."""

from clipteacher.inference.dense_prediction import Best, DensePrediction
from clipteacher.inference.settings import TestSettings
from clipteacher.inference.text_classifier import TextClassifier

__all__ = ["Best", "DensePrediction", "TestSettings", "TextClassifier"]
