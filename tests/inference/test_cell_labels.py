"""Labels by cells are the labels of the logits at full size, to the bit, whatever the network gives."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.fuzz.settings import MORE
from tests.inference.test_dense_prediction import PIPELINES, Largest
from torch import Tensor
from torch.nn import functional as F

from clipteacher.inference import DensePrediction, TestSettings, TextClassifier, cell_labels, dense_prediction
from clipteacher.inference.bilinear import shares
from clipteacher.inference.cells import Side, cells_along
from clipteacher.inference.settings import MAX_LOGITS
from clipteacher.protocols.protocol import TestPipeline

KINDS = ("noise", "smooth", "patches", "tied", "constant", "large", "small", "one far out")


def maps(kind: str, shape: tuple[int, int, int, int], seed: int) -> Tensor:
    """Logits (B, N, h, w) as networks give them, and as none does."""
    drawn = torch.Generator().manual_seed(seed)
    noise = torch.randn(shape, generator=drawn)
    coarse = F.interpolate(torch.randn(*shape[:2], 3, 3, generator=drawn), size=shape[2:], mode="bicubic")
    match kind:
        case "smooth":
            return coarse
        case "patches":  # one class is far ahead, but for its borders
            best = coarse.argmax(dim=1, keepdim=True)
            return 0.1 * noise + torch.zeros_like(noise).scatter_(1, best, 4.0)
        case "tied":
            return noise.round()
        case "constant":
            return torch.full(shape, 0.3)
        case "large":
            return 1e30 * coarse
        case "small":
            return 1e-38 * coarse
        case "one far out":
            return torch.cat([coarse[:, :-1], coarse[:, -1:] - 1e6], dim=1)
    return noise


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Label by cells whatever it costs."""
    monkeypatch.setattr(dense_prediction, "worthwhile", lambda *_: True)
    monkeypatch.setattr(dense_prediction, "serves", lambda *_: True)
    monkeypatch.setattr(cell_labels, "_MOST_CANDIDATES", float("inf"))
    monkeypatch.setattr(cell_labels, "_MOST_OF_FEW", float("inf"))


def given_maps(outputs: Tensor) -> Callable[[Tensor], Tensor]:
    """A network that gives (windows · B, N, h, w), a window at a time."""
    left = iter(outputs)

    def network(images: Tensor) -> Tensor:
        return torch.stack([next(left) for _ in images])

    return network


def check(prediction: DensePrediction, classifier: TextClassifier | None = None) -> None:
    """The labels by cells are those of all logits at full size."""
    expected = prediction.logits(classifier).argmax(dim=1)
    assert prediction._labels_by_cells(prediction._stride_logits(classifier)) is not None
    labels = prediction.labels(classifier)
    assert (labels.shape, labels.dtype) == (expected.shape, torch.int64)
    assert torch.equal(labels, expected)


@given(
    kind=st.sampled_from(KINDS),
    classes=st.integers(1, 40) | st.integers(100, 300),
    positions=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    batch=st.integers(1, 2),
    multiple=st.integers(1, 9),
    max_logits=st.sampled_from([1, 1000, 20_000, MAX_LOGITS]),
    seed=st.integers(0, 2**16),
)
@MORE
def test_any_map_at_any_stride(
    kind: str,
    classes: int,
    positions: tuple[int, int],
    size: tuple[int, int],
    batch: int,
    multiple: int,
    max_logits: int,
    seed: int,
) -> None:
    """Whole and broken strides, larger and smaller than the photo, padding, one position, one pixel."""
    logits = maps(kind, (batch, classes, *positions), seed)
    settings = TestSettings(pad_multiple=multiple, max_logits=max_logits)
    check(DensePrediction(given_maps(logits), torch.zeros(batch, 3, *size), settings))


