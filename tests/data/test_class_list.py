"""`classes.txt` in the forms of other tools, with signs that look alike, and with twins."""

from pathlib import Path

import pytest

from clipteacher.data.class_list import class_list_faults, class_list_warnings, listed_words, read_class_names
from clipteacher.data.files import DataError

SPLIT_FORM, JOINED_FORM = "Ba\N{COMBINING DIAERESIS}ume", "B\N{LATIN SMALL LETTER A WITH DIAERESIS}ume"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0 sky\n1 cat", "got '0 sky' on line 1, which begins with a number"),
        ("0: sky\n1: cat", "got '0: sky' on line 1, which begins"),
        ("0,sky\n1,cat", "got '0,sky' on line 1, which begins"),
        ("0\tsky\n1\tcat", "which begins"),
        ("1: sky\n2: cat", "They count from 1: check whether the masks do too; here ids count from 0."),
        ("1. sky\n2. cat", "They count from 1"),
        ("id,name\n0,sky\n1,cat", "got 'id,name' on line 1, a table's header, which would be the class of id 0"),
        ("Index;Class\n0;sky", "a table's header"),
        ("sky:0,0,0::\ncat:128,0,0::", "got 'sky:0,0,0::', a line of CVAT's labelmap.txt"),
        ("# label:color_rgb:parts:actions\nsky:0,0,0::", "got '# label:color_rgb:parts:actions', which would be a cl"),
    ],
)
def test_forms_that_no_one_means(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text(text)
    names = read_class_names(tmp_path)
    (fault,) = class_list_faults(names)
    assert fault.startswith("classes.txt: ")
    assert said in fault
    assert "Write one name a line and nothing else" in fault
    assert class_list_warnings(names) == ()


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["sky,", "cat"], "got a comma at the end of 1 name, such as 'sky,'"),
        (['"sky"', "'cat'"], "got quotes around 2 names, such as '\"sky\"'"),
        (["- sky", "- cat"], "got a dash before 2 names"),
        (["sky, cat, tree"], "got one line, 'sky, cat, tree': it is one name, commas and all"),
    ],
)
def test_forms_that_may_be_meant(names: list[str], said: str) -> None:
    assert class_list_faults(names) == ()
    (warning,) = class_list_warnings(names)
    assert said in warning


def test_several_forms_at_once() -> None:
    found = class_list_warnings(['"sky",', '"cat",'])
    assert ["a comma" in found[0], "quotes" in found[1]] == [True, True]
    assert ["brackets" in each for each in class_list_warnings(['["sky", "cat"]'])] == [True, False]


@pytest.mark.parametrize(
    "names",
    [
        ["sky", "building, edifice", "4 wheel drive", "o'clock", "id card"],
        ["0", "1", "2"],
        ["2 seater", "3 seater"],
        ["1 euro"],
        ["name", "class"],
        ["10:30", "traffic light: red"],
        ["'"],
    ],
)
def test_names_that_are_names(names: list[str]) -> None:
    assert class_list_faults(names) == ()
    assert class_list_warnings(names) == ()


def test_names_are_in_the_composed_form(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text(f"\ufeffsky\n\ufeff{SPLIT_FORM}\n", encoding="utf-8")
    assert read_class_names(tmp_path) == ("sky", JOINED_FORM)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sky\nSky\n", r"got 'sky' on line 1 and 'Sky' on line 2, which differ by case or spaces alone.*Rename one"),
        ("red barn\ncat\nred  barn\n", r"'red barn' is on lines 1 and 3, expected once"),
        ("sky\nc\x1bat\n", r"got 'c\\x1bat' on line 2 with the control character"),
        ("sky\n\u202etac\n", r"on line 2 with '\\u202e', which turns the direction of writing"),
        ("sky\n" + 1001 * "x", r"got 'x+' on line 2 of 1001 letters, expected at most 1000"),
        (f"{SPLIT_FORM}\n{JOINED_FORM}\n", rf"'{JOINED_FORM}' is on lines 1 and 2, expected once"),
    ],
)
def test_twins(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=rf"classes\.txt: .*{said}"):
        read_class_names(tmp_path)


def test_words_of_a_file_and_of_a_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "names.txt").write_text("\ufeffsky,\nbuilding, edifice\nno;\n\n", encoding="utf-8")
    (tmp_path / "my, names.TXT").write_text("sea\n")
    assert listed_words("names.txt", "classes") == ("sky", "building, edifice", "no")
    assert listed_words(f" {tmp_path / 'names.txt'} ", "classes") == ("sky", "building, edifice", "no")
    assert listed_words("my, names.TXT", "classes") == ("sea",)
    assert listed_words("'names.txt'", "classes") == listed_words(["names.txt"], "classes") == ("names.txt",)
    assert listed_words("sky; sea", "classes") == ("sky", "sea")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "classes: got 'names.txt', expected a file of that name, one word a line"),
        (b"", r"names\.txt: got no name"),
        (b"\xff\xfe", r"names\.txt: not UTF-8"),
        (b"sky\n\nsea", r"names\.txt: line 2 is blank"),
        (b"sky\nSky", r"names\.txt: got 'sky' on line 1 and 'Sky' on line 2"),
        (b"0 sky\n1 sea", r"classes: names\.txt: got '0 sky' on line 1, which begins with a number"),
        (b"'sky'\n'sea'", r"classes: names\.txt: got quotes around 2 names"),
        (b"- sky\n- sea", r"classes: names\.txt: got a dash before 2 names"),
        (b"sky, sea, sand", r"classes: names\.txt: got one line, 'sky, sea, sand'"),
    ],
)
def test_files_of_words_that_are_none(
    content: bytes | None, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / "names.txt").write_bytes(content)
    with pytest.raises(DataError, match=said):
        listed_words("names.txt", "classes")


def test_a_file_among_words_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"got 'names\.txt' as a word, which looks like a file's name"):
        listed_words("sky, names.txt", "unseen")
