"""Every public function, method and class is documented, and every array in a signature has its shape in the text."""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import clipteacher

ARRAY = re.compile(r"\b(Tensor|NDArray|ndarray|ArrayLike)\b")
# One letter, as in B, N_s, C_d, L', 2B, B·L, H/4, (B-1), or a number, or an ellipsis.
SYMBOL = r"(?:\d+\s*[*·]?\s*)?[A-Za-zα-ω](?:_\w+|\d+)?['′]?"
AXIS = rf"(?:\d+|\.\.\.|…|\*|{SYMBOL}(?:\s*[·*/+-]\s*(?:\d+|{SYMBOL}))*)"
NAMED_AXIS = rf"(?:{AXIS}|[a-z]\w+)"  # spelled out, as num_classes; one axis at least is a symbol or a number
SHAPE = re.compile(
    rf"\((?=[^()]*,)(?=(?:[^(),]*,)*\s*{AXIS}\s*[,)])\s*{NAMED_AXIS}\s*(?:,\s*{NAMED_AXIS}\s*)*,?\s*\)"
    r"|\bscalars?\b|\bany shape\b"
)


def modules() -> list[str]:
    """Names of all public modules of the package."""
    found = [clipteacher.__name__]
    for module in pkgutil.walk_packages(clipteacher.__path__, f"{clipteacher.__name__}.", onerror=_raise):
        if not any(part.startswith("_") for part in module.name.split(".")):
            found.append(module.name)
    return found


def _raise(name: str) -> None:
    """`walk_packages` passes over what cannot be imported unless this raises."""
    raise ImportError(f"{name} cannot be imported")


def public_objects(module: ModuleType) -> Iterator[tuple[str, Any, str]]:
    """Name, object and signature of each public function, class and method that the module itself defines."""
    for name, value in vars(module).items():
        target = inspect.unwrap(value) if callable(value) else value
        if name.startswith("_") or getattr(target, "__module__", None) != module.__name__:
            continue
        if inspect.isclass(target):
            yield f"{module.__name__}.{name}", target, signature_of_class(target)
            for member, attribute in vars(target).items():
                function = function_of(attribute)
                if not member.startswith("_") and function is not None and not is_made(function, target):
                    yield f"{module.__name__}.{name}.{member}", function, signature_of(function)
        elif inspect.isroutine(target):
            yield f"{module.__name__}.{name}", target, signature_of(target)


def function_of(attribute: object) -> Any:  # noqa: ANN401 (a function of any signature)
    """The function within a method, a property or what wraps one; None for other attributes."""
    if isinstance(attribute, property):
        attribute = attribute.fget
    elif isinstance(attribute, functools.cached_property):
        attribute = attribute.func
    elif isinstance(attribute, staticmethod | classmethod):
        attribute = attribute.__func__
    attribute = inspect.unwrap(attribute) if callable(attribute) else attribute
    return attribute if inspect.isfunction(attribute) else None


def is_made(function: Any, owner: type) -> bool:  # noqa: ANN401 (a function of any signature)
    """Whether a decorator or a base class wrote the function; its code then lies in another file."""
    return inspect.getsourcefile(function) != inspect.getsourcefile(inspect.unwrap(owner))


def signature_of(function: Any) -> str:  # noqa: ANN401 (a function of any signature)
    """Annotations of a function as text."""
    return " ".join(inspect.formatannotation(a) if not isinstance(a, str) else a for a in annotations_of(function))


def annotations_of(function: Any) -> list[Any]:  # noqa: ANN401 (a function of any signature)
    """Annotations of the parameters and of what is returned, those without one left out."""
    signature = inspect.signature(function)
    given = [*(parameter.annotation for parameter in signature.parameters.values()), signature.return_annotation]
    return [annotation for annotation in given if annotation is not inspect.Signature.empty]


def signature_of_class(target: type) -> str:
    """Annotations of what a class is constructed from: its fields, and the parameters of its own `__init__`."""
    fields = [
        annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
        for name, annotation in vars(target).get("__annotations__", {}).items()
        if not name.startswith("_")
    ]
    own = vars(target).get("__init__")
    return " ".join([*fields, signature_of(own) if inspect.isfunction(own) else ""])


def problem(doc: str | None, signature: str) -> str | None:
    """What is wrong with a docstring, or None."""
    if not doc or not doc.strip():
        return "no docstring"
    if ARRAY.search(signature) and not SHAPE.search(doc):
        return 'an array in the signature and no shape in the docstring, such as "(B, C, h, w)" or "scalar"'
    return None


@pytest.mark.parametrize("name", modules())
def test_everything_public_is_documented_with_shapes(name: str) -> None:
    module = importlib.import_module(name)
    problems = [f"{name}: no docstring"] if not (module.__doc__ or "").strip() else []
    for qualified, target, signature in public_objects(module):
        # `__doc__`, not `getdoc`: a docstring that is inherited says nothing of this method.
        found = problem(target.__doc__, signature)
        if found:
            problems.append(f"{qualified}: {found}")
    assert not problems, "\n".join(problems)


def test_the_walk_finds_what_is_there() -> None:
    assert {"clipteacher.method.glm", "clipteacher.method.plm.kmeans", "clipteacher.protocols.splits"} <= set(modules())
    found = {
        qualified: signature
        for name in ("clipteacher.protocols.splits", "clipteacher.teachers.teacher", "clipteacher.pictures.reports")
        for qualified, _, signature in public_objects(importlib.import_module(name))
    }
    assert "NDArray" in found["clipteacher.protocols.splits.ClassSplit.training_lut"], "cached properties count"
    assert "Tensor" in found["clipteacher.teachers.teacher.Teacher.encode_image"], "methods of protocols count"
    assert "Tensor" in found["clipteacher.teachers.teacher.TeacherTokens"], "fields count"
    assert "clipteacher.protocols.splits.IGNORE" not in found
    assert not any("._" in qualified for qualified in found)
    assert not any(qualified.startswith("clipteacher.pictures.reports.palette") for qualified in found), "imported"


@pytest.mark.parametrize(
    "text",
    [
        "Images (B, 3, H, W), float.",
        "The table (256,), uint8.",
        "Vectors (N_s, C), unit.",
        "Tokens (B, C, L').",
        "Features (B·L, 2C), any.",
        "Logits (B, N, H/4, W / 4).",
        "Logits (B, num_classes, h, w).",
        "Stack (..., C).",
        "A scalar.",
        "Ids, any shape, int64.",
        "Windows (K-1, C).",
        "One (1,) and more",
    ],
)
def test_shapes_are_known_as_shapes(text: str) -> None:
    assert SHAPE.search(text)


@pytest.mark.parametrize(
    "text",
    ["The image (a photo).", "As in (ZegCLIP, table).", "Values (see below, above).", "Of an image.", "f(x)", "(2023)"],
)
def test_prose_is_no_shape(text: str) -> None:
    assert not SHAPE.search(text)


def test_each_fault_is_reported() -> None:
    assert problem(None, "") == "no docstring"
    assert problem("  ", "int") == "no docstring"
    assert "no shape" in (problem("Turn an image.", "Tensor") or "")
    assert "no shape" in (problem("Turn an image.", "NDArray[np.uint8] | None") or "")
    assert problem("Turn an image (3, H, W).", "Tensor") is None
    assert problem("Load a TensorBoard log.", "str") is None
