"""One pooled confusion and the scores read off it, against naive loops."""

import json
import math

import pytest
import torch
from sklearn.metrics import confusion_matrix as sklearn_confusion  # type: ignore[import-untyped]
from torch import Tensor

from clipteacher.evaluation.metrics import Scores, compute_metrics, confusion_matrix
from clipteacher.protocols.splits import ClassSplit

SPLIT = ClassSplit(names=("sky", "tree", "road", "cat", "cow"), unseen=("cat", "cow"))


def naive_confusion(truth: Tensor, prediction: Tensor, num_classes: int, ignore: int) -> list[list[int]]:
    table = [[0] * num_classes for _ in range(num_classes)]
    for true, predicted in zip(truth.flatten().tolist(), prediction.flatten().tolist(), strict=True):
        if true != ignore:
            table[true][predicted] += 1
    return table


def naive_scores(truth: Tensor, prediction: Tensor, split: ClassSplit) -> tuple[float, float, float, float]:
    """Scores straight from pixels, without a confusion matrix."""
    pairs = [(t, p) for t, p in zip(truth.flatten().tolist(), prediction.flatten().tolist(), strict=True) if t != 255]
    iou: dict[int, float] = {}
    for index in range(len(split.names)):
        both = sum(t == index and p == index for t, p in pairs)
        either = sum(t == index or p == index for t, p in pairs)
        if either:
            iou[index] = both / either
    seen = [iou[i] for i in split.seen_ids if i in iou]
    unseen = [iou[i] for i in split.unseen_ids if i in iou]
    s, u = sum(seen) / len(seen), sum(unseen) / len(unseen)
    return sum(t == p for t, p in pairs) / len(pairs), s, u, 2 * s * u / (s + u)


def random_pair(seed: int, classes: int = 5, shape: tuple[int, ...] = (3, 11, 13)) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    truth = torch.randint(classes, shape, generator=generator)
    prediction = torch.where(
        torch.rand(shape, generator=generator) < 0.6, truth, torch.randint(classes, shape, generator=generator)
    )
    truth[torch.rand(shape, generator=generator) < 0.2] = 255
    return truth, prediction


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64])
@pytest.mark.parametrize("seed", range(3))
def test_confusion_as_a_loop_counts_it(seed: int, dtype: torch.dtype) -> None:
    truth, prediction = random_pair(seed)
    confusion = confusion_matrix(truth.to(dtype), prediction.to(dtype), num_classes=5)
    assert confusion.dtype == torch.int64
    assert confusion.tolist() == naive_confusion(truth, prediction, 5, 255)


@pytest.mark.parametrize("seed", range(3))
def test_scores_as_a_loop_counts_them(seed: int) -> None:
    truth, prediction = random_pair(seed)
    result = compute_metrics(confusion_matrix(truth, prediction, 5), SPLIT)
    expected = naive_scores(truth, prediction, SPLIT)
    assert (result.pAcc, result.mIoU_seen, result.mIoU_unseen, result.hIoU) == pytest.approx(expected)


def test_many_classes_do_not_overflow_uint8() -> None:
    truth = torch.full((4,), 170, dtype=torch.uint8)
    assert confusion_matrix(truth, truth, 171)[170, 170] == 4


def test_pooled_is_not_the_mean_over_images() -> None:
    names = ClassSplit(names=("sky", "cat"), unseen=("cat",))
    # A small image that is all wrong beside a large one that is all right.
    truths = [torch.zeros(100, dtype=torch.long), torch.zeros(10, dtype=torch.long)]
    predictions = [torch.zeros(100, dtype=torch.long), torch.ones(10, dtype=torch.long)]
    confusions = [confusion_matrix(truth, prediction, 2) for truth, prediction in zip(truths, predictions, strict=True)]
    per_image = [compute_metrics(confusion, names).IoU["sky"] for confusion in confusions]
    assert sum(per_image) / 2 == pytest.approx(0.5)
    assert compute_metrics(confusions[0] + confusions[1], names).IoU["sky"] == pytest.approx(100 / 110)


def test_ignored_pixels_do_not_count() -> None:
    truth = torch.tensor([0, 255, 255])
    for elsewhere in (0, 1, 255, 77):
        prediction = torch.tensor([0, elsewhere, elsewhere])
        assert confusion_matrix(truth, prediction, 2).tolist() == [[1, 0], [0, 0]]
    assert confusion_matrix(torch.tensor([0, -1]), torch.tensor([0, 0]), 2, ignore=-1).sum() == 1


