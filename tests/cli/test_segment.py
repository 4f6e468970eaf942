"""`clipteacher segment` on a finished run: an overlay and ids for each photo, names of one's choice, bad input."""

import csv
import io
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import rich
import torch
from numpy.typing import NDArray
from PIL import Image

from clipteacher.cli.main import main
from clipteacher.data.files import read_image
from clipteacher.segmenter.segmentation import NONE
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.teachers.openclip import OpenClipText

NAMES = ["sky", "grass", "sun", "house"]


def segment(run: Path, out: Path, *arguments: str | Path) -> None:
    main(["segment", "--model", str(run / "model"), "--out", str(out), *map(str, arguments)])


def fails(
    capsys: pytest.CaptureFixture[str], run: Path, out: Path, *arguments: str | Path, model: str | None = None
) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main(["segment", "--model", model or str(run / "model"), "--out", str(out), *map(str, arguments)])
    assert stop.value.code == 2
    printed, err = capsys.readouterr()
    assert "Written" not in printed
    assert err.count("clipteacher: error: ") == 1
    return err


def fails_in_part(capsys: pytest.CaptureFixture[str], run: Path, out: Path, *arguments: str | Path) -> tuple[str, str]:
    """What is printed where some photos cannot be read: on stdout, on stderr."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        segment(run, out, *arguments)
    assert stop.value.code == 1
    printed, err = capsys.readouterr()
    return printed, err


def read_ids(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as picture:
        assert picture.mode == "L"
        return np.array(picture)


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def photos(trained: tuple[Path, Path], tmp_path: Path) -> list[Path]:
    """Three photos of one folder, the last a JPEG of odd sides."""
    source, folder = trained[1] / "images" / "val", tmp_path / "photos"
    folder.mkdir()
    for name in ("scene0.png", "scene1.png"):
        shutil.copy(source / name, folder / name)
    with Image.open(source / "scene2.png") as picture:
        picture.resize((101, 67)).save(folder / "farm.JPG", format="JPEG")
    (folder / "notes.txt").write_text("no photo")
    return [folder / "scene0.png", folder / "scene1.png", folder / "farm.JPG"]


def test_one_photo(trained: tuple[Path, Path], photos: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    segment(trained[0], out, photos[0])
    assert listing(out) == ["scene0.png", "scene0_ids.png"]
    pixels, ids = read_image(photos[0]), read_ids(out / "scene0_ids.png")
    image = torch.from_numpy(pixels).permute(2, 0, 1).float() / 255
    assert np.array_equal(ids, Segmenter.from_pretrained(trained[0] / "model").segment(image).labels)
    assert ids.shape == pixels.shape[:2]
    assert len(np.unique(ids)) > 1
    assert ids.max() < len(NAMES)
    with Image.open(out / "scene0.png") as overlay:
        assert overlay.width >= pixels.shape[1]
        assert overlay.height > pixels.shape[0], "the legend lies beneath"
        painted = np.array(overlay.convert("RGB"))[: pixels.shape[0], : pixels.shape[1]]
    assert not np.array_equal(painted, pixels)


def test_several_photos_and_what_is_printed(
    trained: tuple[Path, Path], photos: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    segment(trained[0], tmp_path / "out", photos[2], photos[0])
    assert listing(tmp_path / "out") == ["farm.png", "farm_ids.png", "scene0.png", "scene0_ids.png"]
    assert read_ids(tmp_path / "out" / "farm_ids.png").shape == (67, 101)
    out = capsys.readouterr().out
    assert "Ids: 0 sky, 1 grass, 2 sun, 3 house" in out
    assert f"Written: 4 pictures in {tmp_path / 'out'}" in out


def test_a_folder_of_photos(trained: tuple[Path, Path], photos: list[Path], tmp_path: Path) -> None:
    segment(trained[0], tmp_path / "all", photos[0].parent)
    segment(trained[0], tmp_path / "each", *photos)
    expected = [f"{stem}{end}.png" for stem in ("farm", "scene0", "scene1") for end in ("", "_ids")]
    assert listing(tmp_path / "all") == listing(tmp_path / "each") == sorted(expected)
    for name in expected:
        assert (tmp_path / "all" / name).read_bytes() == (tmp_path / "each" / name).read_bytes(), name


def test_ids_follow_the_order_of_the_classes(
    trained: tuple[Path, Path], photos: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    segment(trained[0], tmp_path / "own", photos[0])
    capsys.readouterr()
    segment(trained[0], tmp_path / "turned", photos[0], "--classes", " house,sun ,  grass, sky")
    assert "Ids: 0 house, 1 sun, 2 grass, 3 sky" in capsys.readouterr().out
    segment(trained[0], tmp_path / "listed", photos[0], "--classes", "[house, sun, grass, sky]")
    assert "Ids: 0 house, 1 sun, 2 grass, 3 sky" in capsys.readouterr().out, "as evaluate takes names"
    own, turned = (read_ids(tmp_path / name / "scene0_ids.png") for name in ("own", "turned"))
    assert len(np.unique(own)) > 2
    assert np.array_equal(turned, 3 - own)


def test_free_words(
    trained: tuple[Path, Path], photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    encode = OpenClipText.encode_text

    def spy(self: OpenClipText, names: list[str]) -> torch.Tensor:
        asked.append(list(names))
        return encode(self, names)

    monkeypatch.setattr(OpenClipText, "encode_text", spy)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    segment(trained[0], tmp_path / "out", photos[0], "--classes", "sun, grass, red barn")
    assert asked == [["red barn"]]
    image = torch.from_numpy(read_image(photos[0])).permute(2, 0, 1).float() / 255
    other = Segmenter.from_pretrained(trained[0] / "model").with_names(["sun", "grass", "red barn"])
    ids = read_ids(tmp_path / "out" / "scene0_ids.png")
    assert np.array_equal(ids, other.segment(image).labels)
    assert set(np.unique(ids)) <= {0, 1, 2}
    assert 2 in ids, "the new word is predicted somewhere"


def test_names_of_the_models_own_need_no_text_tower(
    trained: tuple[Path, Path], photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: OpenClipText, *arguments: object, **options: object) -> None:
        raise AssertionError("a text tower was built")

    monkeypatch.setattr(OpenClipText, "__init__", refuse)
    segment(trained[0], tmp_path / "out", photos[0], "--classes", "grass")
    assert not read_ids(tmp_path / "out" / "scene0_ids.png").any()


def test_opacity(trained: tuple[Path, Path], photos: list[Path], tmp_path: Path) -> None:
    pixels = read_image(photos[0])
    segment(trained[0], tmp_path / "out", photos[0], "--opacity", "0")
    with Image.open(tmp_path / "out" / "scene0.png") as overlay:
        photo = np.array(overlay.convert("RGB"))[: pixels.shape[0], : pixels.shape[1]]
    assert np.array_equal(photo, pixels)


def test_a_second_run_writes_over_the_first(trained: tuple[Path, Path], photos: list[Path], tmp_path: Path) -> None:
    segment(trained[0], tmp_path / "out", photos[0], "--classes", "grass")
    segment(trained[0], tmp_path / "out", photos[0])
    assert read_ids(tmp_path / "out" / "scene0_ids.png").any()
    assert len(listing(tmp_path / "out")) == 2


def test_a_photo_that_cannot_be_read_is_passed_over_named_and_not_half_written(
    trained: tuple[Path, Path], photos: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = photos[1].read_bytes()
    photos[1].write_bytes(whole[: len(whole) // 2])
    printed, err = fails_in_part(capsys, trained[0], tmp_path / "out", photos[1], photos[0])
    assert "1 of 2 photos could not be read" in err
    assert f"{photos[1]}: cannot be read" in err
    assert f"Written: 2 pictures in {tmp_path / 'out'}" in printed
    assert not rich.get_console()._live_stack, "the progress bar was left alive"
    assert listing(tmp_path / "out") == ["scene0.png", "scene0_ids.png"]
    for path in (tmp_path / "out").iterdir():
        with Image.open(path) as picture:
            picture.load()


def broken_photos(folder: Path) -> list[str]:
    """Seven photos that nobody can read; returns their names."""
    whole = io.BytesIO()
    Image.fromarray(np.full((40, 40, 3), 99, np.uint8)).save(whole, "PNG")
    (folder / "empty.png").write_bytes(b"")
    (folder / "cut.png").write_bytes(whole.getvalue()[:60])
    (folder / "page.jpg").write_text("<html>404 not found</html>")
    os.mkfifo(folder / "pipe.png")
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    Image.new("L", (300, 300)).save(folder / "large.png")
    Image.fromarray(np.full((4, 4), np.nan, np.float32)).save(folder / "nan.tif")
    return ["cut.png", "empty.png", "gone.png", "large.png", "nan.tif", "page.jpg", "pipe.png"]


def test_of_a_hundred_photos_all_that_can_be_read_are_written(
    trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "photos", tmp_path / "out"
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(93):
        Image.fromarray(random.integers(256, size=(9 + number % 5, 12, 3), dtype=np.uint8)).save(
            folder / f"photo{number:02}.png"
        )
    broken = broken_photos(folder)
    areas = tmp_path / "areas.csv"
    printed, err = fails_in_part(
        capsys,
        trained[0],
        out,
        folder,
        "--max_pixels",
        "10000",
        "--areas",
        areas,
        "--background_own",
        "--classes",
        "sun",
    )
    assert "Written: 186 pictures" in printed
    assert "7 of 100 photos could not be read" in err
    for name in broken:
        assert err.count(f"  {folder / name}: ") == 1, name
    assert listing(out) == sorted(f"photo{i:02}{end}.png" for i in range(93) for end in ("", "_ids"))
    rows = list(csv.reader(areas.open(encoding="utf-8")))
    assert rows[0] == ["photo", "sun", "none of these"]
    assert [row[0] for row in rows[1:]] == [str(folder / f"photo{i:02}.png") for i in range(93)]
    for row in rows[1:]:
        ids = read_ids(out / f"{Path(row[0]).stem}_ids.png")
        assert float(row[1]) == pytest.approx((ids == 0).mean(), abs=1e-6)
        assert float(row[2]) == pytest.approx((ids == 255).mean(), abs=1e-6)
        assert set(np.unique(ids)) <= {0, 255}


def test_where_no_photo_can_be_read(
    trained: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.png").write_bytes(b"")
    printed, err = fails_in_part(capsys, trained[0], tmp_path / "out", tmp_path / "empty.png")
    assert "1 of 1 photos" in err
    assert "Written: 0 pictures" in printed
    assert not list((tmp_path / "out").iterdir())


def test_none_of_these(
    trained: tuple[Path, Path], photos: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, model = trained[0], Segmenter.from_pretrained(trained[0] / "model")
    segment(run, tmp_path / "own", photos[0])
    own = read_ids(tmp_path / "own" / "scene0_ids.png")
    assert "none of these" not in capsys.readouterr().out
    segment(run, tmp_path / "one", photos[0], "--classes", "grass", "--background_prompts", "sky, sun, house")
    assert "Ids: 0 grass, 255 none of these" in capsys.readouterr().out
    assert np.array_equal(read_ids(tmp_path / "one" / "scene0_ids.png"), np.where(own == 1, 0, 255))
    segment(run, tmp_path / "two", photos[0], "--classes", "grass", "--background_own")
    assert np.array_equal(read_ids(tmp_path / "two" / "scene0_ids.png"), np.where(own == 1, 0, 255))
    segment(run, tmp_path / "least", photos[0], "--threshold", "0.5")
    labels = model.segment(photos[0], threshold=0.5).labels
    assert np.array_equal(read_ids(tmp_path / "least" / "scene0_ids.png"), np.where(labels == NONE, 255, labels))
    segment(run, tmp_path / "all", photos[0], "--threshold", "1", "--areas", tmp_path / "all" / "areas.json")
    assert (read_ids(tmp_path / "all" / "scene0_ids.png") == 255).all()
    areas = json.loads((tmp_path / "all" / "areas.json").read_text())
    assert areas == {str(photos[0]): {"areas": dict.fromkeys(NAMES, 0), "none": 1}}
    model.segment(photos[0], threshold=1).save(tmp_path / "same.png")
    with Image.open(tmp_path / "all" / "scene0.png") as drawn, Image.open(tmp_path / "same.png") as same:
        assert drawn.tobytes() == same.tobytes(), "hatched, as Python draws it"
        assert drawn.height > len(read_image(photos[0])), "the legend says that nothing is found"


def test_more_than_255_names_keep_their_ids_and_none_is_65535(
    trained: tuple[Path, Path], photos: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"w{number}" for number in range(300)]
    segment(trained[0], tmp_path / "out", photos[0], "--classes", ",".join(names), "--threshold", "0.5")
    assert "299 w299, 65535 none of these" in capsys.readouterr().out
    with Image.open(tmp_path / "out" / "scene0_ids.png") as picture:
        assert picture.mode == "I;16"
        ids = np.array(picture)
    assert 65535 in ids
    assert set(np.unique(ids)) <= {*range(300), 65535}


def test_words_that_yaml_reads_as_something_else_and_words_of_a_file(
    trained: tuple[Path, Path], photos: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "words.txt").write_text("grass\nold, red barn\nno\n")
    for typed, ids in (
        ("[no, 1]", "Ids: 0 no, 1 1\n"),
        ("null", "Ids: 0 null\n"),
        ("'sky; sea', sun", "Ids: 0 sky; sea, 1 sun\n"),
        (str(tmp_path / "words.txt"), "Ids: 0 grass, 1 old, red barn, 2 no\n"),
    ):
        segment(trained[0], tmp_path / "out", photos[0], "--classes", typed)
        out = capsys.readouterr().out
        assert ids in out
        assert ("3 words of" in out) == typed.endswith(".txt")


def test_odd_words_are_printed_so_that_no_terminal_obeys(
    trained: tuple[Path, Path], photos: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = "<b>cat</b>, 🐈‍⬛, =SUM(A1), {}"
    segment(trained[0], tmp_path / "out", photos[0], "--classes", words, "--areas", tmp_path / "areas.csv")
    out = capsys.readouterr().out
    assert "Ids: 0 <b>cat</b>, 1 🐈" in out
    assert next(csv.reader((tmp_path / "areas.csv").open(encoding="utf-8")))[1:4] == ["<b>cat</b>", "🐈‍⬛", "=SUM(A1)"]
    message = fails(capsys, trained[0], tmp_path / "no", photos[0], "--classes", "cat\x1b[31m")
    assert "control character '\\x1b'" in message
    assert "\x1b" not in message
    message = fails(capsys, trained[0], tmp_path / "no", photos[0], "--classes", "a\u202eb")
    assert "turns the direction of writing" in message
    assert "\u202e" not in message
    assert "longer than the text tower reads" in fails(
        capsys, trained[0], tmp_path / "no", photos[0], "--classes", "very " * 190 + "old chair"
    )
    assert not (tmp_path / "no").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--threshold", "1.5"], "threshold: got 1.5, expected a cosine"),
        (["--max_pixels", "0"], "max_pixels: got 0"),
        (["--background_prompts", "sky, sky"], "background_prompts: got 'sky' twice"),
        (["--classes", ""], "classes: got ()"),
        (["--areas", "areas.txt"], "expected a file .csv or .json"),
        (["--areas", "."], "expected a file .csv or .json"),
    ],
)
def test_wrong_options_stop_before_anything_is_written(
    trained: tuple[Path, Path],
    photos: list[Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    assert message in fails(capsys, trained[0], tmp_path / "out", photos[0], *arguments)
    assert not (tmp_path / "out").exists()


def test_a_model_of_the_hub_that_nobody_has(
    trained: tuple[Path, Path],
    photos: list[Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(hub_id: str, **options: object) -> str:
        raise OSError(f"no route to {hub_id}")

    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
    message = fails(capsys, trained[0], tmp_path / "out", photos[0], model="someone/model")
    assert "no folder someone/model here, and the hub gave no model of that id (OSError: no route" in message


def test_the_cache_of_words_can_be_turned_off(
    trained: tuple[Path, Path], photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    segment(trained[0], tmp_path / "out", photos[0], "--classes", "a mill", "--text_cache", "false")
    assert not (tmp_path / "cache").exists()
    segment(trained[0], tmp_path / "out", photos[0], "--classes", "a mill")
    assert len(list((tmp_path / "cache").rglob("*.safetensors"))) == 1


def test_wrong_input_ends_with_one_message_before_anything_is_written(
    trained: tuple[Path, Path], photos: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, out = trained[0], tmp_path / "out"
    message = fails(capsys, run, out, photos[0], tmp_path / "no.png")
    assert f"photo: got {tmp_path / 'no.png'}, no such file or folder" in message
    other = tmp_path / "elsewhere"
    other.mkdir()
    message = fails(capsys, run, out, other)
    assert f"got no photo in {other}" in message
    assert ".jpg" in message
    assert f"model: no folder {tmp_path / 'model'}" in fails(capsys, tmp_path, out, photos[0])
    assert f"model: no config.json in {other}, an empty folder" in fails(capsys, run, out, photos[0], model=str(other))
    for classes in ("", "sky, sky", "sky,, grass", "[sky", "'sky, grass", "words.txt"):
        assert "classes: got " in fails(capsys, run, out, photos[0], "--classes", classes)
    assert not out.exists()


def test_an_opacity_out_of_range(
    trained: tuple[Path, Path], photos: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "opacity: got 2.0" in fails(capsys, trained[0], tmp_path / "out", photos[0], "--opacity", "2")
    assert not (tmp_path / "out").exists()


def test_the_photos_themselves_are_never_written_over(
    trained: tuple[Path, Path], photos: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    before = photos[0].read_bytes()
    segment(trained[0], photos[0].parent, photos[0])
    assert photos[0].read_bytes() == before
    assert "scene0.png.png" in listing(photos[0].parent)
    other = photos[0].with_name("scene1.jpg")
    shutil.copy(photos[2], other)
    assert "scene1.png would be written over" in fails(capsys, trained[0], photos[0].parent, other)
    table = photos[0].with_name("scene.csv")
    photos[0].rename(table)
    message = fails(capsys, trained[0], photos[0].parent / "out", table, "--areas", table)
    assert "is one of the photos or pictures" in message
    assert table.read_bytes() == before


def test_hidden_files_are_no_photos(trained: tuple[Path, Path], photos: list[Path], tmp_path: Path) -> None:
    (photos[0].parent / "._scene0.png").write_bytes(b"a resource fork")
    segment(trained[0], tmp_path / "out", photos[0].parent)
    assert len(listing(tmp_path / "out")) == 6


@pytest.mark.parametrize(("out", "device"), [("a file", "cpu"), ("out", "gpu0")])
def test_an_out_and_a_device_that_cannot_be(
    trained: tuple[Path, Path],
    photos: list[Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    out: str,
    device: str,
) -> None:
    (tmp_path / "a file").write_text("")
    message = fails(capsys, trained[0], tmp_path / out, photos[0], "--device", device)
    assert "a file" in message or "gpu0" in message
