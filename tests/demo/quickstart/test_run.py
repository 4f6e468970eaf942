"""The quickstart in small: what it trains and writes, that a seed repeats it, and that it writes over nothing."""

import io
import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image
from rich.console import Console

from clipteacher.cli.main import main
from clipteacher.data.dataset import SegmentationDataset
from clipteacher.data.folder import FolderSource
from clipteacher.demo.drawn_world import CLASSES, UNSEEN
from clipteacher.demo.quickstart.advice import Commands
from clipteacher.demo.quickstart.config import RUNS, QuickstartConfig, check_empty
from clipteacher.demo.quickstart.results import TITLES, Results
from clipteacher.demo.quickstart.run import quickstart
from clipteacher.evaluation.evaluate import pooled_confusion
from clipteacher.evaluation.metrics import compute_metrics
from clipteacher.protocols.splits import ClassSplit
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.teachers.openclip import OpenClipTeacher
from clipteacher.teachers.teacher import ZeroShotTeacher

Done = tuple[Path, tuple[Results, Commands]]
SPLIT = ClassSplit(names=CLASSES, unseen=UNSEEN)


def silent() -> Console:
    return Console(file=io.StringIO())


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, small: QuickstartConfig) -> Done:
    """A finished quickstart. Nothing may write into it."""
    out = tmp_path_factory.mktemp("quick start") / "out"
    return out, quickstart(out, seed=3, config=small, console=silent())


def metrics(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "metrics.json").read_text())
    return found


def test_what_it_writes(done: Done, small: QuickstartConfig) -> None:
    out, _ = done
    assert sorted(path.name for path in out.iterdir()) == [
        *("after", "baseline", "before", "fit.yaml", "metrics.json", "panel.png", "reference", "world")
    ]
    assert len(list((out / "world" / "images" / "train").iterdir())) == 8
    assert len(list((out / "world" / "masks" / "val").iterdir())) == 4
    with Image.open(out / "world" / "images" / "val" / "00000.png") as scene:
        assert scene.size == (64, 64)
    for run in RUNS:
        for part in ("config.yaml", "metrics.json", "report.png", "model/student.safetensors"):
            assert (out / run / part).exists(), part
    assert (out / "fit.yaml").read_bytes() == small.fit.read_bytes()
    with Image.open(out / "panel.png") as panel:
        assert 5 * 120 < panel.width < 6.5 * 120
        assert panel.height > 2 * 120


def test_the_runs_differ_in_what_training_is_told_alone(done: Done) -> None:
    configs = {run: yaml.safe_load((done[0] / run / "config.yaml").read_text()) for run in RUNS}
    told = {}
    for run, config in configs.items():
        method, data = config["model"]["method"], config["data"]
        told[run] = data.pop("unseen"), data.pop("wanted"), method.pop("glm") is None, method.pop("plm") is None
        assert config.pop("out") == str(done[0] / run)
        compared = config.pop("baseline")
        assert compared == (None if run == "baseline" else str(done[0] / "baseline" / "model"))
        config["checkpoint"].pop("dirpath", None)
        config["trainer"].pop("default_root_dir", None)
    unseen = list(UNSEEN)
    assert told == {
        "baseline": (unseen, [], True, True),
        "after": (unseen, [], False, False),
        "before": ([], unseen, False, False),
        "reference": ([], [], True, True),
    }
    assert all(config == configs["baseline"] for config in configs.values())
    assert configs["baseline"]["seed_everything"] == 3


def test_metrics(done: Done) -> None:
    found = metrics(done[0])
    assert list(found) == ["protocol", "seed", "versions", "machine", "rows", "timings"]
    assert found["protocol"] == "world-15-5"
    assert found["seed"] == 3
    assert set(found["versions"]) == {"clipteacher", "torch"}
    assert found["machine"]["cores"] >= 1
    assert found["machine"]["cpu"]
    assert list(found["rows"]) == list(TITLES) == list(found["timings"]["images_per_second"])
    reference = found["rows"]["reference"]["mIoU_unseen"]
    for row in found["rows"].values():
        assert list(row) == ["protocol", "pAcc", "mIoU_seen", "mIoU_unseen", "hIoU", "IoU", "of_reference"]
        assert tuple(row["IoU"]) == CLASSES
        assert row["of_reference"] == (row["mIoU_unseen"] / reference if reference else None)
    assert {key: row["protocol"] for key, row in found["rows"].items()} == {
        "baseline": "world-15-5",
        "teacher": "world-15-5",
        "after": "world-15-5",
        "before": "world-15-5-transductive",
        "reference": "world-20-0",
    }
    assert all(value > 0 for value in found["timings"]["images_per_second"].values())
    assert all(value > 0 for value in found["timings"]["seconds"].values())
    assert found == done[1][0].to_dict()


def test_the_students_rows_are_their_runs_own(done: Done) -> None:
    rows = metrics(done[0])["rows"]
    for run in RUNS:
        own, row = json.loads((done[0] / run / "metrics.json").read_text()), rows[run]
        del row["of_reference"]
        if run == "reference":  # its run has no unseen classes, its row has those of the others
            assert own["mIoU_unseen"] is None
            assert (own["pAcc"], own["IoU"]) == (row["pAcc"], row["IoU"])
            absent = [name for name in CLASSES if row["IoU"][name] is None]
            for score, names in (("mIoU_unseen", UNSEEN), ("mIoU_seen", SPLIT.seen)):
                present = [row["IoU"][name] for name in names if name not in absent]
                assert row[score] == pytest.approx(sum(present) / len(present))
        else:
            assert own == row


