"""Names of results: after the photos, none shared, none over a photo or another file, in any order."""

import itertools
import os
from pathlib import Path, PurePath

import numpy as np
import pytest
from PIL import Image

from clipteacher.cli.result_files import is_result, make_folder, result_files
from clipteacher.data.photo_search import FoundPhoto
from clipteacher.pictures import save_id_png, save_picture
from clipteacher.pictures.saving import MADE_BY, png_software


def names(*places: str, out: Path, folder: Path | None = None) -> dict[str, str]:
    """The overlay's path below `out` for each place."""
    photos = [FoundPhoto((folder or Path("photos")) / place, PurePath(place)) for place in places]
    results = result_files(photos, out)
    for drawn, ids in results:
        assert ids == drawn.with_name(f"{drawn.stem}_ids.png")
    return {place: drawn.relative_to(out).as_posix() for place, (drawn, _) in zip(places, results, strict=True)}


def test_after_the_photos(tmp_path: Path) -> None:
    assert names("cat.jpg", "sub/cat.jpg", "sub/old cat.v2.PNG", out=tmp_path) == {
        "cat.jpg": "cat.png",
        "sub/cat.jpg": "sub/cat.png",
        "sub/old cat.v2.PNG": "sub/old cat.v2.png",
    }


@pytest.mark.parametrize(
    "places",
    [
        ("a.jpg", "a.png", "b.jpg"),
        ("a.jpg", "a.png", "a.jpg.png", "a.png.jpg"),
        ("a.jpg", "a_ids.png", "a_ids_ids.tif"),
        ("a.jpg", "A.JPG", "a.Jpg"),
        ("\u00fc.jpg", "u\u0308.jpg"),
        ("a.jpg", "a.png/b.jpg", "a.jpg.png/b.jpg"),
        ("l" * 251 + ".jpg", "l" * 250 + "m.jpg", "é" * 120 + ".jpg", "\udcff" * 240 + ".jpg"),
    ],
    ids=["stem", "suffixes", "ids", "case", "unicode", "folder", "long"],
)
def test_no_file_is_shared_whatever_the_order(places: tuple[str, ...], tmp_path: Path) -> None:
    found = names(*places, out=tmp_path)
    for order in itertools.permutations(places):
        assert names(*order, out=tmp_path) == found
    files = [each for name in found.values() for each in (name, f"{name[:-4]}_ids.png")]
    assert len({each.casefold() for each in files}) == 2 * len(places)
    assert not {str(above) for each in files for above in PurePath(each).parents} & set(files)
    assert max(len(os.fsencode(PurePath(each).name)) for each in files) <= 232


def test_suffixes_stay_where_stems_are_shared(tmp_path: Path) -> None:
    assert names("a.jpg", "a.png", "b.jpg", out=tmp_path) == {
        "a.jpg": "a.jpg.png",
        "a.png": "a.png.png",
        "b.jpg": "b.png",
    }
    numbered = names("a.jpg", "A.jpg", out=tmp_path)
    assert numbered["a.jpg"].startswith("a.jpg-")
    assert numbered["A.jpg"].startswith("A.jpg-")


def test_no_photo_is_written_over(tmp_path: Path) -> None:
    for name in ("a.png", "b.jpg"):
        Image.new("RGB", (2, 2)).save(tmp_path / name)
    assert names("a.png", "b.jpg", out=tmp_path, folder=tmp_path) == {"a.png": "a.png.png", "b.jpg": "b.png"}
    (tmp_path / "linked").symlink_to(tmp_path)
    assert names("a.png", out=tmp_path / "linked", folder=tmp_path) == {"a.png": "a.png.png"}
    with pytest.raises(ValueError, match=r"out: .*a\.png would be written over.*Name another --out"):
        names("a.jpg", out=tmp_path)  # a.png is there, and was not named


def test_what_is_no_result_stays(tmp_path: Path) -> None:
    save_picture(Image.new("RGB", (2, 2)), tmp_path / "a.png", software=MADE_BY)
    save_id_png(np.zeros((2, 2), np.uint8), tmp_path / "a_ids.png", software=MADE_BY)
    assert names("a.jpg", out=tmp_path) == {"a.jpg": "a.png"}, "results are replaced"
    (tmp_path / "b.png").mkdir()
    with pytest.raises(ValueError, match=r"b\.png would be written over"):
        names("b.jpg", out=tmp_path)
    (tmp_path / "c_ids.png").symlink_to(tmp_path / "a_ids.png")
    with pytest.raises(ValueError, match=r"c_ids\.png would be written over"):
        names("c.jpg", out=tmp_path)


def test_results_are_known_by_what_they_say_of_themselves(tmp_path: Path) -> None:
    save_picture(Image.new("RGB", (2, 2)), tmp_path / "a.png", software=MADE_BY)
    assert is_result(tmp_path / "a.png")
    save_picture(Image.new("RGB", (2, 2)), tmp_path / "b.png")
    assert not is_result(tmp_path / "b.png")
    assert not is_result(tmp_path / "none.png")
    os.mkfifo(tmp_path / "pipe.png")
    assert not is_result(tmp_path / "pipe.png")


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"\x89PNG\r\n\x1a\n\xff\xff\xff\xfftEXt", b"GIF89a"])
def test_a_damaged_png_names_no_software(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(content)
    assert png_software(tmp_path / "a.png") is None


def test_other_text_in_a_png(tmp_path: Path) -> None:
    save_picture(Image.new("RGB", (2, 2)), tmp_path / "a.png", software="another")
    assert png_software(tmp_path / "a.png") == "another"
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.info == {"Software": "another"}


def test_folders_to_write_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_folder("out", tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    make_folder("areas", None)
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"out: got .*c, but .*file is a file\. Name another --out"):
        make_folder("out", tmp_path / "file" / "c")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(ValueError, match=r"out: .*new may not be written to"):
        make_folder("out", tmp_path / "new")
    assert not (tmp_path / "new").exists()
