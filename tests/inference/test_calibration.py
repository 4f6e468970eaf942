"""The calibration: which names it is taken from, and that it goes through sizes and windows as a constant."""

import math
from typing import Any

import pytest
import torch
from tests.inference.test_dense_prediction import PIPELINES, Student, class_labels, class_logits, names, photos

from clipteacher.inference import TestSettings, TextClassifier
from clipteacher.inference.calibration import calibration_bias, check_calibration
from clipteacher.protocols.protocol import TestPipeline


def test_seen_names_alone_have_it() -> None:
    bias = calibration_bias(["sky", "owl", "cat"], ("cat", "sky", "tree"), 0.25)
    assert bias is not None
    assert bias.tolist() == [-0.25, 0.0, -0.25]
    assert bias.dtype == torch.float32
    negative = calibration_bias(["sky"], ["sky"], -2)
    assert negative is not None
    assert negative.tolist() == [2.0]


@pytest.mark.parametrize(("seen", "offset"), [(("sky",), 0), (("sky",), -0.0), ((), 0.5), (("cat",), 0.5)])
def test_nothing_to_take_is_none(seen: tuple[str, ...], offset: float) -> None:
    assert calibration_bias(["sky", "owl"], seen, offset) is None


@pytest.mark.parametrize("offset", [math.nan, math.inf, -math.inf, 1e39, 10**400, True, "0.1", None])
def test_what_is_no_offset(offset: Any) -> None:  # noqa: ANN401
    with pytest.raises(ValueError, match=r"calibration: got .*expected a finite number of float32\. Give 0"):
        check_calibration(offset)


@pytest.mark.parametrize("pipeline", PIPELINES.values(), ids=PIPELINES)
@pytest.mark.parametrize("count", [5, 40])  # fewer names than channels, and more: scored at once or when asked for
@torch.no_grad()
def test_a_bias_is_added_to_every_score_of_its_name(pipeline: TestPipeline, count: int) -> None:
    student, text, images = Student(), names(count), photos((33, 45), 2)
    bias = torch.randn(count, generator=torch.Generator().manual_seed(3))
    expected = class_logits(student, text, images, 8, pipeline)
    for name in range(count):
        expected[:, name] += bias[name]
    for max_logits in (50_000, 10**9):
        given: dict[str, Any] = {"max_logits": max_logits, "bias": bias}
        logits = class_logits(student, text, images, 8, pipeline, **given)
        torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)
        assert torch.equal(class_labels(student, text, images, 8, pipeline, **given), logits.argmax(dim=1))


@pytest.mark.parametrize("shape", [(3,), (2, 1), ()])
def test_a_bias_of_another_number(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"bias: got shape .* expected \(2,\)"):
        TextClassifier(names(2), torch.zeros(shape))


def test_settings_check_it_too() -> None:
    assert TestSettings(calibration=0.3).calibration == 0.3
    with pytest.raises(ValueError, match="calibration: got nan"):
        TestSettings(calibration=math.nan)
