"""Speed at test, against a clock that is wound by hand."""

from typing import Any

import pytest
import torch

from clipteacher.demo.quickstart import results
from clipteacher.demo.quickstart.results import images_per_second


class Fake:
    """Takes as many seconds as it is told, one after another."""

    def __init__(self, name: str, seconds: list[float], clock: list[float], calls: list[str]) -> None:
        self.name, self.seconds, self.clock, self.calls = name, iter(seconds), clock, calls

    def segment(self, image: torch.Tensor) -> torch.Tensor:
        self.calls.append(self.name)
        self.clock[0] += next(self.seconds)
        return torch.zeros(image.shape[1:], dtype=torch.int64)


def test_medians_of_turns_and_the_first_turn_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, calls = [0.0], list[str]()
    monkeypatch.setattr(results, "perf_counter", lambda: clock[0])
    segmenters: Any = {
        "a": Fake("a", [99, 1, 2, 9], clock, calls),
        "b": Fake("b", [99, 0.25, 0.5, 0.125], clock, calls),
    }
    assert images_per_second(segmenters, [torch.zeros(3, 4, 4)] * 3) == {"a": 0.5, "b": 4.0}
    assert calls == ["a", "b"] * 4


def test_no_image_is_an_error() -> None:
    with pytest.raises(ValueError, match="images: got none"):
        images_per_second({}, [])
