"""docs/guides/teachers.md: the teacher of one's own runs, and the table has every model, each as it should be."""

import re
from pathlib import Path
from typing import Any

import open_clip as _untyped
import pytest

open_clip: Any = _untyped

GUIDES = Path(__file__).parents[2] / "docs" / "guides"


def test_a_teacher_of_your_own_runs(capsys: pytest.CaptureFixture[str]) -> None:
    page = (GUIDES / "teachers.md").read_text(encoding="utf-8")
    *_, block = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(compile(block, "teachers.md", "exec"), {"__name__": "page"})  # noqa: S102 (our own page)
    assert capsys.readouterr().out.strip() == block.splitlines()[-1].partition("# ")[2] == "[0 2]"


def test_every_model_is_in_the_table_and_agrees_with_open_clip() -> None:
    lines = (GUIDES / "teacher_table.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")][2:]
    assert len(rows) == len({row[0] for row in rows}) >= 144
    assert {row[0] for row in rows} <= set(open_clip.list_models())
    assert max(float(row[3]) for row in rows) <= 1e-5
    assert {row[6] for row in rows} == {"yes"}
    assert sum(row[5] == "one size" for row in rows) == 2
