"""The rooms of the package: arrows point inward, no circle, little at the root."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import clipteacher

ROOT = Path(clipteacher.__file__).parent
# From the inside to the outside; a room imports none that stands to the right of it.
ROOMS = (
    *("utils", "protocols", "data", "teachers", "students", "pictures", "inference", "evaluation", "storage"),
    *(
        "segmenter",
        "method",
        "teacher_cache",
        "convert",
        "onnx",
        "video",
        "training",
        "analysis",
        "demo",
        "planning",
        "app",
        "cli",
    ),
)
# What one room takes from a room on its right, on purpose: plain constants, or a function that scores a segmenter.
ALLOWED = {
    ("protocols", "teachers"): {"clipteacher.teachers.prompts"},
    ("evaluation", "segmenter"): {"clipteacher.segmenter.segmenter"},
    ("segmenter", "teachers"): set(),
}


def module_of(path: Path) -> str:
    parts = ("clipteacher", *path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_of(path): path for path in sorted(ROOT.rglob("*.py"))}


def imported(path: Path) -> set[str]:
    """Modules of the package that a file imports, inside functions too; not for type checking alone."""
    found: set[str] = set()
    skipped: set[ast.AST] = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            skipped |= {each for part in node.body for each in ast.walk(part)}
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in FILES else node.module for name in inner}
    return {name for name in found if name in FILES}


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def test_every_folder_is_a_room_and_the_root_holds_little() -> None:
    assert {path.parent.name for path in ROOT.glob("*/__init__.py")} == set(ROOMS)
    assert len(list(ROOT.glob("*.py"))) <= 3


def test_no_file_imports_itself_over_others() -> None:
    graph = {name: imported(path) - {name} for name, path in FILES.items()}
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(f"these files import each other: {' -> '.join(error.args[1])}")
    assert len(order) == len(FILES)


@pytest.mark.parametrize("name", [name for name in FILES if room(name) in ROOMS])
def test_arrows_point_inward(name: str) -> None:
    place = ROOMS.index(room(name))
    for other in imported(FILES[name]):
        outward = room(other) in ROOMS and ROOMS.index(room(other)) > place
        assert not outward or other in ALLOWED.get((room(name), room(other)), set()), f"{name} imports {other}"


LONGER = {
    "train": 100,  # a third of it says what its arguments are
}
"""Most lines of the functions that are longer than 60."""


def test_functions_are_short() -> None:
    """A function, its documentation included, has at most 60 lines."""
    lengths: dict[str, int] = {}
    for path in FILES.values():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lengths[node.name] = max(lengths.get(node.name, 0), (node.end_lineno or 0) - node.lineno + 1)
    long = {name: length for name, length in lengths.items() if length > LONGER.get(name, 60)}
    assert not long
    assert not {name for name in LONGER if lengths[name] <= 60}, "these are short by now"
