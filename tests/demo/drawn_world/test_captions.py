"""Captions: English enough, and true."""

import numpy as np
import pytest

from clipteacher.demo.drawn_world.captions import captions, phrase


@pytest.mark.parametrize(
    ("name", "colour", "expected"),
    [
        ("car", "orange", "an orange car"),
        ("car", None, "a car"),
        ("umbrella", None, "an umbrella"),
        ("sea", None, "the sea"),
    ],
)
def test_phrase(name: str, colour: str | None, expected: str) -> None:
    assert phrase(name, colour) == expected


def test_a_caption_of_the_whole_names_others_and_one_of_the_subject_does_not() -> None:
    for seed in range(20):
        texts = captions(np.random.default_rng(seed), "car", [("sky", None), ("tree", "red")], "blue", "road")
        assert all("car" in text for text in texts)
        assert not any("sky" in text or "tree" in text for text in texts[:3])
        assert all("blue car" in text for text in texts[2:])


def test_place_and_others_occur() -> None:
    text = " ".join(
        " ".join(captions(np.random.default_rng(seed), "car", [("sky", None), ("tree", "red")], "blue", "road"))
        for seed in range(20)
    )
    for part in ("on a road", "the sky", "a red tree", "a tree", " and "):
        assert part in text


def test_alone_means_no_list() -> None:
    texts = captions(np.random.default_rng(0), "snow", [])
    assert all(
        "snow" in text and " with " not in text.replace("picture with", "").replace("scene with", "") for text in texts
    )
