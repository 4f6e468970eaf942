"""The charts: what they show and in which order, names in any script, and that unusual values are drawn as well."""

import logging
import math
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib import font_manager
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from tests.analysis.student.worlds import SPLIT

from clipteacher.analysis.plots import style
from clipteacher.analysis.plots.attention import attention_figure
from clipteacher.analysis.plots.calibration import calibration_figure
from clipteacher.analysis.plots.confusion import confusion_figure
from clipteacher.analysis.plots.cosines import cosine_figure, drawn_classes
from clipteacher.analysis.plots.style import BASE_FONT, RIGHT, UNSEEN, WRONG, drawable, font_families, save_figure
from clipteacher.analysis.student.attention import photo_attention
from clipteacher.analysis.student.calibration_sweep import CalibrationSweep
from clipteacher.analysis.student.cosines import ClassCosines
from clipteacher.data.dataset import Sample
from clipteacher.evaluation.metrics import Scores
from clipteacher.protocols.splits import ClassSplit


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Neither a warning nor a message of matplotlib's about fonts."""
    with warnings.catch_warnings(), caplog.at_level(logging.WARNING, logger="matplotlib"):
        warnings.simplefilter("error", UserWarning)
        yield
    assert not caplog.records


def drawn(figure: Figure, folder: Path) -> NDArray[np.uint8]:
    """The pixels of a figure as it is saved, (H, W, 3), uint8."""
    save_figure(figure, folder / "chart.png")
    with Image.open(folder / "chart.png") as picture:
        return np.asarray(picture.convert("RGB"))


def cells(split: ClassSplit, confusion: torch.Tensor) -> NDArray[np.float64]:
    """Colours of the cells of a confusion chart, (M, M, 3)."""
    return np.asarray(confusion_figure(confusion, split, "a protocol").axes[0].images[0].get_array())


def hexes(colours: NDArray[np.float64]) -> set[str]:
    """Colours (n, 3 or 4), 0..1, as matplotlib writes them."""
    return {to_hex(tuple(colour)) for colour in colours}


def cosines(name: str, margin: float, *, unseen: bool = False, positions: int = 9) -> ClassCosines:
    return ClassCosines(name, unseen, positions, 0.3 + margin, 0.3, margin, 0.5, "sky")


def test_what_is_right_is_blue_and_what_is_wrong_is_orange() -> None:
    right = cells(SPLIT, torch.eye(5, dtype=torch.int64) * 9)
    assert hexes(right[np.eye(5, dtype=bool)]) == {RIGHT}
    assert hexes(right[~np.eye(5, dtype=bool)]) == {"#ffffff"}
    wrong = cells(SPLIT, torch.eye(5, dtype=torch.int64).roll(1, 0) * 9)
    assert hexes(wrong.reshape(-1, 3)) == {WRONG, "#ffffff"}


def test_rows_in_per_cent_and_names_of_unseen_classes_in_red() -> None:
    confusion = torch.tensor([[70, 10, 0, 20], [30, 50, 15, 5], [0, 0, 8, 0], [0, 0, 0, 0]])
    split = ClassSplit(("sky", "cat", "tree", "car"), unseen=("cat", "car"))
    (axes,) = confusion_figure(confusion, split, "a protocol").axes
    numbers = {(int(text.get_position()[1]), int(text.get_position()[0])): text.get_text() for text in axes.texts}
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cat", "car", "sky", "tree"]
    assert [label.get_color() == UNSEEN for label in axes.get_xticklabels()] == [True, True, False, False]
    assert numbers == {
        **{(0, 0): "50", (0, 1): "5", (0, 2): "30", (0, 3): "15"},
        **{(2, 0): "10", (2, 1): "20", (2, 2): "70", (3, 3): "100"},
    }
    assert [patch.get_hatch() for patch in axes.patches] == ["////"], "car never occurs"


@pytest.mark.parametrize("seen", [0, 1, 40, 300])
def test_any_number_of_classes(seen: int, tmp_path: Path) -> None:
    names = ("a $very$ \n odd name", *(f"a class with a long name, number {number}" for number in range(seen)))
    confusion = torch.zeros(seen + 1, seen + 1, dtype=torch.int64)  # no class occurs
    pixels = drawn(confusion_figure(confusion, ClassSplit(names, names[:1]), "a protocol"), tmp_path)
    assert 100 < max(pixels.shape) < 2500


def test_smallest_margin_first_and_unseen_before_seen() -> None:
    given = [cosines("a", 0.2), cosines("b", -0.1), cosines("c", 0.3, unseen=True), cosines("d", 0.1, unseen=True)]
    given.append(cosines("e", math.nan, positions=0))
    assert [each.name for each in drawn_classes(given)] == ["d", "c", "b", "a"]
    assert [each.name for each in drawn_classes(given, most=3)] == ["d", "c", "b"]
    (axes,) = cosine_figure(given, ClassSplit(("a", "b", "c", "d", "e", "sky"), ("c", "d")), "a protocol").axes
    bars: list[Any] = list(axes.patches)
    assert [bar.get_width() for bar in bars] == pytest.approx([0.4, 0.6, 0.2, 0.5, 0.3, 0.3, 0.3, 0.3])
    margins = [text for text in axes.texts if text.get_text()[0] in "+-"]
    assert [text.get_text() for text in margins] == ["+0.10", "+0.30", "-0.10", "+0.20"]
    assert [text.get_color() == WRONG for text in margins] == [False, False, True, False]


