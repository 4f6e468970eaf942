"""One press of the button without the page: photo and words in, picture, table and ids out; bad input says why."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from clipteacher.app.answer import answered, shown
from clipteacher.app.limits import Limits
from clipteacher.pictures import class_colours
from clipteacher.pictures.colours import IGNORE_COLOUR
from clipteacher.pictures.overlays import NONE_OF_THESE
from clipteacher.segmenter.segmentation import NONE, Segmentation
from clipteacher.segmenter.segmenter import Segmenter

LIMITS = Limits(megapixels=0.01, words=300, letters=30)
OWN = 'dark, light, "odd, one"'


def halves(path: Path, mode: str = "RGB") -> Path:
    """Draw a photo whose left third is black and whose rest is white, 30 wide and 20 high."""
    pixels = np.zeros((20, 30), np.uint8)
    pixels[:, 10:] = 255
    Image.fromarray(pixels).convert(mode).save(path, "PNG")
    return path


def ask(
    segmenter: Segmenter, folder: Path, file: Path | None, text: str = OWN, name: str = "cat.png", **more: object
) -> tuple[Segmentation, Path]:
    return answered(segmenter, file, name, text, limits=LIMITS, folder=folder, **more)  # type: ignore[arg-type]


def table(found: Segmentation, *unseen: str) -> list[list[str | float]]:
    return shown(found, unseen, 100)[3]


def test_an_answer(segmenter: Segmenter, folder: Path, tmp_path: Path) -> None:
    found, path = ask(segmenter, folder, halves(tmp_path / "upload"), name="My cat (2).png")
    assert table(found, "light") == [["light (unseen)", 66.67, 1], ["dark", 33.33, 0], ["odd, one", 0, 2]]
    assert path == folder / "My_cat_2_ids.png"
    with Image.open(path) as picture:
        assert picture.mode == "L"
        ids = np.array(picture)
    assert ids.shape == (20, 30)
    assert not ids[:, :9].any()
    assert (ids[:, 11:] == 1).all()
    assert found.photo is not None
    assert found.photo.shape == (20, 30, 3)


def test_the_same_question_has_the_same_answer(segmenter: Segmenter, folder: Path, tmp_path: Path) -> None:
    photo = halves(tmp_path / "upload")
    (first, _), (second, _) = (ask(segmenter, folder, photo) for _ in range(2))
    assert np.array_equal(first.labels, second.labels)


def test_none_of_these(segmenter: Segmenter, folder: Path, tmp_path: Path) -> None:
    photo = halves(tmp_path / "upload")
    found, ids = ask(segmenter, folder, photo, text="dark", threshold=0.5)
    assert table(found) == [["dark", 33.33, 0], [NONE_OF_THESE, 66.67, 255]]
    with Image.open(ids) as picture:
        assert set(np.unique(np.array(picture))) == {0, 255}
    competed, _ = ask(segmenter, folder, photo, text="dark", compete=True)
    assert np.array_equal(competed.labels, found.labels), "light, the model's own, is better there"
    both = ask(segmenter, folder, photo, compete=True)[0], ask(segmenter, folder, photo)[0]
    assert np.array_equal(both[0].labels, both[1].labels), "none is left"
    assert len(table(ask(segmenter, folder, photo, text="dark")[0])) == 1, "without a threshold each pixel has a word"
    with pytest.raises(ValueError, match=r"threshold: got 1\.5"):
        ask(segmenter, folder, photo, threshold=1.5)


def test_beside_256_words_none_of_these_has_a_free_id(segmenter: Segmenter, folder: Path, tmp_path: Path) -> None:
    names = ["dark", *(f"w{i}" for i in range(255))]
    vectors = torch.zeros(256, 3)
    vectors[0, 0] = 1
    many = Segmenter(segmenter.student, names, vectors)
    found, ids = ask(many, folder, halves(tmp_path / "upload"), text=", ".join(names), threshold=0.5)
    with Image.open(ids) as picture:
        assert set(np.unique(np.array(picture))) == {0, 65535}
    assert table(found)[-1][2] == 65535


def test_masks_cover_each_pixel_once_in_the_colours_of_the_words() -> None:
    labels = np.random.default_rng(0).choice([NONE, 0, 2], size=(30, 40))
    photo = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    picture, masks, colours, rows = shown(Segmentation(labels, ("cat", "dog", "sky"), photo=photo), ("sky",), 100)
    assert np.array_equal(np.asarray(picture), photo)
    assert {label for _, label in masks} == {"cat", "sky (unseen)", NONE_OF_THESE}, "no mask of an absent word"
    assert [label for _, label in masks] == [row[0] for row in rows if row[1]]
    total = sum((mask > 0).astype(int) for mask, _ in masks)
    assert (total == 1).all()
    by_label = {label: mask for mask, label in masks}
    for word, value in (("cat", 0), ("sky (unseen)", 2), (NONE_OF_THESE, NONE)):
        assert np.array_equal(by_label[word] > 0, labels == value)
        assert by_label[word].max() < 1
    drawn = {label: tuple(bytes.fromhex(colour[1:])) for label, colour in colours.items()}
    expected = map(tuple, class_colours(["cat", "dog", "sky"]).tolist())
    assert drawn == dict(zip(("cat", "dog", "sky (unseen)"), expected, strict=True)) | {NONE_OF_THESE: IGNORE_COLOUR}
    assert sum(float(row[1]) for row in rows) == pytest.approx(100, abs=0.05)


@pytest.mark.parametrize(
    ("size", "expected"), [((60, 80), (60, 80)), ((400, 200), (100, 50)), ((1, 5000), (1, 100)), ((1, 1), (1, 1))]
)
def test_large_photos_are_made_smaller_and_ids_are_never_mixed(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    labels = np.random.default_rng(0).choice([0, 2], size=size)
    photo = np.zeros((*size, 3), dtype=np.uint8)
    picture, masks, *_ = shown(Segmentation(labels, ("cat", "dog", "sky"), photo=photo), (), 100)
    assert picture.size[::-1] == expected
    assert all(mask.shape == expected for mask, _ in masks)
    assert (sum((mask > 0).astype(int) for mask, _ in masks) == 1).all()
    assert {label for _, label in masks} <= {"cat", "sky"}


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "LA", "I;16"])
def test_modes(segmenter: Segmenter, folder: Path, tmp_path: Path, mode: str) -> None:
    if mode == "I;16":
        deep = np.zeros((20, 30), np.uint16)
        deep[:, 10:] = 65535
        path = tmp_path / "upload.png"
        Image.fromarray(deep).save(path)
    else:
        path = halves(tmp_path / "upload.png", mode)
    assert ask(segmenter, folder, path)[0].areas["light"] == pytest.approx(2 / 3, abs=0.01)


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1)])
def test_odd_sizes(segmenter: Segmenter, folder: Path, tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "upload.png"
    Image.new("RGB", size, "white").save(path)
    found, ids = ask(segmenter, folder, path)
    assert table(found)[0][0] == "light"
    with Image.open(ids) as picture:
        assert picture.size == size


def broken(kind: str) -> bytes:
    """Bytes of a file that is no photo, or only half of one."""
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)).save(buffer, "PNG")
    whole = buffer.getvalue()
    return {
        "empty": b"",
        "text": b"no photo",
        "html": b"<svg onload=alert(1)>",
        "half": whole[: len(whole) // 2],
        "head": whole[:30],
        "zeros": bytes(2000),
    }[kind]


@pytest.mark.parametrize("kind", ["empty", "text", "html", "half", "head", "zeros"])
def test_an_unreadable_photo_is_named_as_the_visitor_named_it(
    segmenter: Segmenter, folder: Path, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "upload.png"
    path.write_bytes(broken(kind))
    with pytest.raises(ValueError, match=r"Photo: holiday\.png: cannot be read") as error:
        ask(segmenter, folder, path, name="holiday.png")
    assert str(tmp_path) not in str(error.value), "no path of this machine"
    assert not list(folder.iterdir())


def test_what_is_no_file(segmenter: Segmenter, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Photo: got none"):
        ask(segmenter, folder, None)
    for path in (tmp_path, Path("/dev/null")):
        with pytest.raises(ValueError, match=r"Photo: cat\.png: cannot be read"):
            ask(segmenter, folder, path)
    for path in (tmp_path / "missing", Path("https://example.org/cat.png"), Path("a\0b")):
        with pytest.raises(ValueError, match=r"Photo: cat\.png is no longer here"):
            ask(segmenter, folder, path)


def test_a_photo_of_too_many_pixels_is_not_decoded(segmenter: Segmenter, folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "upload.png"
    Image.new("L", (101, 100)).save(path)
    with pytest.raises(ValueError, match=r"cat\.png: got 101x100 \(width x height\).* expected at most 10000") as error:
        ask(segmenter, folder, path)
    assert str(tmp_path) not in str(error.value)
    path.write_bytes(bomb(30_000))
    with pytest.raises(ValueError, match=r"Photo: cat\.png: got 30000x30000 .*, expected at most 10000\."):
        ask(segmenter, folder, path)
    Image.new("L", (100, 100)).save(path)
    ask(segmenter, folder, path)


def bomb(side: int) -> bytes:
    """A PNG of some hundred bytes whose header promises a huge picture."""
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0),
        b"IDAT": zlib.compress(bytes(99)),
        b"IEND": b"",
    }
    parts = [
        struct.pack(">I", len(c)) + name + c + struct.pack(">I", zlib.crc32(name + c)) for name, c in chunks.items()
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_words_are_read_before_the_photo(segmenter: Segmenter, folder: Path) -> None:
    with pytest.raises(ValueError, match="Words: got none"):
        ask(segmenter, folder, None, text=" ")


def test_a_model_without_a_text_tower_says_so(segmenter: Segmenter, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="“cat” is not one of the model's own words, and this model has no text tower"):
        ask(segmenter, folder, halves(tmp_path / "upload"), text="dark, cat")


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\photos\\cat.jpg", "cat"),
        ("..", "photo"),
        ("🐈.png", "photo"),
        ("猫.png", "猫"),
        ('a"><b>.png', "a_b"),
        ("x" * 300 + ".png", "x" * 60),
        (".png", "png"),
    ],
)
def test_the_ids_are_called_after_the_photo_and_stay_in_the_folder(
    segmenter: Segmenter, folder: Path, tmp_path: Path, name: str, stem: str
) -> None:
    _, ids = ask(segmenter, folder, halves(tmp_path / "upload"), name=name)
    assert ids == folder / f"{stem}_ids.png"
    assert ids.is_file()


def test_limits_are_positive() -> None:
    for field in ("megabytes", "megapixels", "words", "shown_side"):
        for value in (0, -1, float("nan")):
            with pytest.raises(ValueError, match=f"{field}: got {value}"):
                Limits(**{field: value})  # type: ignore[arg-type]
