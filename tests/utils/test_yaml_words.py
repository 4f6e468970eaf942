"""Words in YAML: `no` and `1` are words, as they were typed."""

import pytest
import yaml

from clipteacher.utils.yaml_words import load_yaml, quoted_words


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("unseen: [no, yes, on, Off, 1, 1e3, null, ~]", ["no", "yes", "on", "Off", "1", "1e3", "null", "~"]),
        ("unseen:\n- sky # blue\n- 0x10\n- 2024-01-01\n- 1_000\n", ["sky", "0x10", "2024-01-01", "1_000"]),
        ("unseen: no", "no"),
        ("unseen: no, yes", "no, yes"),
        ("unseen: ['no', \"yes\", it's, a\\b]", ["no", "yes", "it's", "a\\b"]),
        ("unseen: null", None),
        ("unseen:", None),
        ("unseen: []", []),
        ("unseen: [sky, {a: b}, [no]]", ["sky", {"a": "b"}, [False]]),
        ("unseen: [🐈, é, no]", ["🐈", "é", "no"]),
    ],
)
def test_words_as_they_were_typed(text: str, value: object) -> None:
    assert load_yaml(text) == {"unseen": value}
    inner = "data:\n" + "".join(f"  {line}\n" for line in text.splitlines())
    assert load_yaml(inner)["data"] == {"unseen": value}


def test_the_other_lists_and_the_tables_of_words() -> None:
    text = "a: {wanted: [no], background_prompts: [on], class_weights: {no: 2, 1: 0.5}, cache: no, seed: 1}"
    assert load_yaml(text) == {
        "a": {
            "wanted": ["no"],
            "background_prompts": ["on"],
            "class_weights": {"no": 2, "1": 0.5},
            "cache": False,
            "seed": 1,
        }
    }


def test_an_alias_is_read_once_and_what_is_no_yaml_is_left_to_its_reader() -> None:
    assert load_yaml("a: &a {unseen: [no]}\nb: *a")["b"] == {"unseen": ["no"]}
    for text in ("unseen: [", "no unseen words here", "wanted: !!python/name:os.system x"):
        assert quoted_words(text) == text or "wanted" in text
    with pytest.raises(yaml.YAMLError):
        load_yaml("unseen: [")
