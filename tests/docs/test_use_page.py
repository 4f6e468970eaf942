"""What docs/guides/use.md says: its table is that of the results, its Python runs, its options exist."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.docs.pages import blocks, page

from clipteacher import Segmenter
from clipteacher.cli.errors import INTERRUPTED
from clipteacher.cli.main import main
from clipteacher.data.photo_search import PHOTO_SUFFIXES

PAGE = page("docs/guides/use.md")


def shown(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"


def test_the_table_is_that_of_the_results() -> None:
    results: dict[str, Any] = json.loads(page("benchmarks/results/none_of_these.json"))
    found = results["found"]
    rules = list(max(found.values(), key=lambda rows: len(list(rows))))
    assert len(rules) == 10
    for rule in rules:
        rows = (found[count].get(rule, {"mIoU": None, "auc": None}) for count in ("1", "3", "10"))
        cells = [shown(row[score]) for row in rows for score in ("mIoU", "auc")]
        assert f"| {rule} | {' | '.join(cells)} |" in PAGE
    for count, rows in found.items():
        cosine = rows["cosine (`threshold`)"]
        assert f"{cosine['threshold']:.2f} ± {cosine['threshold_deviation']:.2f} for {count}" in " ".join(PAGE.split())
    command = results["command"].replace("quickstart/student/", "quickstart/after/")  # its folder until 2026-11-27
    assert command.split(" --out")[0] in "\n".join(blocks(PAGE, "sh"))


def test_its_python_runs(trained: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[Segmenter, str]] = []
    monkeypatch.setattr(Segmenter, "push_to_hub", lambda model, repo_id, **options: sent.append((model, repo_id)))
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda repo_id, **options: str(tmp_path / "model"))
    monkeypatch.chdir(tmp_path)
    from tests.video.clips import halves, write  # which skips where there is no PyAV

    Image.fromarray(np.full((20, 30, 3), 99, np.uint8)).save("photo.jpg")
    write(Path("clip.mp4"), halves(2))
    code = "\n".join(blocks(PAGE, "python")).replace("runs/quickstart/before/model", str(trained[0] / "model"))
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 (our own page)
    assert set(names["found"].areas) == {"cat", "old chair"}
    assert Path("found.png").is_file()
    assert names["done"].frames == 2
    assert Path("out.mp4").is_file()
    assert names["calibrated"].settings.calibration == 0.2
    assert sent == [(names["segmenter"], "owner/name")]
    assert names["again"].class_names == names["segmenter"].class_names


def test_its_options_exist(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["segment", "--help"])
    usage = capsys.readouterr().out
    # Those of the benchmarks, of `evaluate`, `fit` and `train`.
    others = {"data", "unseen", "calibration", "config", "want"}
    options = set(re.findall(r"(?<![\w-])--([a-z_]+)(?![\w.-])", PAGE)) - others
    assert {"threshold", "background_prompts", "background_own", "areas", "max_pixels", "text_cache"} <= options
    for option in options:
        assert f"--{option}" in usage, option


def test_the_suffixes_of_photos_in_a_folder() -> None:
    (row,) = (line for line in PAGE.splitlines() if line.startswith("| files of the suffixes"))
    assert sorted(re.findall(r"`(\.\w+)`", row)) == sorted(PHOTO_SUFFIXES)
    for status in ("0", "1", "2", str(INTERRUPTED), "141"):
        assert f"\n| {status} | " in PAGE
