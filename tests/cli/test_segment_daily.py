"""`clipteacher segment` from day to day: folders of anything, the same command again, Ctrl-C, a full disk, names."""

import csv
import errno
import io
import json
import os
import re
import resource
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from clipteacher.cli.main import main
from clipteacher.protocols.protocol import TestPipeline
from clipteacher.segmenter.segmenter import Segmenter


@pytest.fixture
def photos(trained: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory with photos/: four drawn scenes, one of them in a subfolder, and a text file."""
    monkeypatch.chdir(tmp_path)
    folder = Path("photos")
    (folder / "sub").mkdir(parents=True)
    for number, name in enumerate(("a.png", "b.png", "sub/c.png", "d.png")):
        shutil.copy(trained[1] / "images" / "val" / f"scene{number % 3}.png", folder / name)
    (folder / "notes.txt").write_text("no photo")
    return folder


def segment(trained: tuple[Path, Path], *arguments: str | Path) -> None:
    main(["segment", "--model", str(trained[0] / "model"), *map(str, arguments)])


def ends(capsys: pytest.CaptureFixture[str], status: int, *arguments: Any) -> str:  # noqa: ANN401 (as `segment`)
    """Run the command to its early end; what it printed on stderr, without the bar."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        segment(*arguments)
    assert stop.value.code == status
    return "".join(line for line in capsys.readouterr().err.splitlines(True) if "Segmenting" not in line)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(each.relative_to(folder)): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


def check_whole(folder: Path) -> list[str]:
    """Check that every picture in a folder can be read; returns their names."""
    for each in folder.rglob("*.png"):
        with Image.open(each) as picture:
            picture.load()
    return sorted(str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file())


PAIRS = ["a.png", "a_ids.png", "b.png", "b_ids.png", "d.png", "d_ids.png", "sub/c.png", "sub/c_ids.png"]


@pytest.mark.parametrize("out", ["out", "photos/out", "photos"])
def test_the_same_command_again(
    out: str, trained: tuple[Path, Path], photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(photos)
    segment(trained, photos, "--out", out)
    first = capsys.readouterr().out
    results = [name.replace(".png", ".png.png").replace("_ids.png.png", ".png_ids.png") for name in PAIRS]
    expected = sorted([*before, *results]) if out == "photos" else PAIRS
    assert sorted(contents(Path(out))) == expected
    assert f"Written: 8 pictures in {out}" in first
    assert f"Left out: other kinds of files (1: {photos / 'notes.txt'})\n" in first
    written = contents(Path(out))
    segment(trained, photos, "--out", out)
    assert contents(Path(out)) == written
    assert contents(photos).items() >= before.items()
    second = capsys.readouterr().out
    assert "Written: 8 pictures" in second
    assert ("results of clipteacher segment (8, such as " in second) == (out == "photos")
    assert (f"the folder of results (1: {Path(out)})" in second) == (out == "photos/out")
    segment(trained, photos, "--out", "elsewhere")
    assert check_whole(Path("elsewhere")) == PAIRS, "results in another folder are no photos either"


def drawn(trained: tuple[Path, Path]) -> Image.Image:
    with Image.open(trained[1] / "images" / "val" / "scene0.png") as picture:
        return picture.convert("RGB")


def test_two_photos_of_one_stem_and_a_damaged_one(
    trained: tuple[Path, Path], photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn(trained).rotate(180).save(photos / "a.bmp")
    (photos / "a.jpg").write_bytes((photos / "a.png").read_bytes()[:300])
    said = ends(capsys, 1, trained, photos, "--out", "out", "--areas", "out/areas.csv")
    assert said.startswith("clipteacher: error: 1 of 6 photos could not be read:\n  photos/a.jpg: cannot be read (")
    assert {"a.bmp.png", "a.png.png", "a.png_ids.png"} < set(check_whole(Path("out")))
    assert not Path("out/a.png").exists()
    with Image.open("out/a.bmp_ids.png") as turned, Image.open("out/a.png_ids.png") as upright:
        assert not np.array_equal(np.array(turned), np.array(upright))
    rows = list(csv.reader(Path("out/areas.csv").read_text(encoding="utf-8").splitlines()))
    assert [row[0] for row in rows[1:]] == [
        f"photos/{name}" for name in ("a.bmp", "a.png", "b.png", "d.png", "sub/c.png")
    ]


def test_whatever_pillow_reads(trained: tuple[Path, Path], tmp_path: Path) -> None:
    folder, picture = tmp_path / "photos", drawn(trained)
    folder.mkdir()
    few = picture.quantize(200)
    deep = Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)
    exif = Image.Exif()
    exif[0x0112] = 6
    made: dict[str, Callable[[Path], object]] = {
        "plain.png": picture.save,
        "w.WEBP": lambda path: picture.save(path, lossless=True),
        "t.tiff": picture.save,
        "m.ppm": picture.save,
        "q.tga": picture.save,
        "opaque.png": picture.convert("RGBA").save,
        "j.jfif": lambda path: picture.save(path, "JPEG"),
        "UP.JPG": lambda path: picture.save(path, "JPEG"),
        "c.jpg": picture.convert("CMYK").save,
        "turned.jpg": lambda path: picture.save(path, exif=exif),
        "few.png": few.save,
        "few2.gif": lambda path: few.save(path, save_all=True, append_images=[few.rotate(180), few]),
        "holes.png": lambda path: few.save(path, transparency=bytes(range(200))),
        "deep.png": deep.save,
        "grey.png": picture.convert("L").save,
        "dot.png": picture.resize((1, 1)).save,
        "tall.png": picture.resize((1, 3000)).save,
        "wide.png": picture.resize((3000, 1)).save,
    }
    if ".avif" in Image.registered_extensions():
        made["a.avif"] = picture.save
    for name, save in made.items():
        save(folder / name)
    segment(trained, folder, "--out", tmp_path / "out")
    ids = {}
    for name in made:
        with Image.open(tmp_path / "out" / f"{Path(name).stem}_ids.png") as found:
            ids[name] = np.array(found)
    for name in ("w.WEBP", "t.tiff", "m.ppm", "q.tga", "opaque.png"):
        assert np.array_equal(ids[name], ids["plain.png"]), name
    assert np.array_equal(ids["few2.gif"], ids["few.png"]), "of an animation the first frame"
    assert np.array_equal(ids["deep.png"], ids["grey.png"])
    assert len(np.unique(ids["plain.png"])) > 1
    size = picture.height, picture.width
    sides = {"turned.jpg": size[::-1], "dot.png": (1, 1), "tall.png": (3000, 1), "wide.png": (1, 3000)}
    for name, each in ids.items():
        assert each.shape == sides.get(name, size), name


def half_a_picture(patch: pytest.MonkeyPatch, number: int, error: Callable[[str], BaseException]) -> None:
    """Of the pictures to be saved, write half of the one of this number, and raise what `error` makes of its path."""
    save, count = Image.Image.save, iter(range(99))

    def stop(picture: Image.Image, path: Path, **options: Any) -> None:  # noqa: ANN401 (Pillow's)
        if next(count) == number:
            Path(path).write_bytes(b"half")
            raise error(str(path))
        save(picture, path, **options)

    patch.setattr(Image.Image, "save", stop)


def written_pairs(out: Path, when: int) -> int:
    """Check what lies there after the picture of this number stopped it, with two photos side by side.

    Returns:
        The pictures of the photos that have both of theirs.
    """
    files = check_whole(out)
    assert when <= len(files) < len(PAIRS), "what is begun is ended, and not all is begun"
    return sum(2 for name in files if name.replace(".png", "_ids.png") in files)


@pytest.mark.parametrize("when", [0, 1, 2, 5])
def test_ctrl_c(
    when: int,
    trained: tuple[Path, Path],
    photos: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("areas.csv").write_text("photo,of before,none of these")
    half_a_picture(monkeypatch, when, lambda _: KeyboardInterrupt())
    said = ends(capsys, 130, trained, photos, "--out", "out", "--areas", "areas.csv")
    written = written_pairs(Path("out"), when)
    assert said == f"clipteacher: stopped. Written: {written} pictures in out, each whole; areas.csv is not.\n"
    assert Path("areas.csv").read_text() == "photo,of before,none of these"


def test_ctrl_c_before_the_first_photo(
    trained: tuple[Path, Path], photos: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Segmenter, "from_pretrained", stop)
    assert ends(capsys, 130, trained, photos, "--out", "out") == "clipteacher: stopped.\n"
    assert not Path("out").exists()


@pytest.mark.parametrize("named", [True, False])
def test_a_full_disk(
    named: bool,
    trained: tuple[Path, Path],
    photos: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(path: str) -> OSError:
        return OSError(errno.ENOSPC, "No space left on device", *([path] if named else []))

    with monkeypatch.context() as patch:
        half_a_picture(patch, 3, full)
        said = ends(capsys, 1, trained, photos, "--out", "out", "--areas", "a.json")
    written = written_pairs(Path("out"), 3)
    assert re.fullmatch(
        r"clipteacher: error: \[Errno 28\] No space left on device: 'out/\w+\.png'\. The disk is full: free some "
        rf"room\. Written: {written} pictures in out, each whole; a\.json is not\.\n",
        said,
    )
    segment(trained, photos, "--out", "out")
    assert check_whole(Path("out")) == PAIRS


def test_a_limit_that_the_system_sets(
    trained: tuple[Path, Path], photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No stand-in: the system refuses to write further, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        said = ends(capsys, 1, trained, photos, "--out", "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert re.search(r"File too large: 'out/[ab]\.png'\. The file is larger than the system allows", said)
    assert said.endswith(" Written: 0 pictures in out, each whole.\n")
    assert not contents(Path("out"))


def test_a_photo_too_large_for_the_memory_does_not_stop_the_others(
    trained: tuple[Path, Path], photos: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Segmenter.segment_batch
    errors: list[Exception] = [RuntimeError("can't allocate memory: you tried"), MemoryError()]
    errors += [torch.OutOfMemoryError("CUDA out of memory. Tried to"), RuntimeError("sizes do not match")]
    short_of = [0, 1]  # brightness decides who has no memory, whatever the order

    def short(self: Segmenter, photos: Any, **options: Any) -> Any:  # noqa: ANN401 (as `segment_batch`)
        (photo,) = photos
        if photo[0, 0, 0] in short_of:
            raise errors[int(photo[0, 0, 0])]
        return whole(self, photos, **options)

    for number, name in enumerate(("a.png", "b.png", "d.png", "sub/c.png")):
        pixels = np.array(drawn(trained))
        pixels[0, 0] = number
        Image.fromarray(pixels).save(photos / name)
    monkeypatch.setattr(Segmenter, "segment_batch", short)
    said = ends(capsys, 1, trained, photos, "--out", "out")
    assert "2 of 4 photos could not be read" in said
    for name in ("a.png", "b.png"):
        assert f"  photos/{name}: too large for the memory that is free. Make it smaller" in said
    assert check_whole(Path("out")) == PAIRS[4:]
    short_of[:] = [2]
    assert "1 of 4 photos could not be read:\n  photos/d.png: too large" in ends(
        capsys, 1, trained, photos, "--out", "out"
    )
    short_of[:] = [3]
    with pytest.raises(RuntimeError, match="sizes do not match"):
        segment(trained, photos, "--out", "out")


def test_large_photos_are_seen_smaller_and_told_of(
    trained: tuple[Path, Path], photos: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clipteacher.inference.placement.MOST_PIXELS", 6400)
    drawn(trained).resize((180, 140)).save(photos / "b.png")
    segment(trained, photos, "--out", "out")
    printed = capsys.readouterr().out
    assert printed.count("Large: ") == 1
    assert "Large: 1 photo, photos/b.png (180x140 seen as 90x70); the ids have the photo's own size\n" in printed
    with Image.open("out/b_ids.png") as found, Image.open(photos / "b.png") as photo:
        model = Segmenter.from_pretrained(trained[0] / "model")
        seen_smaller = model.with_settings(pipeline=TestPipeline(short_side=70, mode="whole")).segment(photo)
        assert np.array_equal(np.array(found), seen_smaller.labels)


def test_names_that_a_terminal_would_obey_or_cannot_show(
    trained: tuple[Path, Path], photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.rename(photos / "a.png", os.fsencode(photos) + b"/\xff.png")
    os.rename(photos / "b.png", os.fsencode(photos) + b"/\xfe.png")
    (photos / "d.png").rename(photos / "\x1b[31m\u202e\n😀.png")
    (photos / "x\nclipteacher: error: \x1b.jpg").write_bytes(b"")
    (photos / "y\x1b.txt").write_bytes(b"")
    out = Path("o\x1b")
    said = ends(capsys, 1, trained, photos, "--out", out, "--areas", "a.json")
    assert "  photos/x\\nclipteacher: error: \\x1b.jpg: cannot be read: the file is empty" in said
    assert len(said.splitlines()) == 2
    areas = json.loads(Path("a.json").read_text(encoding="utf-8"))
    assert list(areas) == ["photos/\x1b[31m\u202e\n😀.png", "photos/\\xfe.png", "photos/\\xff.png", "photos/sub/c.png"]
    assert len(check_whole(out)) == 8
    (photos / "x\nclipteacher: error: \x1b.jpg").unlink()
    segment(trained, photos, "--out", out, "--areas", "a.csv")
    printed = capsys.readouterr().out
    assert "Written: 8 pictures in o\\x1b\n" in printed
    assert "\x1b" not in printed
    assert len(list(csv.reader(io.StringIO(Path("a.csv").read_text(encoding="utf-8"))))) == 5


def test_what_is_typed(
    trained: tuple[Path, Path], photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    shutil.copytree(trained[0] / "model", "run/model")
    shutil.copy(photos / "a.png", "--help.jpg")
    places = ("--out=~/out", "--areas=~/new/areas.csv", "--model=~/run", "--device=auto")
    main(["segment", "./--help.jpg", *places])
    assert sorted(contents(tmp_path / "out")) == ["--help.png", "--help_ids.png"]
    assert (tmp_path / "new" / "areas.csv").is_file()
    main(["segment", *places, "--", "--help.jpg", "~/photos/d.png"])
    assert sorted(contents(tmp_path / "out")) == ["--help.png", "--help_ids.png", "d.png", "d_ids.png"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--model", "run/checkpoints/last.ckpt"],
            r"a checkpoint, from which training goes on; .*Did you mean run/mod",
        ),
        (["--model", "run/modle"], "model: no folder run/modle; expected .*Did you mean run/model?"),
        (["--onnx", "run/model"], "onnx: got run/model, a folder; .*--model"),
        (["--model", "run", "--out", "photos/a.png"], "out: got photos/a.png, but photos/a.png is a file"),
        (
            ["--model", "run", "--areas", "photos/a.png/t.csv"],
            "areas: got photos/a.png/t.csv, but photos/a.png is a file",
        ),
    ],
)
def test_wrong_paths_are_one_message_and_nothing_is_written(
    arguments: list[str],
    said: str,
    trained: tuple[Path, Path],
    photos: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(trained[0] / "model", "run/model")
    Path("run/checkpoints").mkdir()
    Path("run/checkpoints/last.ckpt").write_text("")
    before = contents(Path())
    with pytest.raises(SystemExit) as stop:
        main(["segment", "photos", "--out", "photos/out", *arguments])
    assert stop.value.code == 2
    err = capsys.readouterr().err
    first, *rest = said.split(".*")
    assert first in err
    assert all(each in err for each in rest)
    assert "hub" not in err.lower()
    assert len(err.splitlines()) == 1
    assert contents(Path()) == before
