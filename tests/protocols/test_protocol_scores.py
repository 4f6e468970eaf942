"""Scores of a perfect, an all-one-class and a random prediction are what arithmetic says, for every protocol."""

import math

import pytest
import torch
from sklearn.metrics import confusion_matrix as sklearn_confusion  # type: ignore[import-untyped]
from torch import Tensor

from clipteacher.evaluation.metrics import Scores, compute_metrics, confusion_matrix
from clipteacher.protocols import PROTOCOLS, Protocol

each_protocol = pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)


def scored(protocol: Protocol, truth: Tensor, prediction: Tensor) -> Scores:
    split = protocol.class_split
    return compute_metrics(confusion_matrix(truth, prediction, len(split.names)), split)


def truth_of(protocol: Protocol) -> Tensor:
    """Class c has c % 3 + 1 pixels, and some pixels are ignored."""
    split = protocol.class_split
    ids = torch.arange(len(split.names))
    return torch.cat([ids.repeat_interleave(ids % 3 + 1), torch.full((7,), split.ignore)])


def assert_absent_without_unseen(protocol: Protocol, result: Scores) -> None:
    """A test of another set holds nothing back: S is the plain mean IoU, U and hIoU are no numbers."""
    if not protocol.class_split.unseen:
        present = [value for value in result.IoU.values() if not math.isnan(value)]
        assert result.mIoU_seen == pytest.approx(sum(present) / len(present))
        assert math.isnan(result.mIoU_unseen)
        assert math.isnan(result.hIoU)


@each_protocol
def test_a_perfect_prediction(protocol: Protocol) -> None:
    truth = truth_of(protocol)
    result = scored(protocol, truth, truth.masked_fill(truth == protocol.class_split.ignore, 0))
    assert result.pAcc == 1
    assert set(result.IoU.values()) == {1.0}
    assert result.mIoU_seen == 1
    if protocol.class_split.unseen:
        assert (result.mIoU_unseen, result.hIoU) == (1, 1)
    assert_absent_without_unseen(protocol, result)


@each_protocol
@pytest.mark.parametrize("side", ["seen", "unseen"])
def test_one_class_everywhere(protocol: Protocol, side: str) -> None:
    split = protocol.class_split
    ids = split.seen_ids if side == "seen" else split.unseen_ids
    if not ids:
        ids = split.seen_ids[-1:]  # where nothing is held back, the last class
    only = ids[-1]
    truth = truth_of(protocol)
    counted = sum(index % 3 + 1 for index in range(len(split.names)))
    share = (only % 3 + 1) / counted
    result = scored(protocol, truth, torch.full_like(truth, only))
    assert result.pAcc == pytest.approx(share)
    assert result.IoU[split.names[only]] == pytest.approx(share)
    assert sum(value for value in result.IoU.values()) == pytest.approx(share), "all others are 0"
    seen = share / len(split.seen) if only in split.seen_ids else 0
    assert result.mIoU_seen == pytest.approx(seen)
    if split.unseen:
        assert result.mIoU_unseen == pytest.approx(share / len(split.unseen) if only in split.unseen_ids else 0)
        assert result.hIoU == 0
    assert_absent_without_unseen(protocol, result)


@each_protocol
def test_every_class_predicted_as_often_for_every_class(protocol: Protocol) -> None:
    # What chance gives: of each class's N pixels one is right, so IoU is 1 / (N + N - 1).
    count = len(protocol.class_split.names)
    ids = torch.arange(count)
    result = scored(protocol, ids.repeat_interleave(count), ids.repeat(count))
    chance = 1 / (2 * count - 1)
    assert result.pAcc == pytest.approx(1 / count)
    assert result.mIoU_seen == pytest.approx(chance)
    if protocol.class_split.unseen:
        assert result.mIoU_unseen == pytest.approx(chance)
        assert result.hIoU == pytest.approx(chance)
    assert_absent_without_unseen(protocol, result)


@each_protocol
def test_a_random_prediction(protocol: Protocol) -> None:
    count = len(protocol.class_split.names)
    generator = torch.Generator().manual_seed(0)
    truth = torch.arange(count).repeat_interleave(600)
    prediction = torch.randint(count, truth.shape, generator=generator)
    result = scored(protocol, truth, prediction)
    error = 4 / math.sqrt(600)  # four standard errors, relative, of the hits of all classes together
    assert result.pAcc == pytest.approx(1 / count, rel=error)
    assert result.mIoU_seen == pytest.approx(
        1 / (2 * count - 1), rel=error * math.sqrt(count / len(protocol.class_split.seen))
    )
    expected = sklearn_confusion(truth.numpy(), prediction.numpy(), labels=range(count))
    assert torch.equal(confusion_matrix(truth, prediction, count), torch.from_numpy(expected))
