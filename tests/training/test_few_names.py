"""One name is a class list like any other: it is trained, validated and scored."""

import math
from pathlib import Path
from typing import Any

import pytest
from tests.training.worlds import opened, train, write_squares

from clipteacher import MethodConfig


@pytest.mark.parametrize(
    ("names", "around", "options", "changes"),
    [
        (["square"], 255, {}, {"ema": 0.9}),
        (["square"], 255, {"wanted": ["meadow"]}, {}),
        (["square"], 255, {}, {"method": MethodConfig.paper()}),
        (["square", "meadow"], 1, {"unseen": ["meadow"]}, {}),
        (["square", "meadow"], 1, {"wanted": ["meadow"]}, {}),
    ],
    ids=["one", "one, and a wanted name", "one in the paper's way", "one seen, one unseen", "one seen, one wanted"],
)
def test_one_name_to_learn(
    names: list[str], around: int, options: dict[str, Any], changes: dict[str, Any], tmp_path: Path
) -> None:
    """With nothing else to say, every labelled pixel is right; pAcc is that of a count by hand."""
    data = opened(write_squares(tmp_path / "data", names, around=around), **options)
    scores = train(data, tmp_path / "run", **changes).scores
    assert list(scores.IoU) == names
    if len(names) == 1 and not options:
        assert (scores.pAcc, scores.IoU["square"]) == (1.0, 1.0)
    assert 0 <= scores.pAcc <= 1
    assert math.isnan(scores.mIoU_unseen) is (len(names) == 1)


def test_the_only_name_held_back(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"got all 1 classes, .*out of unseen, or of wanted"):
        opened(write_squares(tmp_path / "data", ["square"]), wanted=["square"])
