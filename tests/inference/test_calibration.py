"""The calibration: which names it is taken from, and that it goes through sizes and windows as a constant."""

import math
from typing import Any

import pytest
import torch
from tests.inference.test_dense_prediction import PIPELINES, WIDTH, names, photos, predict
from tests.stand_ins import StandInStudent, random_tensor

from clipteacher.inference import TextClassifier
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


@pytest.mark.parametrize(("seen", "calibration"), [(("sky",), 0), (("sky",), -0.0), ((), 0.5), (("cat",), 0.5)])
def test_nothing_to_take_is_none(seen: tuple[str, ...], calibration: float) -> None:
    assert calibration_bias(["sky", "owl"], seen, calibration) is None


@pytest.mark.parametrize("calibration", [math.nan, math.inf, -math.inf, 1e39, 10**400, True, "0.1", None])
def test_what_is_no_calibration(calibration: Any) -> None:  # noqa: ANN401
    with pytest.raises(ValueError, match=r"calibration: got .*expected a finite number of float32\. Give 0"):
        check_calibration(calibration)


@pytest.mark.parametrize("pipeline", PIPELINES.values(), ids=PIPELINES)
@pytest.mark.parametrize("count", [5, 40])  # fewer names than channels, and more: classified at once or a few at a time
@torch.no_grad()
def test_a_bias_is_added_to_every_logit_of_its_name(pipeline: TestPipeline, count: int) -> None:
    student, text, images = StandInStudent(WIDTH), names(count), photos((33, 45), 2)
    bias = random_tensor(count, seed=3)
    plain = predict(student, images, pipeline).logits(TextClassifier(text, threshold=0.2))
    for name in range(count):
        plain[:, name] += bias[name]
    for max_logits in (50_000, 10**9):
        prediction = predict(student, images, pipeline, max_logits=max_logits)
        for classifier, expected in (
            (TextClassifier(text, bias), plain[:, :count]),
            (TextClassifier(text, bias, threshold=0.2), plain),
        ):
            logits = prediction.logits(classifier)
            torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)
            assert torch.equal(prediction.labels(classifier), logits.argmax(dim=1))


@pytest.mark.parametrize("shape", [(3,), (2, 1), ()])
def test_a_bias_of_another_number(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"bias: got shape .* expected \(2,\)\. Give one number for each name"):
        TextClassifier(names(2), torch.zeros(shape))
