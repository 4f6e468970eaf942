"""Weights of rare classes."""

import pytest

from clipteacher.planning.balance import LARGEST, class_weights


def test_common_classes_have_no_weight() -> None:
    assert class_weights({"sky": 0.4, "sea": 0.35, "sand": 0.25}) == {}


def test_the_rarer_the_heavier_up_to_an_end() -> None:
    shares = {"road": 0.5, "sky": 0.3, "tree": 0.18, "pole": 0.015, "cyclist": 0.005, "dot": 1e-6, "nothing": 0.0}
    weights = class_weights(shares)
    assert list(weights) == ["pole", "cyclist", "dot"]
    assert weights["pole"] == pytest.approx((((0.18 + 0.015) / 2) / 0.015) ** 0.75, abs=0.01)
    assert 1 < weights["pole"] < weights["cyclist"] <= weights["dot"] == LARGEST


def test_without_any_pixel() -> None:
    assert class_weights({}) == class_weights({"sky": 0.0}) == {}
