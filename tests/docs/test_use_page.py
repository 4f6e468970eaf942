"""What docs/use.md says: its table is that of the results, its Python runs, its options exist."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from clipteacher import Segmenter
from clipteacher.cli.main import main

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/use.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)


def test_the_table_is_that_of_the_results(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.delitem(sys.modules, "none_of_these", raising=False)
    from none_of_these import table

    results: dict[str, Any] = json.loads((ROOT / "benchmarks/results/none_of_these.json").read_text(encoding="utf-8"))
    assert table(results["found"]) in PAGE
    for count, rows in results["found"].items():
        cosine = rows["cosine (`threshold`)"]
        assert f"{cosine['threshold']:.2f} ± {cosine['threshold_spread']:.2f} for {count}" in " ".join(PAGE.split())
    assert results["command"].split(" --out")[0] in "\n".join(blocks("sh"))


def test_its_python_runs(trained: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[Segmenter, str]] = []
    monkeypatch.setattr(Segmenter, "push_to_hub", lambda model, repo_id: sent.append((model, repo_id)))
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda repo_id, **options: str(tmp_path / "model"))
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.full((20, 30, 3), 99, np.uint8)).save("photo.jpg")
    code = "\n".join(blocks("python")).replace("runs/quickstart/student/model", str(trained[0] / "model"))
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 (our own page)
    assert set(names["found"].areas) == {"cat", "old chair"}
    assert sent == [(names["segmenter"], "owner/name")]
    assert names["again"].class_names == names["segmenter"].class_names


def test_its_options_exist(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["segment", "--help"])
    usage = capsys.readouterr().out
    options = set(re.findall(r"(?<![\w-])--([a-z_]+)", PAGE)) - {"data", "unseen"}  # the benchmarks'
    assert {"threshold", "background_own", "areas", "max_pixels", "text_cache"} <= options
    for option in options:
        assert f"--{option}" in usage, option
