"""The world as a folder: what the readers of one's own data take."""

import json
from pathlib import Path

import pytest

from clipteacher.data.folder import FolderSource
from clipteacher.demo.drawn_world import CLASSES, write_world


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_it_is_read_as_a_folder_of_one_s_own(tmp_path: Path) -> None:
    shown: list[int] = []
    write_world(tmp_path / "world", seed=0, train=3, val=2, size=40, progress=shown.append)
    root = tmp_path / "world"
    for split, count in (("train", 3), ("val", 2)):
        source = FolderSource(root, split)
        assert source.names == CLASSES
        assert len(source) == count
        for index in range(count):
            image, mask = source.read(index)
            assert image.shape == (40, 40, 3)
            assert mask.shape == (40, 40)
        lines = (root / "captions" / f"{split}.jsonl").read_text().splitlines()
        assert [json.loads(line)["image"] for line in lines] == [source.paths(i).image.name for i in range(count)]
        assert all(len(json.loads(line)["captions"]) == 5 for line in lines)
    assert shown == [1, 2, 3, 4, 5]


def test_same_seed_same_files(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        write_world(tmp_path / name, seed=seed, train=2, val=1, size=32)
    assert files(tmp_path / "a") == files(tmp_path / "b")
    assert files(tmp_path / "a") != files(tmp_path / "c")


def test_more_scenes_leave_the_first_as_they_were(tmp_path: Path) -> None:
    write_world(tmp_path / "few", seed=0, train=1, val=1, size=32)
    write_world(tmp_path / "many", seed=0, train=3, val=2, size=32)
    few, many = files(tmp_path / "few"), files(tmp_path / "many")
    pictures = [name for name in few if name.endswith(".png")]
    assert len(pictures) == 4
    assert all(few[name] == many[name] for name in pictures)


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="is not empty"):
        write_world(tmp_path, seed=0, train=1, val=1, size=32)
    assert list(files(tmp_path)) == ["mine.txt"]


@pytest.mark.parametrize(("name", "value"), [("seed", -1), ("train", 0), ("val", 0), ("size", 31)])
def test_bad_numbers(tmp_path: Path, name: str, value: int) -> None:
    numbers = {"seed": 0, "train": 1, "val": 1, "size": 32} | {name: value}
    with pytest.raises(ValueError, match=f"{name}: got {value}"):
        write_world(
            tmp_path / "world",
            seed=numbers["seed"],
            train=numbers["train"],
            val=numbers["val"],
            size=numbers["size"],
        )
    assert not (tmp_path / "world").exists()
