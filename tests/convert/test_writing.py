"""Split and folder: seeded, whole or not at all, photos byte for byte."""

from collections import Counter
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.convert.drawn import labelme, read_mask, shape, write_photo

from clipteacher.convert.annotated import AnnotatedPhoto, Annotations
from clipteacher.convert.labelme import read_labelme
from clipteacher.convert.writing import PhotoAndMask, merged, painted, split_photos, write_converted, write_folder
from clipteacher.data.files import DataError
from clipteacher.data.folder import FolderSource


def photos(count: int) -> list[AnnotatedPhoto]:
    return [AnnotatedPhoto(Path(f"{number}.png"), PurePosixPath(f"{number}.png"), None, ()) for number in range(count)]


def targets(split: dict[str, list[AnnotatedPhoto]]) -> dict[str, list[str]]:
    return {name: [photo.target for photo in held] for name, held in split.items()}


def test_the_split_is_seeded_and_whole() -> None:
    one, same, other = (targets(split_photos(photos(50), 0.2, seed)) for seed in (0, 0, 1))
    assert one == same != other
    assert {name: len(held) for name, held in one.items()} == {"train": 40, "val": 10}
    assert not set(one["train"]) & set(one["val"])
    assert one["val"] == [photo.target for photo in photos(50) if photo.target in one["val"]], "in order"


def test_the_edges_of_the_split() -> None:
    assert targets(split_photos(photos(1), 0, 0)) == {"train": ["0.png"]}
    assert [len(held) for held in split_photos(photos(2), 0.01, 0).values()] == [1, 1]
    assert [len(held) for held in split_photos(photos(2), 0.99, 0).values()] == [1, 1]
    with pytest.raises(ValueError, match="got 1 photo"):
        split_photos(photos(1), 0.2, 0)
    for share in (-0.1, 1.0, float("nan")):
        with pytest.raises(ValueError, match="expected a share"):
            split_photos(photos(5), share, 0)
    with pytest.raises(ValueError, match="seed: got -1"):
        split_photos(photos(5), 0.2, -1)


def annotated(root: Path, count: int = 3) -> Annotations:
    for number in range(count):
        write_photo(root / f"{number}.jpg", width=12 + number, orientation=6 if number == 1 else None)
        size = (12 + number, 8) if number != 1 else (8, 13)
        labelme(root / f"{number}.json", [shape("cat", [[1, 1], [4, 1], [4, 3]])], f"{number}.jpg", *size)
    return read_labelme(root)


@pytest.mark.parametrize("link", [False, True])
def test_the_folder_is_read_as_any_other(link: bool, tmp_path: Path) -> None:
    """Several sizes, and one photo on its side."""
    read = annotated(tmp_path / "in")
    done: list[int] = []
    out = tmp_path / "new" / "out"
    converted = write_converted(out, split_photos(read.photos, 0.3, 0), read, link=link, progress=done.append)
    assert (converted.names, converted.notes) == (("cat",), ())
    assert done == [1, 2, 3]
    for split, count in {"train": 2, "val": 1}.items():
        source = FolderSource(out, split)
        assert len(source) == count
        for index in range(count):
            photo, labels = source.read(index)
            assert photo.shape[:2] == labels.shape
            record = source.paths(index)
            original = tmp_path / "in" / record.image.name
            assert record.image.read_bytes() == original.read_bytes()
            assert record.image.samefile(original) == link
            assert read_mask(record.mask)[1][4] == 0
            assert read_mask(record.mask)[0][0] == 255
    assert sorted(entry.name for entry in out.parent.iterdir()) == ["out"], "nothing else is left"


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    read = annotated(tmp_path / "in")
    (tmp_path / "in" / "2.jpg").write_bytes(b"broken")
    with pytest.raises(DataError, match=r"2\.jpg"):
        write_converted(tmp_path / "out", {"train": read.photos}, read)
    assert [entry.name for entry in tmp_path.iterdir()] == ["in"]


def test_nothing_is_written_over(tmp_path: Path) -> None:
    read = annotated(tmp_path / "in")
    (tmp_path / "out").mkdir()
    write_converted(tmp_path / "out", {"train": read.photos}, read)
    with pytest.raises(FileExistsError, match="is not empty"):
        write_converted(tmp_path / "out", {"train": read.photos}, read)
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError, match="is not empty"):
        write_converted(tmp_path / "file", {"train": read.photos}, read)


def test_blank_shapes_and_odd_names_are_noted(tmp_path: Path) -> None:
    write_photo(tmp_path / "in" / "a.png")
    shapes = [shape("cat", [[1, 1], [1, 1], [1, 1]]), shape("Cat", [[1, 1], [4, 1], [4, 3]])]
    labelme(tmp_path / "in" / "a.json", shapes, "a.png")
    read = read_labelme(tmp_path / "in")
    notes = write_converted(tmp_path / "out", {"train": read.photos}, read).notes
    assert notes[0] == "'Cat', 'cat' are one class, 'Cat'"
    assert notes[1].startswith("1 shapes cover no pixel and were left out: ")


def test_two_photos_of_one_mask_are_refused(tmp_path: Path) -> None:
    def draw() -> tuple[NDArray[np.uint8], list[str]]:
        return np.zeros((8, 12), np.uint8), []

    one, other = (PhotoAndMask(write_photo(tmp_path / name), name, draw) for name in ("a.jpg", "A.png"))
    with pytest.raises(DataError, match=r"A\.png: would share the mask A\.png with .*a\.jpg"):
        write_folder(tmp_path / "out", ["cat"], {"train": [one, other]})
    assert not (tmp_path / "out").exists()


def test_photos_are_copied_where_the_disk_has_no_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(source: Path, target: Path) -> None:
        raise OSError(18, "Invalid cross-device link")

    read = annotated(tmp_path / "in", 1)
    monkeypatch.setattr("os.link", no_links)
    pairs = {"train": [painted(read.photos[0], {"cat": 0})]}
    write_folder(tmp_path / "out", ["cat"], pairs, transfer="either")
    copied, original = tmp_path / "out/images/train/0.jpg", tmp_path / "in/0.jpg"
    assert copied.read_bytes() == original.read_bytes()
    assert not copied.samefile(original)
    with pytest.raises(OSError, match=r"link: .* cannot be linked from there"):
        write_folder(tmp_path / "more", ["cat"], pairs, transfer="link")


def test_two_files_of_one_data_set() -> None:
    train, val = Counter({"cat": 2, "dog": 0, "sky": 1}), Counter({"cat": 1, "dog": 3, "sky": 0})
    both = merged(Annotations((), train, ("one",)), Annotations((), val, ("two",)))
    assert list(both.labels.items()) == [("cat", 3), ("dog", 3), ("sky", 1)]
    assert both.notes == ("one", "two")
    with pytest.raises(DataError, match="the same in the same order"):
        merged(Annotations((), train, ()), Annotations((), Counter({"dog": 1, "cat": 1, "sky": 1}), ()))
