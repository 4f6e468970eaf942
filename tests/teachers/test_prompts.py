"""Prompts: the fifteen templates, and the ensemble against a loop."""

import math
import re

import pytest
import torch

from clipteacher.teachers.prompts import SINGLE, VILD_15, check_templates, ensemble, fill


def test_single_is_zegclips_template_without_full_stop() -> None:
    assert SINGLE == ("a photo of a {}",)


def test_the_fifteen_templates() -> None:
    listed = (
        "a photo of a {}. · a photo of a small {}. · a photo of a medium {}. · a photo of a large {}. · "
        "This is a photo of a {}. · This is a photo of a small {}. · This is a photo of a medium {}. · "
        "This is a photo of a large {}. · a {} in the scene. · a photo of a {} in the scene. · "
        "There is a {} in the scene. · There is the {} in the scene. · This is a {} in the scene. · "
        "This is the {} in the scene. · This is one {} in the scene."
    )
    assert tuple(listed.split(" · ")) == VILD_15
    assert len(set(VILD_15)) == 15
    assert check_templates(VILD_15) == VILD_15


def naive_ensemble(vectors: list[list[list[float]]]) -> list[list[float]]:
    def unit(v: list[float]) -> list[float]:
        length = math.sqrt(sum(x * x for x in v))
        return [x / length for x in v]

    out = []
    for prompts in vectors:
        units = [unit(v) for v in prompts]
        out.append(unit([sum(column) / len(units) for column in zip(*units, strict=True)]))
    return out


@pytest.mark.parametrize("prompts", [1, 3, 15])
def test_ensemble_equals_the_loop(prompts: int) -> None:
    vectors = torch.randn(4, prompts, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 5
    expected = torch.tensor(naive_ensemble(vectors.tolist()), dtype=torch.float64)
    torch.testing.assert_close(ensemble(vectors), expected)


def test_ensemble_weighs_prompts_alike_whatever_their_length() -> None:
    a, b = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    torch.testing.assert_close(ensemble(torch.stack([a, 100 * b])[None]), ensemble(torch.stack([b, 7 * a])[None]))


@pytest.mark.parametrize("shape", [(4, 7), (4, 0, 7), (1, 4, 3, 7)])
def test_ensemble_refuses_other_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=re.escape(f"got shape {shape}; expected (N, P, C)")):
        ensemble(torch.zeros(shape))


@pytest.mark.parametrize(
    ("templates", "error", "message"),
    [
        ("a photo of a {}", TypeError, "Write ['a photo of a {}']"),
        ([], ValueError, "at least one"),
        (["a {}", "a photo"], ValueError, "'a photo' with 0 '{}'"),
        (["a {} and a {}"], ValueError, "with 2 '{}'"),
        (["a {name}"], ValueError, "with 0 '{}'"),
        ([None], TypeError, "got None"),
    ],
)
def test_bad_templates(templates: list[str], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        check_templates(templates)


def test_fill_goes_name_by_name_and_leaves_other_braces() -> None:
    assert fill(("a {}", "{} {x}"), ["c{}t", "dog"]) == ["a c{}t", "c{}t {x}", "a dog", "dog {x}"]


def test_fill_refuses_one_string_and_empty_names() -> None:
    with pytest.raises(TypeError, match="Write \\['cat'\\]"):
        fill(SINGLE, "cat")
    for names in ([], ["cat", " "]):
        with pytest.raises(ValueError, match="at least one class name, and none empty"):
            fill(SINGLE, names)