def test_bars_of_many_classes_of_none_and_of_one_name(tmp_path: Path) -> None:
    many = [cosines(f"class {number}", number / 500) for number in range(100)]
    names = ClassSplit(("sky", *(each.name for each in many)), ())
    figure = cosine_figure(many, names, "a protocol")
    assert len(figure.axes[0].patches) == 2 * 60
    assert "40 more classes" in figure.axes[0].get_xlabel()
    assert drawn(cosine_figure([], names, "a protocol"), tmp_path).std() > 1
    alone = ClassCosines("one", True, 4, -0.2, math.nan, math.nan, 1.0, None)
    assert drawn(cosine_figure([alone], ClassSplit(("one",), ("one",)), "a protocol"), tmp_path).std() > 1


def test_curves_in_per_cent_and_none_of_what_is_undefined(tmp_path: Path) -> None:
    without_seen = Scores(0.5, math.nan, 0.4, math.nan, {})
    sweep = CalibrationSweep(0.3, 0.1, math.nan, ((0.0, without_seen), (0.3, without_seen)))
    figure = calibration_figure(sweep, "a protocol")
    *curves, model = figure.axes[0].lines
    values = {line.get_label(): np.asarray(line.get_ydata()).tolist() for line in curves}
    assert values == {"U": [40.0, 40.0], "pAcc": [50.0, 50.0]}
    assert model.get_xdata() == [0.3, 0.3]
    one = CalibrationSweep(0.0, 0.1, 0.1, ((0.0, Scores(0.5, 0.5, 0.4, 0.4, {})),))
    assert {line.get_label() for line in calibration_figure(one, "a protocol").axes[0].lines} >= {"U", "hIoU", "S"}
    assert drawn(figure, tmp_path).std() > 5


def test_rows_of_different_sizes_and_nothing_labelled(tmp_path: Path) -> None:
    rows = []
    for height, width, label in ((40, 60, 1), (80, 30, 255)):
        photo = Sample(torch.zeros(3, height, width, dtype=torch.uint8), torch.full((height, width), label), "photo")
        attention = photo_attention(torch.full((4, 6), 1 / 24), torch.full((4, 6), label), SPLIT)
        rows.append((photo, attention))
    figure = attention_figure(rows, SPLIT, "a protocol")
    captions = [axes.get_xlabel() for axes in figure.axes if "effective" in axes.get_xlabel()]
    assert ["unseen: 100 % of the labelled area" in captions[0], "nothing is labelled" in captions[1]] == [True, True]
    (legend,) = figure.legends
    assert [(text.get_text(), text.get_color() == UNSEEN) for text in legend.get_texts()] == [
        ("cat", True),
        ("not labelled", False),
    ]
    assert drawn(figure, tmp_path).shape[0] > 80 + 320


def test_a_uniform_share_of_attention_is_white() -> None:
    weights = torch.tensor([[0.25, 0.25], [0.5, 0.0]])
    photo = Sample(torch.zeros(3, 2, 2, dtype=torch.uint8), torch.zeros(2, 2, dtype=torch.int64), "photo")
    figure = attention_figure([(photo, photo_attention(weights, photo.mask, SPLIT))], SPLIT, "a protocol")
    heat: Any = figure.axes[2].images[1]
    uniform, *more = heat.cmap(heat.norm(np.array([1.0, 4.0, 9.0])))
    assert uniform == pytest.approx(1, abs=0.01)
    assert hexes(np.array(more)) == {WRONG}
    assert hexes(heat.cmap(heat.norm(np.array([0.25, 1e-9])))) == {RIGHT}


def test_names_without_a_font_fall_back_to_ascii_and_long_ones_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(style, "_fonts", lambda: {BASE_FONT: font_manager.findfont(BASE_FONT)})
    names = ["猫", "Größe", "кошка", "قطة", "\u200b", "n" * 40, "$x$ and $y$"]
    families = font_families(names)
    assert families == [BASE_FONT]
    labels = [drawable(name, f"class {index}", families) for index, name in enumerate(names)]
    assert labels == ["class 0", "Größe", "кошка", "قطة", "class 4", "n" * 31 + "…", r"\$x\$ and \$y\$"]


def test_a_font_of_the_machine_is_taken_where_it_has_the_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(style, "_fonts", lambda: {"Useless": "1", "Cats": "2", "More cats": "3", BASE_FONT: "0"})
    characters = {"0": frozenset("abc"), "1": frozenset("xyz"), "2": frozenset("a猫"), "3": frozenset("猫")}
    monkeypatch.setattr(style, "_characters", characters.__getitem__)
    assert font_families(["abc"]) == [BASE_FONT]
    assert font_families(["a猫", "b"]) == [BASE_FONT, "Cats"]
    assert drawable("猫", "class 4", [BASE_FONT, "Cats"]) == "猫"


def test_a_font_that_cannot_be_read_has_no_characters(tmp_path: Path) -> None:
    (tmp_path / "bad.ttf").write_bytes(b"no font")
    assert style._characters(str(tmp_path / "bad.ttf")) == frozenset()


def test_charts_leave_the_state_of_pyplot_alone(tmp_path: Path) -> None:
    from matplotlib import pyplot

    before = dict(pyplot.rcParams)
    drawn(confusion_figure(torch.eye(5, dtype=torch.int64), SPLIT, "a protocol"), tmp_path)
    assert pyplot.get_fignums() == []
    assert dict(pyplot.rcParams) == before
