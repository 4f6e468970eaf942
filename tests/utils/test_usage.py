"""Messages of the parser in one line: what was got, what was expected, which option was meant."""

import dataclasses

import pytest
from jsonargparse import ArgumentParser

from clipteacher.utils.usage import PlainHelp, did_you_mean, one_line, option_names


@dataclasses.dataclass
class Part:
    """A part with options."""

    windows: tuple[int, ...] = (6, 14)
    heads: int | None = None


def parser() -> ArgumentParser:
    made = ArgumentParser(prog="tool", exit_on_error=False, formatter_class=PlainHelp)
    made.add_argument("photos", nargs="+", metavar="PHOTO", help="photographs")
    made.add_argument("--out", type=str, required=True, help="folder")
    made.add_argument("--opacity", type=float, default=0.5, help="of colours")
    made.add_argument("--seed", type=int, default=0, help="same seed, same result")
    made.add_argument("--classes", type=list[str] | str | None, help="words")
    made.add_argument("--cache", type=bool, default=True, help="keep")
    made.add_argument("--kind", choices=("coco", "labelme"), default="coco", help="which")
    made.add_argument("--quiet", action="store_true", help="print nothing")
    made.add_argument("--part", type=Part | None, help="a part")
    return made


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "photos, out: required, got none."),
        (["a", "--out", "x", "--clases", "cat"], "got --clases, which is no option. Did you mean --classes?"),
        (["a", "--out", "x", "--zzz=3"], "got --zzz, which is no option."),
        (["a", "--out"], "out: got no value, expected one after it."),
        (["a", "--out", "x", "--opacity", "abc"], "opacity: got 'abc', expected a number."),
        (["a", "--out", "x", "--seed", "1.5"], "seed: got '1.5', expected a whole number."),
        (["a", "--out", "x", "--cache", "maybe"], "cache: got 'maybe', expected true or false."),
        (["a", "--out", "x", "--kind", "coc"], "kind: got 'coc', expected one of coco, labelme. Did you mean coco?"),
        (
            ["a", "--out", "x", "--part.windws", "[3]"],
            "part.windws: got an option that Part does not have. Did you mean part.windows?",
        ),
        (["a", "--out", "x", "--part.heads", "two"], "part.heads: got 'two', expected a whole number or null."),
    ],
)
def test_what_is_wrong_with_arguments(arguments: list[str], said: str) -> None:
    made = parser()
    with pytest.raises(Exception, match=r".") as error:
        made.parse_args(arguments)
    assert one_line(str(error.value), option_names(made)) == said


def test_what_is_unknown_stays_as_it_is_in_one_line() -> None:
    assert one_line("Problems parsing\n  config: line 2", []) == "Problems parsing config: line 2."


def test_options_are_the_long_ones_once() -> None:
    names = option_names(parser())
    assert "--classes" in names
    assert "--classes+" not in names
    assert "-h" not in names


def test_a_page_has_no_types_and_says_defaults_that_matter() -> None:
    text = parser().format_help()
    assert text.startswith("usage: tool PHOTO [PHOTO ...] --out OUT [options]\n")
    squeezed = " ".join(text.split())
    for line in (
        "--out OUT folder (required)",
        "--opacity OPACITY of colours (default: 0.5)",
        "--seed SEED same seed, same result (default: 0)",
        "--classes CLASSES words --cache",
        "--cache {true,false} keep (default: true)",
        "--quiet print nothing --part",
    ):
        assert line in squeezed
    assert "type:" not in text


def test_far_words_are_not_meant() -> None:
    assert did_you_mean("--colour", ["--out", "--seed"]) == ""