@given(
    kind=st.sampled_from(KINDS),
    classes=st.integers(1, 60),
    pipeline=st.builds(
        lambda side, crop, part: TestPipeline(
            side, "slide" if crop else "whole", crop or 8, max((crop or 8) * part // 4, 1)
        ),
        st.none() | st.integers(6, 40),
        st.none() | st.integers(8, 24),
        st.integers(1, 4),
    ),
    size=st.tuples(st.integers(5, 24), st.integers(5, 24)),
    max_logits=st.sampled_from([300, 3000, MAX_LOGITS]),
    seed=st.integers(0, 2**16),
)
@MORE
def test_any_windows_and_sizes(
    kind: str, classes: int, pipeline: TestPipeline, size: tuple[int, int], max_logits: int, seed: int
) -> None:
    """The photo is brought to another size and back, and windows overlap once, twice or more often."""
    logits = maps(kind, (800, classes, 3, 4), seed)  # as many as there may be windows, and more
    settings = TestSettings(pipeline, pad_multiple=4, max_logits=max_logits)
    check(DensePrediction(given_maps(logits), torch.zeros(1, 3, *size), settings))


@pytest.mark.parametrize("threshold", [None, 0.2])
@pytest.mark.parametrize("count", [12, 80])
@pytest.mark.parametrize("pipeline", ["whole", "resized", "slide"])
def test_names_with_a_calibration_and_none_of_these(pipeline: str, count: int, threshold: float | None) -> None:
    """With more names than channels, 80, logits are made from features where they are looked at."""
    features = maps("smooth", (100, 12, 4, 4), 0)
    text = F.normalize(torch.randn(count, 12, generator=torch.Generator().manual_seed(1)), dim=1)
    classifier = TextClassifier(text, torch.linspace(-0.3, 0.3, count), threshold)
    for max_logits in (4 * 4 * count, MAX_LOGITS):
        settings = TestSettings(PIPELINES[pipeline], 8, max_logits)
        check(DensePrediction(given_maps(features), torch.zeros(2, 3, 21, 30), settings), classifier)


class ByHand(NamedTuple):
    label: int
    lead: float


def by_hand(logits: Tensor, rows: Side, columns: Side, y: int, x: int) -> ByHand:
    """The best class of a pixel, and its lead: a loop over corners and classes, in numbers of twice the bits."""
    down, across = int(rows.run[y]), int(columns.run[x])
    here, there = rows.pixels[down].tolist().index(y), columns.pixels[across].tolist().index(x)
    values = []
    for one in logits.double():
        value = 0.0
        for row, share in zip(rows.corners[down], rows.shares[down, here].double(), strict=True):
            for column, other in zip(columns.corners[across], columns.shares[across, there].double(), strict=True):
                value += float(share * other * one[row, column])
        values.append(value)
    first, second = sorted(values, reverse=True)[:2]
    return ByHand(values.index(first), first - second)


@pytest.mark.parametrize("kind", ["noise", "smooth", "patches"])
def test_cells_are_what_loops_give(kind: str) -> None:
    (logits,) = maps(kind, (1, 7, 4, 5), 3)
    cpu = torch.device("cpu")
    rows = cells_along(shares([(0, 13)], 4, 16, 13, device=cpu))
    columns = cells_along(shares([(0, 10), (7, 17)], 5, 20, 17, device=cpu))
    wide = torch.cat([logits, logits.flip(2)], dim=2)
    found = cell_labels.cell_labels(lambda y, x: wide[:, y][:, :, x], rows, columns, 7, MAX_LOGITS)
    assert found is not None
    assert found.labels.shape == (13, 17)
    for y in range(13):
        for x in range(17):
            expected = by_hand(wide, rows, columns, y, x)
            assert int(found.labels[y, x]) == expected.label or y * 17 + x in found.doubt.tolist()
            assert expected.lead > 1e-5 or y * 17 + x in found.doubt.tolist()


def test_what_is_in_doubt_is_enlarged_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two equal classes cover the left half; the other classes are not enlarged, nor is any at the other pixels."""
    logits = torch.zeros(1, 100, 8, 8)
    logits[:, [40, 60], :, :4] = 1.0
    logits[:, 7, :, 4:] = 2.0
    prediction = DensePrediction(given_maps(logits), torch.zeros(1, 3, 32, 32))
    asked: list[tuple[Tensor, Tensor]] = []
    enlarge = prediction._enlarged_labels

    def spy(stride: Any, classes: Tensor, pixels: Tensor) -> Tensor:  # noqa: ANN401
        asked.append((classes, pixels))
        return enlarge(stride, classes, pixels)

    monkeypatch.setattr(prediction, "_enlarged_labels", spy)
    labels = prediction.labels()
    ((classes, pixels),) = asked
    assert classes.tolist() == [40, 60]
    assert torch.equal(torch.unique(labels.flatten()[pixels]), torch.tensor([40])), "the first of equal classes"
    assert set(pixels.tolist()) == set((labels == 40).flatten().nonzero()[:, 0].tolist())
    assert (labels == 7).any()


def plain(size: int = 32, classes: int = 70) -> Tensor:
    return maps("patches", (1, classes, size, size), 0)


def halves(size: int, classes: int) -> Tensor:
    """Two classes, each clearly ahead in its half."""
    logits = torch.zeros(1, classes, size, size)
    logits[:, 0, : size // 2] = logits[:, 1, size // 2 :] = 4
    return logits


@pytest.mark.parametrize("value", [torch.inf, -torch.inf, torch.nan])
def test_what_is_not_finite_is_left_to_the_tiles(value: float) -> None:
    logits = plain(8)
    logits[0, 3, 2, 5] = value
    prediction = DensePrediction(given_maps(logits), torch.zeros(1, 3, 32, 32))
    assert prediction._labels_by_cells(prediction._stride_logits(None)) is None
    assert torch.equal(prediction.labels(), prediction.logits().argmax(dim=1))


def test_half_precision_is_left_to_the_tiles() -> None:
    """Under autocast the product with the names has 8 bits: full of ties."""
    features, text = maps("smooth", (1, 12, 8, 8), 0), torch.eye(12)
    prediction = DensePrediction(given_maps(features), torch.zeros(1, 3, 32, 32))
    with torch.autocast("cpu", torch.bfloat16):
        assert prediction._labels_by_cells(prediction._stride_logits(TextClassifier(text))) is None
        found, logits = prediction.labels(TextClassifier(text)), prediction.logits(TextClassifier(text))
    assert torch.equal(found, logits.argmax(dim=1))


def test_where_cells_serve_and_where_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    cases: dict[str, tuple[Tensor, int, dict[str, Any], bool]] = {
        "many names": (plain(64), 256, {}, True),
        "a map of noise": (maps("noise", (1, 70, 64, 64), 0), 256, {}, False),
        "few names": (plain(64, 21), 256, {}, False),
        "few names on a large photo": (halves(32, 21), 1024, {}, True),
        "two names on a large photo": (halves(32, 2), 1024, {}, True),
        "two names on a photo of medium size": (halves(64, 2), 1024, {}, False),
        "few names on a large photo, most of them in question": (plain(16, 21), 512, {}, False),
        "a small photo": (plain(16), 64, {}, False),
        "the corners of a cell exceed the bound": (plain(64), 256, {"max_logits": 4 * 70 - 1}, False),
        "windows that overlap often": (
            plain(16).expand(200, -1, -1, -1),
            160,
            {"pipeline": TestPipeline(None, "slide", 64, 8)},
            False,
        ),
    }
    for name, (logits, side, options, serves) in cases.items():
        prediction = DensePrediction(given_maps(logits), torch.zeros(1, 3, side, side), TestSettings(**options))
        found = prediction._labels_by_cells(prediction._stride_logits(None))
        assert (found is not None) == serves, name


@pytest.mark.parametrize("kind", ["smooth", "patches"])
def test_no_tensor_exceeds_the_bound(kind: str) -> None:
    features, budget = maps(kind, (1, 12, 16, 20), 0), 60_000
    names = F.normalize(torch.randn(300, 12, generator=torch.Generator().manual_seed(1)), dim=1)
    prediction = DensePrediction(given_maps(features), torch.zeros(1, 3, 64, 80), TestSettings(max_logits=budget))
    stride = prediction._stride_logits(TextClassifier(names))
    with Largest() as watch:
        assert prediction._labels_by_cells(stride) is not None
    assert watch.values <= budget


def test_a_gradient_does_not_stand_in_the_way() -> None:
    logits = plain(8).requires_grad_()
    prediction = DensePrediction(given_maps(logits), torch.zeros(1, 3, 32, 32))
    check(prediction)
    prediction.logits().sum().backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert float(logits.grad.sum()) == pytest.approx(70 * 32 * 32, rel=1e-4)


@pytest.mark.parametrize("bias", [None, torch.linspace(-1, 1, 6)])
@pytest.mark.parametrize("ids", [[0], [2, 5], [1, 6], [6]])
def test_some_classes_of_a_classifier(ids: list[int], bias: Tensor | None) -> None:
    features, text = maps("noise", (2, 4, 3, 5), 0), maps("noise", (1, 1, 6, 4), 1)[0, 0]
    classifier = TextClassifier(text, bias, threshold=0.1)
    chosen = classifier.chosen(torch.tensor(ids))
    assert chosen.num_classes == len(ids)
    torch.testing.assert_close(chosen.logits(features), classifier.logits(features)[:, ids])