def test_everything_ignored() -> None:
    truth = torch.full((2, 3), 255)
    confusion = confusion_matrix(truth, torch.zeros(2, 3, dtype=torch.long), 5)
    assert confusion.sum() == 0
    result = compute_metrics(confusion, SPLIT)
    assert all(map(math.isnan, (result.pAcc, result.mIoU_seen, result.mIoU_unseen, result.hIoU)))


def test_absent_class_is_nan_and_predicted_one_is_zero() -> None:
    # road and cow occur nowhere; cat is predicted once and never true.
    result = compute_metrics(confusion_matrix(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 0, 1, 3]), 5), SPLIT)
    assert math.isnan(result.IoU["road"])
    assert math.isnan(result.IoU["cow"])
    assert result.IoU["cat"] == 0
    assert result.mIoU_seen == pytest.approx((1 + 0.5) / 2)
    assert result.mIoU_unseen == 0
    assert result.hIoU == 0


def test_h_iou_where_it_is_not_a_number() -> None:
    perfect = torch.tensor([0, 1, 2])
    no_unseen = ClassSplit(names=("sky", "tree", "road"), unseen=())
    result = compute_metrics(confusion_matrix(perfect, perfect, 3), no_unseen)
    assert result.mIoU_seen == 1
    assert math.isnan(result.mIoU_unseen)
    assert math.isnan(result.hIoU)
    new_alone = compute_metrics(confusion_matrix(perfect, perfect, 3), ClassSplit(no_unseen.names, no_unseen.names))
    assert new_alone.mIoU_unseen == 1
    assert math.isnan(new_alone.mIoU_seen)
    assert math.isnan(new_alone.hIoU)
    all_wrong = compute_metrics(torch.tensor([[0, 1, 0], [1, 0, 0], [1, 0, 0]]), ClassSplit(no_unseen.names, ("road",)))
    assert (all_wrong.mIoU_seen, all_wrong.mIoU_unseen, all_wrong.hIoU) == (0, 0, 0)


def test_to_dict_is_json() -> None:
    result = compute_metrics(confusion_matrix(torch.tensor([0, 1]), torch.tensor([0, 1]), 5), SPLIT).to_dict()
    again = json.loads(json.dumps(result, allow_nan=False))
    assert again == {
        "pAcc": 1.0,
        "mIoU_seen": 1.0,
        "mIoU_unseen": None,
        "hIoU": None,
        "IoU": {"sky": 1.0, "tree": 1.0, "road": None, "cat": None, "cow": None},
    }
    assert isinstance(compute_metrics(torch.eye(5), SPLIT), Scores)


