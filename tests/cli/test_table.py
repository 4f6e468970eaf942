"""The table of scores: which columns it has."""

import pytest
import torch

from clipteacher.cli.table import print_scores
from clipteacher.evaluation.metrics import compute_metrics
from clipteacher.protocols.splits import ClassSplit

CONFUSION = torch.tensor([[6, 2], [0, 4]])


def test_seen_and_unseen_classes_apart(capsys: pytest.CaptureFixture[str]) -> None:
    split = ClassSplit(("sky", "cat"), ("cat",))
    print_scores(compute_metrics(CONFUSION, split), split, "tiny-1-1")
    out = capsys.readouterr().out
    assert all(title in out for title in ("tiny-1-1", " U ", " hIoU ", " S ", " pAcc ", "* cat"))
    assert " mIoU " not in out
    assert "66.7" in out  # U: 4 of 6
    assert "75.0" in out  # S: 6 of 8


def test_where_nothing_is_held_back_there_is_one_mean(capsys: pytest.CaptureFixture[str]) -> None:
    split = ClassSplit(("sky", "cat"), ())
    print_scores(compute_metrics(CONFUSION, split), split, "tiny-2")
    out = capsys.readouterr().out
    assert " mIoU " in out
    assert "hIoU" not in out
    assert "absent" not in out
    assert "70.8" in out  # the mean of 75.0 and 66.7
