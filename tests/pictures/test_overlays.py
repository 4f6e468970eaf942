"""Overlays: what is coloured, what stays photo, and what the legend says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFont

from clipteacher.pictures import class_colours, overlay, overlays, paint, typesetting
from clipteacher.pictures.colours import IGNORE_COLOUR
from clipteacher.pictures.legend import HATCH_COLOUR, LegendEntry, draw_legend
from clipteacher.pictures.typesetting import lettering, typeface

NAMES = ("sky", "grass", "cow", "road", "water", "dog")
COLOURS = class_colours(NAMES)


def photo(height: int = 60, width: int = 80) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def halves(height: int = 60, width: int = 80, upper: int = 0, lower: int = 1) -> NDArray[np.int64]:
    labels = np.full((height, width), upper)
    labels[height // 2 :] = lower
    return labels


def colours_in(picture: Image.Image | NDArray[np.uint8]) -> set[tuple[int, ...]]:
    return set(map(tuple, np.asarray(picture).reshape(-1, 3).tolist()))


def legend_of(picture: Image.Image, height: int) -> Image.Image:
    return picture.crop((0, height, picture.width, picture.height))


def classes_in_legend(picture: Image.Image, height: int, names: Sequence[str] = NAMES) -> set[int]:
    seen = colours_in(legend_of(picture, height))
    return {i for i, colour in enumerate(class_colours(names).tolist()) if tuple(colour) in seen}


def test_opacity_0_is_the_photo() -> None:
    assert np.array_equal(paint(photo(), halves(), COLOURS, opacity=0), photo())


def test_opacity_1_is_the_colours_alone_but_for_the_borders() -> None:
    painted = paint(photo(), halves(), COLOURS, opacity=1)
    first, second = COLOURS[:2]
    assert (painted[:29] == first).all()
    assert (painted[29] == (first * 0.35).astype(np.uint8)).all(), "the border is the class's colour, darker"
    assert (painted[30:] == second).all()


def test_a_blend_is_the_weighted_mean() -> None:
    painted = paint(photo(), np.zeros((60, 80), dtype=np.uint8), COLOURS, opacity=0.4)
    expected = photo() + 0.4 * (COLOURS[0].astype(float) - photo())
    assert np.abs(painted - expected).max() <= 1.0


def test_ignored_pixels_stay_photo_even_at_borders() -> None:
    labels = halves(lower=255)
    labels[40:, 20:40] = 2
    painted = paint(photo(), labels, COLOURS, opacity=1)
    ignored = labels == 255
    assert np.array_equal(painted[ignored], photo()[ignored])
    assert (painted[~ignored] != photo()[~ignored]).any(axis=1).mean() > 0.99


def test_painting_nothing_is_the_photo() -> None:
    everything = np.full((60, 80), 255, dtype=np.uint8)
    assert np.array_equal(paint(photo(), everything, COLOURS), photo())


def text_of(monkeypatch: pytest.MonkeyPatch, labels: NDArray[np.int64], names: Sequence[str]) -> list[tuple[str, str]]:
    """Names and shares that the legend of an overlay is drawn from; hatched ones in brackets."""
    seen: list[LegendEntry] = []

    def draw(entries: Sequence[LegendEntry], width: int, size: int) -> Image.Image:
        seen.extend(entries)
        return draw_legend(entries, width, size)

    monkeypatch.setattr(overlays, "draw_legend", draw)
    overlay(photo(*labels.shape), labels, names, ignore=-1)
    return [(f"[{entry.name}]" if entry.colour is None else entry.name, entry.detail) for entry in seen]


def test_what_has_no_class_is_hatched_and_in_the_legend_with_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = halves(lower=-1)
    labels[0, :3] = 1
    expected = [("sky", "50 %"), ("grass", "< 1 %"), ("[none of these]", "50 %")]
    assert text_of(monkeypatch, labels, NAMES) == expected
    picture = np.asarray(overlay(photo(), labels, NAMES, opacity=1, ignore=-1))[:60, :80]
    assert colours_in(picture[30:]) == {IGNORE_COLOUR, HATCH_COLOUR}
    assert np.array_equal(np.asarray(overlay(photo(), labels, NAMES, opacity=0, ignore=-1))[:60, :80], photo())


def test_where_nothing_is_found_the_legend_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = np.full((60, 80), -1)
    assert text_of(monkeypatch, nothing, ["cat", "dog"]) == [("[nothing found: none of cat, dog]", "100 %")]
    [(text, _)] = text_of(monkeypatch, nothing, [f"w{i}" for i in range(9)])
    assert text == "[nothing found: none of w0, w1, w2, w3, w4 and 4 more]"


def test_a_share_is_100_per_cent_only_where_it_is_all(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.zeros((60, 80), dtype=np.int64)
    assert text_of(monkeypatch, labels, NAMES) == [("sky", "100 %")]
    labels[0, 0] = -1
    assert text_of(monkeypatch, labels, NAMES) == [("sky", "> 99 %"), ("[none of these]", "< 1 %")]


def test_borders_are_thin_and_widen_with_the_photo() -> None:
    for size, width in ((100, 1), (1000, 3), (2000, 5)):
        grey = np.full((size, size, 3), 128, dtype=np.uint8)
        painted = paint(grey, halves(size, size, 0, 0), COLOURS, opacity=1)
        assert (painted == painted[0, 0]).all(), "one class, no border"
        column = paint(grey, halves(size, size), COLOURS, opacity=1)[:, 0]
        dark = (COLOURS[:2] * 0.35).astype(np.uint8)
        assert (column[:, None] == dark[None]).all(axis=2).any(axis=1).sum() == width


@pytest.mark.parametrize(("height", "width"), [(213, 320), (480, 640), (1200, 1600), (140, 40), (40, 900)])
def test_the_legend_lists_exactly_the_present_classes(height: int, width: int) -> None:
    labels = halves(height, width, 3, 1)
    labels[:4, :4] = 5
    labels[-4:, -4:] = 255
    picture = overlay(np.full((height, width, 3), 128, dtype=np.uint8), labels, NAMES)
    assert picture.mode == "RGB"
    assert picture.width >= width
    assert classes_in_legend(picture, height) == {1, 3, 5}
    assert legend_of(picture, height).getpixel((picture.width - 1, picture.height - height - 1)) == (255, 255, 255)


def test_the_legend_is_legible_at_any_size() -> None:
    def letters(height: int, width: int) -> int:
        """Height of the tallest run of ink in the legend of one class, less its swatch: that of a capital letter."""
        picture = overlay(np.zeros((height, width, 3), dtype=np.uint8), np.zeros((height, width), dtype=int), ["HHHH"])
        ink = np.asarray(legend_of(picture, height).convert("L")) < 100
        swatch = np.asarray(legend_of(picture, height)) == class_colours(["HHHH"])[0]
        left = np.flatnonzero(swatch.all(axis=2).any(axis=0)).max() + 3
        return int(ink[:, left:].any(axis=1).sum())

    assert letters(213, 320) >= 8
    assert letters(1500, 2000) > 3 * letters(213, 320)


def test_a_long_list_of_long_names_wraps_and_keeps_every_class() -> None:
    names = [f"a rather long name of class number {i}" for i in range(60)]
    labels = np.arange(60 * 80).reshape(60, 80) % 60
    picture = overlay(photo(), labels, names)
    assert classes_in_legend(picture, 60, names) == set(range(60))
    legend = np.asarray(legend_of(picture, 60))
    assert (legend[:, -4:] == 255).all(), "type runs out of the picture at the right"
    assert (legend[-4:] == 255).all(), "type runs out of the picture at the foot"


@pytest.mark.parametrize("name", ["x" * 400, "猫", "  ", "Straße — Großstadt", "W"])
def test_any_name_can_be_set(name: str) -> None:
    picture = overlay(photo(), halves(), [name, "grass"])
    assert classes_in_legend(picture, 60, [name, "grass"]) == {0, 1}
    assert (np.asarray(legend_of(picture, 60))[:, -4:] == 255).all()


def test_it_takes_any_integer_type_and_more_than_255_classes() -> None:
    names = [f"word {i}" for i in range(300)]
    for dtype in (np.uint16, np.int16, np.int32, np.int64):
        picture = overlay(photo(), halves(lower=299).astype(dtype), names, ignore=-1)
        assert classes_in_legend(picture, 60, names) >= {0, 299}, "some names share their colours"


def test_a_class_has_the_same_colour_in_every_picture() -> None:
    first = overlay(photo(), halves(), ["cow", "sky"], opacity=1)
    second = overlay(photo(), halves(upper=2, lower=0), ["sky", "grass", "cow"], opacity=1)
    assert np.array_equal(np.asarray(first)[:60, :80], np.asarray(second)[:60, :80])


def test_a_font_of_the_machine_draws_other_scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert lettering("cat", "class 3", 14) == ("cat", typeface(14))
    found = lettering("Größe", "class 3", 14)
    assert found in (("Grosse", typeface(14)), ("Größe", found[1]))
    monkeypatch.setattr(typesetting, "_machine_fonts", lambda size: [typeface(size)])  # ASCII alone
    assert lettering("Größe", "class 3", 14) == ("Grosse", typeface(14))
    assert lettering("猫", "class 3", 14) == ("class 3", typeface(14))
    font = ImageFont.load_default(20)
    monkeypatch.setattr(font, "getmask", lambda text: text.encode())
    monkeypatch.setattr(typesetting, "_machine_fonts", lambda size: [typeface(size), font])
    assert lettering(" 黒い\n猫", "class 3", 14) == ("黒い 猫", font), "the first font that has every letter"


def test_inputs_are_left_alone() -> None:
    given, labels = photo(), halves()
    given.flags.writeable = labels.flags.writeable = False
    overlay(given, labels, NAMES)
    assert paint(given, labels, COLOURS, opacity=0) is not given


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"photo": photo().astype(np.float32)}, r"photo: got shape \(60, 80, 3\) of float32, expected \(H, W, 3\)"),
        ({"photo": photo().transpose(2, 0, 1)}, "Put the channels last"),
        ({"photo": photo()[:0]}, r"photo: got shape \(0, 80, 3\)"),
        ({"labels": halves(80, 60)}, r"labels: got shape \(80, 60\), expected \(60, 80\)"),
        ({"labels": halves()[None]}, "give ids"),
        ({"labels": halves().astype(float)}, "labels: got float64, expected an integer type"),
        (
            {"labels": halves(lower=6)},
            r"labels: got id 6 \(2400 pixels out of range\), expected 0\.\.5, one for each of",
        ),
        ({"labels": halves(lower=-1)}, "labels: got id -1"),
        (
            {"class_names": NAMES * 50},
            r"ignore: got 255, which is a class id, expected .* outside 0\.\.299.*Pass ignore=-1",
        ),
        ({"opacity": 1.5}, "opacity: got 1.5, expected 0"),
        ({"opacity": float("nan")}, "opacity: got nan"),
    ],
)
def test_wrong_input_is_an_error(change: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"photo": photo(), "labels": halves(), "class_names": NAMES, **change}
    with pytest.raises(ValueError, match=message):
        overlay(**given)


@pytest.mark.parametrize("side", [400, 700, 1600, 2600])
def test_borders_in_large_photos_are_wider(side: int) -> None:
    labels = np.zeros((side, side + 3), dtype=np.int64)
    labels[: side // 2, : side // 2] = 1
    labels[-40:] = -1
    colours = np.array([[200, 0, 0], [0, 200, 0]], np.uint8)
    painted = paint(np.zeros((*labels.shape, 3), np.uint8), labels, colours, ignore=-1)
    brightness = painted[: side - 100, side // 4].max(axis=1)
    rows = np.flatnonzero(brightness < 80)
    wider = round(side / 1000)
    assert rows.tolist() == list(range(side // 2 - 1 - wider, side // 2 + wider))
    assert not painted[-40:].any()


def test_entries_drawn_once_do_not_depend_on_what_was_drawn_before() -> None:
    photo, labels = np.full((60, 90, 3), 128, np.uint8), np.zeros((60, 90), dtype=np.int64)
    labels[:20] = 1
    first = np.asarray(overlay(photo, labels, ["cat", "a rather long name of a thing"]))
    np.asarray(overlay(photo, labels, ["a rather long name of a thing", "cat"]))
    labels[:21] = 1
    other = np.asarray(overlay(photo, labels, ["cat", "a rather long name of a thing"]))
    labels[20:21] = 0
    assert np.array_equal(first, np.asarray(overlay(photo, labels, ["cat", "a rather long name of a thing"])))
    assert not np.array_equal(first, other), "the share is another"
