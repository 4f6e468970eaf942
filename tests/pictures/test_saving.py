"""Files of pictures and ids: whole or not there."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from clipteacher.data.files import read_values
from clipteacher.pictures import save_id_png, save_picture


def names_in(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.uint16])
def test_ids_up_to_255_are_read_back_as_a_mask(tmp_path: Path, dtype: type[np.integer[Any]]) -> None:
    labels = np.array([[0, 1, 2], [3, 254, 255]], dtype=dtype)
    save_id_png(labels, tmp_path / "ids.png")
    with Image.open(tmp_path / "ids.png") as image:
        assert image.mode == "L"
    assert np.array_equal(read_values(tmp_path / "ids.png"), labels)
    assert names_in(tmp_path) == {"ids.png"}


def test_ids_above_255_take_16_bits(tmp_path: Path) -> None:
    labels = np.array([[0, 256], [1203, 65535]])
    save_id_png(labels, tmp_path / "ids.png")
    with Image.open(tmp_path / "ids.png") as image:
        assert image.mode == "I;16"
        assert np.array_equal(np.asarray(image), labels)


def test_a_view_is_written_as_it_is_seen(tmp_path: Path) -> None:
    labels = np.arange(12).reshape(3, 4).T[::-1]
    save_id_png(labels, tmp_path / "ids.png")
    with Image.open(tmp_path / "ids.png") as image:
        assert np.array_equal(np.asarray(image), labels)


@pytest.mark.parametrize("name", ["picture.png", "picture.jpg", "PICTURE.PNG", "new/folder/picture.webp"])
def test_a_picture_is_written_in_the_format_of_its_suffix(tmp_path: Path, name: str) -> None:
    save_picture(Image.new("RGB", (8, 6), (200, 10, 10)), tmp_path / name)
    with Image.open(tmp_path / name) as image:
        assert image.size == (8, 6)
        assert image.format == Image.registered_extensions()[Path(name).suffix.lower()]
    assert names_in((tmp_path / name).parent) == {Path(name).name}
    assert stat.S_IMODE((tmp_path / name).stat().st_mode) & stat.S_IRGRP, "others of the group may read it"


@pytest.mark.parametrize("there_before", [False, True])
def test_a_failing_encoder_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there_before: bool
) -> None:
    def half(image: object, file: Any, *args: object, **options: object) -> None:  # noqa: ANN401 (Pillow's signature)
        file.write(b"\x89PNG half a picture")
        raise OSError("encoder error -2")

    path = tmp_path / "picture.png"
    if there_before:
        save_picture(Image.new("RGB", (3, 3), "white"), path)
    monkeypatch.setitem(Image.SAVE, "PNG", half)
    with pytest.raises(OSError, match="encoder error"):
        save_picture(Image.new("RGB", (8, 6)), path)
    with pytest.raises(OSError, match="encoder error"):
        save_id_png(np.zeros((2, 2), dtype=np.uint8), path)
    assert names_in(tmp_path) == ({"picture.png"} if there_before else set())
    monkeypatch.undo()
    if there_before:
        with Image.open(path) as image:
            image.load()
            assert image.size == (3, 3), "the picture of before is whole"


def test_a_picture_that_the_format_cannot_hold_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="RGBA"):
        save_picture(Image.new("RGBA", (8, 6)), tmp_path / "picture.jpg")
    assert names_in(tmp_path) == set()


@pytest.mark.parametrize("name", ["picture", "picture.txt", "picture.png.part"])
def test_a_suffix_that_is_no_picture_is_an_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="expected the suffix of a picture"):
        save_picture(Image.new("RGB", (8, 6)), tmp_path / name)
    assert names_in(tmp_path) == set()


@pytest.mark.parametrize(
    ("labels", "name", "message"),
    [
        (np.zeros((2, 2), dtype=np.uint8), "ids.jpg", r"expected \.png.*Call it ids\.png"),
        (np.zeros((1, 2, 2), dtype=np.uint8), "ids.png", r"labels: got shape \(1, 2, 2\), expected \(H, W\)"),
        (np.zeros((0, 2), dtype=np.uint8), "ids.png", "not empty"),
        (np.zeros((2, 2)), "ids.png", "labels: got float64"),
        (np.array([[-1, 3]]), "ids.png", r"labels: got ids -1\.\.3, expected 0\.\.65535"),
        (np.array([[0, 65536]]), "ids.png", r"labels: got ids 0\.\.65536"),
    ],
)
def test_ids_that_cannot_be_written_are_an_error(
    tmp_path: Path, labels: np.ndarray[Any, Any], name: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        save_id_png(labels, tmp_path / name)
    assert names_in(tmp_path) == set()
