"""Results: how much of the reference each row reaches, in JSON and in the table."""

import io
import json
import math

import pytest
from rich.console import Console

from clipteacher.demo.quickstart.results import TITLES, Results
from clipteacher.evaluation.metrics import Scores


def results(reference: float) -> Results:
    unseen = {"baseline": 0.0, "teacher": 0.5, "after": 0.6, "before": 0.88, "reference": reference}
    scores = {key: Scores(0.9, mIoU_seen=0.7, mIoU_unseen=unseen[key], hIoU=0.6, IoU={"sky": 0.7}) for key in TITLES}
    protocols = dict.fromkeys(TITLES, "world-15-5") | {"before": "world-15-5-transductive", "reference": "world-20-0"}
    return Results(protocols, 3, scores, dict.fromkeys(TITLES, 50.0), {"world": 61.0, "before": 60.0})


def shown(found: Results) -> str:
    console = Console(file=io.StringIO(), width=80)
    with console.capture() as capture:
        console.print(found.table())
    return capture.get()


def test_rows_in_json() -> None:
    rows = json.loads(json.dumps(results(0.8).to_dict(), allow_nan=False))["rows"]
    assert list(rows) == list(TITLES)
    assert rows["before"]["of_reference"] == pytest.approx(1.1)
    assert rows["after"]["of_reference"] == pytest.approx(0.75)
    assert (rows["baseline"]["of_reference"], rows["reference"]["of_reference"]) == (0, 1)
    assert rows["before"]["protocol"] == "world-15-5-transductive"
    assert rows["before"]["mIoU_unseen"] == 0.88


def test_the_table_fits_a_terminal_and_names_the_protocols() -> None:
    text = shown(results(0.8))
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    (before,) = (line for line in lines if line.startswith("│ words said before"))
    assert [cell.strip() for cell in before.split("│")[2:-1]] == ["88.0", "60.0", "70.0", "90.0", "50", "110.0"]
    assert len([line for line in lines if line.startswith("│")]) == len(TITLES), "no title is broken"
    caption = " ".join(text.split())
    assert (
        "Protocol world-15-5; words said before: world-15-5-transductive, all masks (reference): world-20-0." in caption
    )
    assert "2 min 1 s in all" in caption


@pytest.mark.parametrize("reference", [0.0, math.nan])
def test_without_a_reference_there_is_no_share(reference: float) -> None:
    found = results(reference)
    assert math.isnan(found.of_reference("before"))
    assert found.to_dict()["rows"]["before"]["of_reference"] is None
    (before,) = (line for line in shown(found).splitlines() if line.startswith("│ words said before"))
    assert before.split("│")[-2].strip() == "-"
