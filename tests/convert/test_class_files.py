"""Files of class names: with and without ids, with headers, and files that contradict each other."""

from pathlib import Path

import pytest
from tests.convert.layouts import text

from clipteacher.convert.class_files import find_names, read_names
from clipteacher.data.files import DataError


@pytest.mark.parametrize(
    ("lines", "names", "numbered"),
    [
        (("road", " old sky "), {0: "road", 1: "old sky"}, False),
        (("0 road", "1 old sky"), {0: "road", 1: "old sky"}, True),
        (("1: road", "5: old sky"), {1: "road", 5: "old sky"}, True),
        (("Pixel Value, Class", "0, road", "1, old sky"), {0: "road", 1: "old sky"}, True),
        (("name,id", "old sky,3", "road,1"), {1: "road", 3: "old sky"}, True),
        (("__ignore__", "_background_", "cat"), {0: "background", 1: "cat"}, False),
        (("car", "2 wheeler", "4 wheeler"), {0: "car", 1: "2 wheeler", 2: "4 wheeler"}, False),
        (("lane 1", "lane 2"), {0: "lane 1", 1: "lane 2"}, False),
        (('"road"', "'sky'"), {0: "road", 1: "sky"}, False),
    ],
)
def test_names(lines: tuple[str, ...], names: dict[int, str], numbered: bool, tmp_path: Path) -> None:
    found = read_names(text(tmp_path / "labels.txt", *lines))
    assert (found.names, found.numbered) == (names, numbered)
    assert find_names([tmp_path]) == found


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (("road", "", "sky"), "line 2 is blank"),
        ((), "got no name"),
        (("road", "road"), "got the name 'road' twice"),
        (("0 road", "0 sky"), "got the id 0 twice"),
    ],
)
def test_what_is_no_list_of_names(lines: tuple[str, ...], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read_names(text(tmp_path / "labels.txt", *lines))


def test_several_files(tmp_path: Path) -> None:
    one = text(tmp_path / "one" / "labels.txt", "road", "sky")
    text(tmp_path / "two" / "classes.txt", "road", "sky")
    assert find_names([tmp_path / "one", tmp_path / "two"]) == read_names(one), "both say the same"
    text(tmp_path / "two" / "classes.txt", "sky", "road")
    with pytest.raises(DataError, match=r"got class names road, sky, and in .* sky, road, .*Give them with --classes"):
        find_names([tmp_path / "one", tmp_path / "two"])
    text(tmp_path / "one" / "classes.txt", "road 1 2 3", "sky 4 5 6")
    found = find_names([tmp_path / "one"])
    assert found is not None
    assert found.file == one, "a table of colours is no list of names"
    (tmp_path / "one/labels.txt").write_bytes("Bäume".encode("latin-1"))
    with pytest.raises(DataError, match="not UTF-8"):
        find_names([tmp_path / "one"])
