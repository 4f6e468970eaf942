"""Finding photos: subfolders, places, what is left out and why; a folder of anything ends and hangs nowhere."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path, PurePath

import pytest
from PIL import Image

from clipteacher.data.photo_search import HIDDEN, LINKS, OTHERS, OUT, RESULTS, FoundPhotos, described, find_photos


def photo(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 3)).save(path, "PNG")
    return path


def find(*paths: Path, out: Path = Path("out"), is_result: Callable[[Path], bool] = lambda path: False) -> FoundPhotos:
    return find_photos(paths, out, is_result)


def places(found: FoundPhotos) -> list[str]:
    return [each.place.as_posix() for each in found.photos]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with photos/ in it."""
    monkeypatch.chdir(tmp_path)
    for name in ("b.png", "a.JPG", "sub/deep/c.webp", "sub/a.jpg", "dir.jpg/d.heic"):
        photo(Path("photos", name))
    return Path("photos")


def test_subfolders_by_name_and_places_below_the_folder(folder: Path) -> None:
    found = find(folder)
    assert places(found) == ["a.JPG", "b.png", "dir.jpg/d.heic", "sub/a.jpg", "sub/deep/c.webp"]
    assert [each.path for each in found.photos] == [folder / place for place in places(found)]
    assert (found.left_out, found.unreadable) == ({}, [])


def test_what_is_left_out_and_why(folder: Path) -> None:
    photo(folder / "out" / "old.png")
    photo(folder / "sub" / "done.png")
    photo(folder / ".thumbs" / "x.png")
    photo(folder / "._b.png")
    for name in ("notes.txt", "clip.mp4", "none"):
        (folder / name).write_text("")
    (folder / "again").symlink_to(folder.absolute())
    found = find(folder, out=folder / "out", is_result=lambda path: path.name == "done.png")
    assert len(found.photos) == 5
    assert found.left_out == {
        HIDDEN: [folder / ".thumbs", folder / "._b.png"],
        LINKS: [folder / "again"],
        OUT: [folder / "out"],
        OTHERS: [folder / "clip.mp4", folder / "none", folder / "notes.txt"],
        RESULTS: [folder / "sub" / "done.png"],
    }
    assert described(found.left_out).startswith(
        f"hidden (2, such as {folder / '.thumbs'}), links to folders (1: {folder / 'again'}), "
    )


def test_the_folder_itself_may_be_the_one_of_results_hidden_or_a_link(folder: Path) -> None:
    assert len(find(folder, out=folder).photos) == 5
    folder.rename(".photos")
    assert len(find(Path(".photos")).photos) == 5
    Path("link").symlink_to(".photos")
    assert places(find(Path("link"))) == places(find(Path(".photos")))


def test_a_file_is_taken_whatever_its_suffix_and_each_once(folder: Path) -> None:
    odd = photo(Path("scan.0001"))
    assert places(find(odd, folder / "b.png", Path(".") / odd)) == ["scan.0001", "b.png"]
    found = find(folder / "b.png", folder, folder / "sub", folder)
    assert places(found) == places(find(folder))


def test_places_do_not_depend_on_the_order(folder: Path) -> None:
    shutil.copytree(folder, "more")
    loose = photo(Path("loose.png"))
    expected = {f"{top}/{place}" for top in ("photos", "more") for place in places(find(folder))}
    for given in ([folder, Path("more")], [Path("more"), folder.absolute()]):
        assert set(places(find(*given))) == expected
    assert set(places(find(loose, folder, Path("more")))) == expected | {"loose.png"}
    one, two = folder / "sub" / "a.jpg", Path("more", "sub", "a.jpg")
    for files in ([one, two], [two, one]):
        assert {each.path: each.place for each in find(*files).photos} == {
            one: PurePath("photos/sub/a.jpg"),
            two: PurePath("more/sub/a.jpg"),
        }
    assert places(find(one, folder / "b.png")) == ["a.jpg", "b.png"], "names that differ need no folders"


def test_links_that_lead_nowhere_or_in_a_circle_and_pipes_are_found_and_told_of_in_reading(folder: Path) -> None:
    (folder / "gone.png").symlink_to("nowhere.png")
    (folder / "loop.png").symlink_to("loop.png")
    os.mkfifo(folder / "pipe.png")
    names = {"gone.png", "loop.png", "pipe.png"}
    assert names < set(places(find(folder)))
    assert places(find(folder / "gone.png", folder / "loop.png")) == ["gone.png", "loop.png"]
    with pytest.raises(ValueError, match=r"got photos.pipe\.png, neither a file nor a folder"):
        find(folder / "pipe.png")


def test_a_folder_that_cannot_be_listed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def closed(path: str) -> object:
        if Path(path).name == "sub":
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    found = find(folder)
    assert places(found) == ["a.JPG", "b.png", "dir.jpg/d.heic"]
    assert str(found.unreadable[0]).startswith(f"{folder / 'sub'}: cannot be listed (Permission denied)")
    with pytest.raises(ValueError, match=r"got no photo in photos.sub \(photos.sub: cannot be listed"):
        find(folder / "sub")


def test_nothing_found(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"photo: got no\\nne\.png, no such file or folder"):
        find(folder, Path("no\nne.png"))
    Path("empty").mkdir()
    Path("empty", "a\x1b.txt").write_text("")
    with pytest.raises(ValueError, match=r"no photo in empty \(left out: other kinds of files \(1: empty.a\\x1b"):
        find(Path("empty"))
