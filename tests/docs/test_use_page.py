"""What docs/guides/use.md says: its table is that of the results, its Python runs, its options exist."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.docs.pages import ROOT, blocks, page

from clipteacher import Segmenter
from clipteacher.cli.main import main

PAGE = page("docs/guides/use.md")


def test_the_table_is_that_of_the_results(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.delitem(sys.modules, "none_of_these", raising=False)
    from none_of_these import table

    results: dict[str, Any] = json.loads(page("benchmarks/results/none_of_these.json"))
    assert table(results["found"]) in PAGE
    for count, rows in results["found"].items():
        cosine = rows["cosine (`threshold`)"]
        assert f"{cosine['threshold']:.2f} ± {cosine['threshold_spread']:.2f} for {count}" in " ".join(PAGE.split())
    assert results["command"].split(" --out")[0] in "\n".join(blocks(PAGE, "sh"))


def test_its_python_runs(trained: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[Segmenter, str]] = []
    monkeypatch.setattr(Segmenter, "push_to_hub", lambda model, repo_id, **options: sent.append((model, repo_id)))
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda repo_id, **options: str(tmp_path / "model"))
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.full((20, 30, 3), 99, np.uint8)).save("photo.jpg")
    code = "\n".join(blocks(PAGE, "python")).replace("runs/quickstart/student/model", str(trained[0] / "model"))
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 (our own page)
    assert set(names["found"].areas) == {"cat", "old chair"}
    assert Path("found.png").is_file()
    assert names["calibrated"].settings.calibration == 0.2
    assert sent == [(names["segmenter"], "owner/name")]
    assert names["again"].class_names == names["segmenter"].class_names


def test_its_options_exist(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["segment", "--help"])
    usage = capsys.readouterr().out
    # Those of the benchmarks, of `evaluate` and of `export`.
    options = set(re.findall(r"(?<![\w-])--([a-z_]+)(?![\w.-])", PAGE)) - {"data", "unseen", "calibration"}
    assert {"threshold", "background_prompts", "background_own", "areas", "max_pixels", "text_cache"} <= options
    for option in options:
        assert f"--{option}" in usage, option
