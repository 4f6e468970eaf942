"""notebooks/drawn_world.ipynb: it runs, what it finds is right, and what is committed is a clean full run."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

nbformat: Any = pytest.importorskip("nbformat")
nbclient: Any = pytest.importorskip("nbclient")

PATH = Path(__file__).parents[2] / "notebooks" / "drawn_world.ipynb"

PROBE = """
import json
print("FOUND" + json.dumps({
    "fast": FAST,
    "scenes": [len(train_set), len(val_set)],
    "faults": list(found.faults),
    "asked": {each.name: [each.photos, each.IoU] for each in figures if each.photos},
    "advice": list(advice),
    "steps": len(totals),
    "finite": all(np.isfinite(totals)),
    "seen labels": sorted({int(label) for index in range(len(train_set)) for label in train_set[index].mask.unique()}),
    "scores": {title: row.to_dict() for title, row in table.items()},
    "in front": [picture.size for picture in pictures],
    "words": words,
    "areas": areas,
    "whole": sum(result.areas.values()),
    "same": same,
    "exported": [agreement, closed_same, onnx_same],
    "frozen": not any(parameter.requires_grad for parameter in teacher.image.network.parameters()),
    "files": sorted(files),
}))
"""


@pytest.fixture(scope="module")
def notebook() -> Any:  # noqa: ANN401
    return nbformat.read(PATH, as_version=4)


def outputs(cell: Any) -> str:  # noqa: ANN401
    return "".join(output.get("text", "") for output in cell.outputs)


def test_it_runs(notebook: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ANN401
    """With few scenes and two steps; asserts on its variables, not only that it ran."""
    monkeypatch.setenv("FAST", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    copy = nbformat.from_dict(notebook)
    copy.cells.append(nbformat.v4.new_code_cell(PROBE))
    nbclient.NotebookClient(
        copy, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()
    found = json.loads(outputs(copy.cells[-1]).partition("FOUND")[2])
    assert found["fast"]
    assert found["scenes"] == [12, 4]
    assert found["faults"] == []
    assert found["steps"] == 2
    assert found["finite"]
    assert max(label for label in found["seen labels"] if label != 255) <= 14, "15 seen classes, renumbered"
    assert found["scores"].keys() == {"zero-shot teacher", "student"}
    for row in found["scores"].values():
        assert 0 <= row["pAcc"] <= 1
        assert len(row["IoU"]) == 20
    assert found["scores"]["zero-shot teacher"]["pAcc"] > 0.5, "the teacher knows its world without any training"
    assert found["asked"]["sky"][1] > 0.3
    assert any("luck" in line for line in found["advice"])
    assert len(found["in front"]) == 4
    assert set(found["words"]) == {"brick wall", "sand", "boat", "balloon", "flower"}
    assert found["whole"] == pytest.approx(1)
    assert all(0.01 <= share <= 1 for share in found["areas"].values())
    assert found["same"]
    assert all(share >= 0.999 for share in found["exported"]), "compiled and ONNX label as the segmenter does"
    assert found["frozen"]
    assert {"config.json", "student.safetensors", "vocabulary.safetensors"} <= set(found["files"])


def test_what_is_committed_is_a_full_run(notebook: Any) -> None:  # noqa: ANN401
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1)), "run once, from top to bottom"
    for cell in code:
        assert not [output for output in cell.outputs if output.output_type == "error"]
    (scores,) = (cell for cell in code if "pooled_confusion" in cell.source)
    rows = dict(re.findall(r"^(zero-shot teacher|student) +([\d. ]+)$", outputs(scores), flags=re.MULTILINE))
    unseen, harmonic, seen, accuracy = map(float, rows["student"].split())
    assert harmonic == pytest.approx(2 * unseen * seen / (unseen + seen), abs=0.1)
    assert unseen > 30, "the student finds what nobody labelled"
    assert accuracy > 70
    (training,) = (cell for cell in code if "framework(batch.image" in cell.source)
    assert "step 100" in outputs(training), "not the fast run"
    pictures = [output for cell in code for output in cell.outputs if "image/jpeg" in output.get("data", {})]
    assert len(pictures) == 3


def test_it_is_small_and_of_no_machine() -> None:
    text = PATH.read_text(encoding="utf-8")
    assert len(text) < 400_000
    assert not re.findall(r"site-packages|/home/|/tmp/|/root/|/usr/|[A-Z]:\\\\|ipykernel_\d", text)
