"""One press of the button without the page: photo and words in, picture, legend and ids out; bad input says why."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from clipteacher.app.answer import Answer, Question, answered
from clipteacher.app.limits import Limits
from clipteacher.segmenter.segmentation import NONE
from clipteacher.segmenter.segmenter import Segmenter

LIMITS = Limits(megapixels=0.01, words=300, letters=30)
OWN = "dark; light; odd, one"


def halves(path: Path, mode: str = "RGB") -> Path:
    """Draw a photo whose left third is black and whose rest is white, 30 wide and 20 high."""
    pixels = np.zeros((20, 30), np.uint8)
    pixels[:, 10:] = 255
    Image.fromarray(pixels).convert(mode).save(path, "PNG")
    return path


def ask(segmenter: Segmenter, folder: Path, file: Path | None, text: str = OWN, **more: object) -> Answer:
    question = Question(file, str(more.pop("name", "cat.png")), text, **more)  # type: ignore[arg-type]
    return answered(segmenter, question, LIMITS, folder)


def test_an_answer(segmenter: Segmenter, folder: Path, tmp_path: Path) -> None:
    answer = ask(segmenter, folder, halves(tmp_path / "upload"), name="My cat (2).png")
    assert [(row.word, round(row.share, 3), row.unseen) for row in answer.rows] == [
        ("light", 0.667, True),
        ("dark", 0.333, False),
        ("odd, one", 0, False),
    ]
    assert answer.summary == "2 of 3 words found in 30 x 20 pixels."
    assert answer.ids == folder / "My_cat_2_ids.png"
    with Image.open(answer.ids) as picture:
        assert picture.mode == "L"
        ids = np.array(picture)
    assert ids.shape == (20, 30)
    assert not ids[:, :9].any()
    assert (ids[:, 11:] == 1).all()
    assert answer.view.photo.shape[:2] == answer.view.labels.shape == (20 * 26, 30 * 26)


def test_the_same_question_has_the_same_answer(segmenter: Segmenter, folder: Path, tmp_path: Path) -> None:
    photo = halves(tmp_path / "upload")
    first, second = (ask(segmenter, folder, photo) for _ in range(2))
    assert first.rows == second.rows
    assert np.array_equal(first.view.labels, second.view.labels)
    assert np.array_equal(first.view.photo, second.view.photo)


def test_none_of_these(segmenter: Segmenter, folder: Path, tmp_path: Path) -> None:
    photo = halves(tmp_path / "upload")
    answer = ask(segmenter, folder, photo, text="dark", threshold=0.5)
    assert [(row.word, row.number, round(row.share, 3)) for row in answer.rows] == [
        ("dark", 0, 0.333),
        (None, 255, 0.667),
    ]
    assert set(np.unique(answer.view.labels)) == {NONE, 0}
    with Image.open(answer.ids) as picture:
        assert set(np.unique(np.array(picture))) == {0, 255}
    competed = ask(segmenter, folder, photo, text="dark", compete=True)
    assert competed.rows == answer.rows, "light, the model's own, is better there"
    assert ask(segmenter, folder, photo, compete=True).rows == ask(segmenter, folder, photo).rows, "none is left"
    assert len(ask(segmenter, folder, photo, text="dark").rows) == 1, "without a threshold each pixel has a word"
    with pytest.raises(ValueError, match=r"threshold: got 1\.5"):
        ask(segmenter, folder, photo, threshold=1.5)


def test_beside_256_words_none_of_these_has_a_free_id(segmenter: Segmenter, folder: Path, tmp_path: Path) -> None:
    names = ["dark", *(f"w{i}" for i in range(255))]
    vectors = torch.zeros(256, 3)
    vectors[0, 0] = 1
    many = Segmenter(segmenter.student, names, vectors)
    answer = ask(many, folder, halves(tmp_path / "upload"), text=", ".join(names), threshold=0.5)
    with Image.open(answer.ids) as picture:
        assert set(np.unique(np.array(picture))) == {0, 65535}
    assert answer.rows[-1].number == 65535


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "LA", "I;16"])
def test_modes(segmenter: Segmenter, folder: Path, tmp_path: Path, mode: str) -> None:
    if mode == "I;16":
        deep = np.zeros((20, 30), np.uint16)
        deep[:, 10:] = 65535
        path = tmp_path / "upload.png"
        Image.fromarray(deep).save(path)
    else:
        path = halves(tmp_path / "upload.png", mode)
    assert {row.word: round(row.share, 2) for row in ask(segmenter, folder, path).rows}["light"] == 0.67


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1)])
def test_odd_sizes(segmenter: Segmenter, folder: Path, tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "upload.png"
    Image.new("RGB", size, "white").save(path)
    answer = ask(segmenter, folder, path)
    assert answer.rows[0].word == "light"
    assert max(answer.view.labels.shape) <= LIMITS.shown_side
    with Image.open(answer.ids) as ids:
        assert ids.size == size


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
    with pytest.raises(ValueError, match="Photo: none given"):
        ask(segmenter, folder, None)
    for path in (tmp_path, Path("/dev/null")):
        with pytest.raises(ValueError, match=r"Photo: cat\.png: cannot be read"):
            ask(segmenter, folder, path)
    for path in (tmp_path / "missing", Path("https://example.org/cat.png"), Path("a\0b")):
        with pytest.raises(ValueError, match=r"Photo: cat\.png is not here any more"):
            ask(segmenter, folder, path)


def test_a_photo_of_too_many_pixels_is_not_decoded(segmenter: Segmenter, folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "upload.png"
    Image.new("L", (101, 100)).save(path)
    with pytest.raises(ValueError, match=r"cat\.png has 101 x 100 pixels.* at most 0\.01 million") as error:
        ask(segmenter, folder, path)
    assert str(tmp_path) not in str(error.value)
    path.write_bytes(bomb(30_000))
    with pytest.raises(ValueError, match=r"Photo: cat\.png: cannot be read"):
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
    with pytest.raises(ValueError, match="Words: none given"):
        ask(segmenter, folder, None, text=" ")


def test_a_model_without_a_text_tower_says_so(segmenter: Segmenter, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="“cat” is none of the model's own, and it came without a text tower"):
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
    ids = ask(segmenter, folder, halves(tmp_path / "upload"), name=name).ids
    assert ids == folder / f"{stem}_ids.png"
    assert ids.is_file()


def test_limits_must_let_something_through() -> None:
    for field in ("megabytes", "megapixels", "words", "shown_side"):
        for value in (0, -1, float("nan")):
            with pytest.raises(ValueError, match=f"{field}: got {value}"):
                Limits(**{field: value})  # type: ignore[arg-type]