@pytest.mark.parametrize(
    ("truth", "prediction", "message"),
    [
        (torch.zeros(2, 3, dtype=torch.long), torch.zeros(3, 2, dtype=torch.long), r"\(3, 2\) for truth \(2, 3\)"),
        (torch.zeros(2), torch.zeros(2, dtype=torch.long), r"truth: got torch.float32"),
        (torch.zeros(2, dtype=torch.long), torch.zeros(2), r"prediction: got torch.float32.*argmax"),
        (torch.tensor([0, 7, 7]), torch.tensor([0, 0, 0]), r"truth: got value 7 \(2 pixels.*0\.\.4"),
        (torch.tensor([0, 1]), torch.tensor([0, 255]), r"prediction: got value 255"),
        (torch.tensor([0, -1]), torch.tensor([0, 0]), r"truth: got value -1"),
    ],
)
def test_bad_input(truth: Tensor, prediction: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        confusion_matrix(truth, prediction, 5)


def test_bad_shape_and_ignore() -> None:
    with pytest.raises(ValueError, match=r"confusion: got shape \(3, 3\), expected \(5, 5\)"):
        compute_metrics(torch.eye(3), SPLIT)
    with pytest.raises(ValueError, match=r"ignore: got 2, expected a value outside the class ids 0\.\.4"):
        confusion_matrix(torch.zeros(1, dtype=torch.long), torch.zeros(1, dtype=torch.long), 5, ignore=2)


def test_further_names_take_pixels_and_are_wrong() -> None:
    """Pixel by pixel: what is predicted as a name that is no class misses its class, and is no class of the means."""
    truth, prediction = random_pair(3)
    prediction[torch.rand(prediction.shape, generator=torch.Generator().manual_seed(4)) < 0.3] = 6
    confusion = confusion_matrix(truth, prediction, 7, num_true=5)
    assert confusion.shape == (7, 7)
    assert (confusion[:5, 6] > 0).all()
    result = compute_metrics(confusion, SPLIT)
    kept = truth != 255
    for number, name in enumerate(SPLIT.names):
        is_true, is_said = (truth == number) & kept, (prediction == number) & kept
        assert result.IoU[name] == pytest.approx(float((is_true & is_said).sum() / (is_true | is_said).sum())), name
    assert list(result.IoU) == list(SPLIT.names)
    assert result.pAcc == pytest.approx(float((truth == prediction)[kept].float().mean()))
    assert result.mIoU_seen == pytest.approx(sum(result.IoU[name] for name in SPLIT.seen) / len(SPLIT.seen))
    without = compute_metrics(confusion_matrix(truth, random_pair(3)[1], 5), SPLIT)
    assert result.pAcc < without.pAcc


def test_further_names_may_reach_the_ignored_id() -> None:
    """With 250 classes and 50 further names, 255 is the id of one of them in the prediction, and ignored in truth."""
    truth, prediction = torch.tensor([0, 249, 255], dtype=torch.uint8), torch.tensor([255, 249, 255])
    confusion = confusion_matrix(truth, prediction, 300, num_true=250)
    assert confusion.sum() == 2
    assert confusion[0, 255] == confusion[249, 249] == 1
    with pytest.raises(
        ValueError, match=r"truth: got value 250 \(1 pixels out of range\), expected class ids 0\.\.249"
    ):
        confusion_matrix(torch.tensor([250]), torch.tensor([0]), 300, num_true=250)
    with pytest.raises(ValueError, match=r"prediction: got value 300 .*expected class ids 0\.\.299"):
        confusion_matrix(torch.tensor([0]), torch.tensor([300]), 300, num_true=250)


@pytest.mark.parametrize("shape", [(5, 6), (6, 5), (4, 4), (25,), (5, 5, 5)])
def test_a_matrix_that_is_none_of_the_split(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"confusion: got shape .*expected \(5, 5\) .*or a larger square"):
        compute_metrics(torch.ones(shape), SPLIT)


def test_many_classes_have_the_16_bit_ignore_id() -> None:
    truth = torch.tensor([0, 255, 846, 65535])
    confusion = confusion_matrix(truth, torch.tensor([0, 255, 1, 5]), 847)
    assert confusion.shape == (847, 847)
    assert confusion.sum() == 3
    assert confusion[255, 255] == confusion[846, 1] == 1, "255 is a class here"
    with pytest.raises(ValueError, match=r"ignore: got 255, expected a value outside the class ids 0\.\.846"):
        confusion_matrix(truth, truth, 847, ignore=255)


@pytest.mark.parametrize(("dtype", "classes", "ignore"), [(torch.uint8, 255, 255), (torch.uint16, 847, 65535)])
def test_masks_as_they_are_stored_can_be_counted(dtype: torch.dtype, classes: int, ignore: int) -> None:
    truth = torch.tensor([0, classes - 1, ignore]).to(dtype)
    confusion = confusion_matrix(truth, torch.tensor([0, 0, 0]), classes)
    assert confusion.sum() == 2
    assert confusion[0, 0] == confusion[classes - 1, 0] == 1


@pytest.mark.parametrize("classes", [2, 21, 847])
def test_the_confusion_is_scikit_learns(classes: int) -> None:
    truth, prediction = random_pair(classes, classes=classes, shape=(4, 60, 60))
    ignore = 255 if classes <= 255 else 65535
    truth[:, :7] = ignore
    counted = truth != ignore
    expected = sklearn_confusion(truth[counted].numpy(), prediction[counted].numpy(), labels=range(classes))
    assert confusion_matrix(truth, prediction, classes).tolist() == expected.tolist()


@pytest.mark.parametrize("seed", range(3))
def test_scores_for_another_split_as_if_counted_for_it(seed: int) -> None:
    confusion = confusion_matrix(*random_pair(seed), num_classes=5)
    for unseen in ((), ("sky",), ("tree", "cow"), SPLIT.names):
        other = ClassSplit(names=SPLIT.names, unseen=unseen)
        expected = compute_metrics(confusion, other).to_dict()
        assert compute_metrics(confusion, SPLIT).with_split(other).to_dict() == expected


def test_scores_of_other_classes_are_not_split() -> None:
    scores = compute_metrics(torch.eye(5, dtype=torch.int64), SPLIT)
    with pytest.raises(ValueError, match="split: got the classes sky, tree, expected those of the scores: sky, tree, "):
        scores.with_split(ClassSplit(names=("sky", "tree"), unseen=("tree",)))
