"""Every test asserts something: one that only runs code passes whatever the code does."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
ASSERTING = re.compile(r"(pytest\.(raises|warns|fail)|(.*\.)?(assert_\w+|check|check_\w+|fails\w*))")
"""Calls that are assertions: pytest's, and functions that assert, by their names."""


def asserts(test: ast.AST, library: set[str]) -> bool:
    """Whether a test holds an assertion: `assert`, `pytest.raises` and its like, or a helper that asserts.

    A function of the library is no helper, whatever its name: that `check_student` raises nothing shows little.
    """
    for node in ast.walk(test):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if ASSERTING.fullmatch(called) and called not in library:
                return True
    return False


def idle(text: str) -> list[str]:
    """Names of the tests in a file's text that assert nothing."""
    nodes = list(ast.walk(ast.parse(text)))
    imports = [node for node in nodes if isinstance(node, ast.ImportFrom)]
    library = {alias.name for node in imports if (node.module or "").startswith("clipteacher") for alias in node.names}
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [each.name for each in functions if each.name.startswith("test") and not asserts(each, library)]


@pytest.mark.parametrize("path", sorted(TESTS.rglob("test_*.py")), ids=lambda path: str(path.relative_to(TESTS)))
def test_every_test_asserts_something(path: Path) -> None:
    assert idle(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("run()", False),
        ("with warnings.catch_warnings():\n        run()", False),
        ("assertion = run().checked()", False),
        ("assert run()", True),
        ("for each in run():\n        assert each", True),
        ("with pytest.raises(ValueError):\n        run()", True),
        ("with pytest.warns(UserWarning) as caught:\n        run()", True),
        ("torch.testing.assert_close(run(), 1)", True),
        ("np.testing.assert_allclose(run(), 1)", True),
        ("check_sum(run())", True),
        ("helpers.check(run())", True),
        ("check_student(run())", False),
    ],
)
def test_what_counts_as_an_assertion(body: str, found: bool) -> None:
    imports = "from clipteacher.students.student import check_student\n"
    assert idle(f"{imports}def test_it():\n    {body}\n") == ([] if found else ["test_it"])
    assert idle(
        f"{imports}class TestIt:\n    def test_it(self):\n        {body.replace(chr(10), chr(10) + '    ')}\n"
    ) == ([] if found else ["test_it"])