def test_training_knows_the_words_it_was_told(done: Done) -> None:
    models = {run: Segmenter.from_pretrained(done[0] / run / "model") for run in RUNS}
    assert {run: model.wanted for run, model in models.items() if model.wanted} == {"before": UNSEEN}
    assert {run: len(model.seen) for run, model in models.items()} == {
        "baseline": 15,
        "after": 15,
        "before": 15,
        "reference": 20,
    }
    assert all(model.class_names == CLASSES for model in models.values())
    assert models["before"].with_names(["a dark cloud"]).class_names == ("a dark cloud",), "words after training"


def test_the_teachers_row_is_that_of_its_dense_tokens(
    done: Done, small: QuickstartConfig, tiny_clip: tuple[Path, Path]
) -> None:
    teacher = OpenClipTeacher(str(tiny_clip[0]), str(tiny_clip[1]))
    student = Segmenter.from_pretrained(done[0] / "after" / "model")
    student.student = ZeroShotTeacher(teacher)
    val_set = SegmentationDataset(FolderSource(done[0] / "world", "val"), SPLIT, training=False)
    expected = compute_metrics(pooled_confusion(student, [val_set[i] for i in range(4)]), SPLIT).to_dict()
    found = metrics(done[0])["rows"]["teacher"]
    del found["protocol"], found["of_reference"]
    assert found.pop("IoU") == pytest.approx(expected.pop("IoU"), abs=1e-3)
    assert found == pytest.approx(expected, abs=1e-3)


def test_a_seed_repeats_all_but_the_timings(done: Done, small: QuickstartConfig, tmp_path: Path) -> None:
    quickstart(tmp_path / "again", seed=3, config=small, console=silent())
    quickstart(tmp_path / "other", seed=4, config=small, console=silent())
    first, again, other = (metrics(out) for out in (done[0], tmp_path / "again", tmp_path / "other"))
    timings = [each.pop("timings") for each in (first, again, other)]
    assert first == again
    assert timings[0] != timings[1]
    assert (done[0] / "panel.png").read_bytes() == (tmp_path / "again" / "panel.png").read_bytes()
    assert first["rows"] != other["rows"]
    scene = Path("world") / "images" / "train" / "00000.png"
    assert (done[0] / scene).read_bytes() == (tmp_path / "again" / scene).read_bytes()
    assert (done[0] / scene).read_bytes() != (tmp_path / "other" / scene).read_bytes()


def test_the_printed_commands_run(
    done: Done, tmp_path: Path, tiny_clip: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through a shell's eyes; the folder's name has a blank. Of the last, what one is told to fill in is filled in."""
    out, (_, commands) = done
    segment, evaluate, fit = (shlex.split(line) for _, line in commands)
    assert {words[0] for words in (segment, evaluate, fit)} == {"clipteacher"}
    segment[segment.index("--out") + 1] = str(tmp_path / "words")
    main(segment[1:])
    photo = Path(segment[2])
    with Image.open(tmp_path / "words" / f"{photo.stem}_ids.png") as ids:
        assert np.array(ids).max() < len(segment[segment.index("--classes") + 1].split(", "))
    main(evaluate[1:])
    fill = {
        "YOUR_FOLDER": str(out / "world"),
        "[WORD, WORD]": "[sand, a red house]",
        "[512, 512]": "[64, 64]",
        "4000": "1",
        "ViT-B-16-quickgelu": str(tiny_clip[0]),
        "openai": str(tiny_clip[1]),
        "512": "16",
    }
    assert fill.keys() <= set(fit)
    monkeypatch.chdir(tmp_path)
    main([fill.get(word, word) for word in fit[1:]])
    assert (
        json.loads((tmp_path / "runs" / "mine" / "metrics.json").read_text())["protocol"] == "world-19-1-transductive"
    )


def test_a_shell_reads_the_commands_as_they_are_meant(done: Done) -> None:
    for _, command in done[1][1]:
        line = command.replace("clipteacher", "printf '%s\\0'", 1)
        words = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True).stdout  # noqa: S603, S607
        assert words.split("\0")[:-1] == shlex.split(command)[1:]


def test_the_scene_to_segment_shows_an_unseen_class_and_the_words_are_what_is_in_it(
    done: Done,
) -> None:
    arguments = shlex.split(done[1][1][0][1])
    photo, words = Path(arguments[2]), arguments[arguments.index("--classes") + 1].split(", ")
    with Image.open(str(photo).replace("images", "masks")) as mask:
        assert words == [CLASSES[label] for label in np.unique(np.array(mask))]
    assert set(words) & set(UNSEEN)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"out/metrics.json": "{}"}, "out holds a quickstart, expected a new or an empty folder. Name another --out"),
        ({"out/notes.txt": "mine"}, "out is not empty, expected a new"),
        ({"out": "a file"}, "out is not empty, expected a new"),
    ],
)
def test_nothing_is_written_over(tmp_path: Path, small: QuickstartConfig, files: dict[str, str], message: str) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(FileExistsError, match=message):
        quickstart(tmp_path / "out", seed=0, config=small, console=silent())
    assert sorted(tmp_path.rglob("*")) == before


def test_a_new_or_an_empty_folder_is_taken(tmp_path: Path) -> None:
    check_empty(tmp_path)
    check_empty(tmp_path / "new" / "er")
    assert not list(tmp_path.iterdir()), "looking makes no folder"
