"""Each script of `benchmarks/` runs, with the smallest numbers, and writes what it should."""

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol, get_args

import pytest
import torch
from PIL import Image
from tests.conftest import NAMES
from torch import nn

import clipteacher.training.configured  # noqa: F401 (before any capture: the trainer's logger keeps its stream)
from clipteacher.demo import write_world
from clipteacher.inference.text_classifier import TextClassifier
from clipteacher.teachers.dense_readings import Dense

ROOT = Path(__file__).parents[2]


class Run(Protocol):
    def __call__(self, script: str, *options: object, **replaced: object) -> str: ...


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a script's main() with options, and with some of its constants replaced; returns what it prints."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))

    def call(script: str, *options: object, **replaced: object) -> str:
        module = importlib.import_module(script)
        for name, value in replaced.items():
            monkeypatch.setattr(module, name, value)
        monkeypatch.setattr(sys, "argv", [f"benchmarks/{script}.py", *map(str, options)])
        monkeypatch.setattr("torch.set_num_threads", lambda threads: None)  # other tests keep theirs
        capsys.readouterr()
        module.main()
        return capsys.readouterr().out

    return call


def read(path: Path, script: str) -> dict[str, Any]:
    """A file of figures; all begin with where they are from."""
    found: dict[str, Any] = json.loads(path.read_text())
    assert list(found)[-1] != "command"
    assert found["command"].startswith(f"python benchmarks/{script}.py")
    assert {"date", "machine", "versions"} <= set(found)
    return found


def test_kmeans(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "kmeans.json"
    options = ["--images", 2, "--side", 16, "--channels", 8, "--rounds", 1, "--threads", 1, "--out", out]
    shown = run("kmeans", *options)
    assert "| ours |" in shown
    rows = read(out, "kmeans")["rows"]
    assert rows["spherical, image by image"]["labels_as_ours"] > 0.99
    assert rows["ours"]["ratio_wall_processor"] == [[1, 1, 1], [1, 1, 1]]


def test_imagenet_teachers(run: Run, tmp_path: Path) -> None:
    write_world(tmp_path / "world", seed=0, train=3, val=1, size=64)
    out = tmp_path / "teachers.json"
    options = ["--unseen", "boat, sand", "--sizes", 0, "--scales", 1, 2, "--copy", tmp_path / "copy", "--out", out]
    shown = run("imagenet_teachers", tmp_path / "world", *options)
    assert "| Lite0 | 2.0 |" in shown
    assert [row["scale"] for row in read(out, "imagenet_teachers")["rows"]] == [1.0, 2.0]
    assert not {"boat", "sand"} & set((tmp_path / "copy" / "classes.txt").read_text().splitlines())
    # The towers are swapped in as the library does it.
    again = importlib.import_module("imagenet_teachers").LiteTeacher(0)
    images = torch.rand(1, 3, 40, 56, generator=torch.Generator().manual_seed(0))
    ours = importlib.import_module("clipteacher.teachers.imagenet").ImageNetTeacher()
    assert torch.equal(again.encode_image(images).dense, ours.encode_image(images).dense)


def test_speed(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "speed.json"
    students = {"tiny": lambda channels: nn.Conv2d(3, channels, 4, stride=4)}
    teachers = importlib.import_module("clipteacher.teachers.openclip")

    def tiny(*_: object, **options: Any) -> Any:  # noqa: ANN401
        return teachers.OpenClipTeacher("package:clipteacher.demo.tiny_clip", None, **options)

    seg = importlib.import_module("clipseg").clipseg_network(tiny=True)
    options = ["--rounds", 5, "--side", 64, "--names", 3, "--students", "tiny", "--prompts", 2, "--threads", 1]
    replaced = {"STUDENTS": students, "OpenClipTeacher": tiny, "WIDTH": 128, "MATRIX": 64}
    shown = run("speed", *options, "--out", out, **replaced, clipseg_network=lambda: seg)
    assert shown.count("| tiny | 3 |") == 3, "once while it runs, and in two tables"
    (row,) = read(out, "speed")["rows"]
    assert list(row["ratios"]) == list(importlib.import_module("speed").RATIOS)
    assert all(low <= middle <= high for low, middle, high in row["ratios"].values())
    assert len(row["rounds"]) == 5
    assert row["flop"] == 2 * 3 * 3 * 4 * 4 * 16 * 16
    fastest = min(each["matrix product"] for each in row["rounds"])
    assert row["limit_flop_a_second"] == pytest.approx(2 * 64**3 / fastest)
    rates = [row["flop"] / each["network"] / row["limit_flop_a_second"] for each in row["rounds"]]
    assert [row["share_of_limit"][0], row["share_of_limit"][2]] == pytest.approx([min(rates), max(rates)])


def test_the_ways_of_other_methods_label_as_they_should(run: Run) -> None:
    speed, clipseg = (importlib.import_module(name) for name in ("speed", "clipseg"))
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, 3, 40, 56, generator=generator)
    with torch.inference_mode():
        text = nn.functional.normalize(torch.randn(5, 3, generator=generator), dim=1)
        labels = speed.published_labels(lambda images: images[:, :, ::8, ::8], image, TextClassifier(text))
        scores = torch.einsum("bchw,nc->bnhw", image[:, :, ::8, ::8], text)
        expected = nn.functional.interpolate(scores, size=(40, 56), mode="bilinear").argmax(dim=1)
        assert torch.equal(labels, expected)
        network = clipseg.clipseg_network(tiny=True)
        ways = clipseg.clipseg_ways(network, image, 6, 6)
        shared, documented = ways["clipseg"](), ways["clipseg, documented"]()
    assert shared.shape == (40, 56)
    assert torch.equal(shared, documented), "the image encoder runs once, and the maps are the same"
    assert len(shared.unique()) > 1
    assert shared.max() > 3, "prompts of the second batch count too"
    rounds = [{"clipseg, documented": 1.0, "fused": 2.0}]
    assert speed.in_full(rounds, 10, 4) == [{"clipseg, documented": 2.5, "fused": 2.0}]
    assert speed.in_full(rounds, 3, 4) == rounds


def test_vocabulary_memory(run: Run, tmp_path: Path) -> None:
    def here(command: list[str], **_: object) -> SimpleNamespace:
        way, names = command[command.index("--one") + 1 :][:2]
        measured = importlib.import_module("vocabulary_memory").measure(way, int(names), 64, 1)
        return SimpleNamespace(stdout=json.dumps(measured))  # in place of a process of its own

    out = tmp_path / "memory.json"
    options = ["--names", 3, "--side", 64, "--rounds", 1, "--threads", 1, "--out", out]
    assert (
        run("vocabulary_memory", *options, subprocess=SimpleNamespace(run=here)).splitlines()[-1].endswith("| yes |")
    ), "the same labels in both ways"
    assert [each["way"] for each in read(out, "vocabulary_memory")["runs"]] == ["tiles", "plain"]


def test_a_teacher_under_each_of_its_readings(run: Run, folder: Path, tiny_clip: tuple[Path, Path]) -> None:
    out = folder / "readings.json"
    options = ["--model", tiny_clip[0], "--pretrained", tiny_clip[1], "--image_size", 32, "--unseen", NAMES[0]]
    shown = run("zero_shot_teacher", *options, "--data", folder, folder, "--split", "train", "--out", out)
    rows = read(out, "zero_shot_teacher")["rows"]
    assert [row["setting"] for row in rows[::2]] == list(get_args(Dense)), "each reading, on both data sets"
    assert len({row["pAcc"] for row in rows}) > 2, "random weights, but readings differ"
    for one, other in zip(rows[::2], rows[1::2], strict=True):
        assert one == other, "the same data set twice"
        assert f"| {one['setting']} | {100 * one['mIoU_unseen']:.1f} ± 0.0 | {100 * one['hIoU']:.1f} ± 0.0 |" in shown
    with pytest.raises(SystemExit):
        run("zero_shot_teacher", *options, "--data", folder, "--dense", "keys", "--out", out)


def test_labels(run: Run, trained: tuple[Path, Path], tmp_path: Path) -> None:
    out, photos = tmp_path / "labels.json", trained[1] / "images" / "val"
    options = ["--count", 1, "--threads", 1, "--pipelines", "own size", "windows of 192", "--out", out]
    shown = run("labels", trained[0] / "model", photos, *options, LISTS={"two": ["cat", "owl, bird"]})
    assert "| own size | 2 | features |" in shown
    found = read(out, "labels")
    assert len(found["steps"]) == 8
    assert all(step["pixels_that_differ"] == 0 for step in found["steps"])
    assert all(len(runs) == 5 for step in found["steps"] for runs in step["runs"].values())
    for own, two in found["whole"].values():
        assert own["ratios"]["wall"] == [1, 1, 1]
        assert two["names"] == 2


def test_throughput(run: Run, trained: tuple[Path, Path], tmp_path: Path) -> None:
    out, photos = tmp_path / "throughput.json", trained[1] / "images" / "val"
    options = ["--count", 3, "--rounds", 1, "--threads", 1, "--out", out]
    shown = run("throughput", trained[0] / "model", photos, *options)
    assert "| 3 photos of 90x70 |" in shown
    for found in read(out, "throughput")["rows"]:
        assert set(found["rounds"]) == {"network", "command", "in turn"}
        assert all(len(runs) == 1 and runs[0]["wall"] > 0 for runs in found["rounds"].values())
    shown = run("throughput", trained[0] / "model", photos, *options, "--width", 180, "--photos-only")
    assert "| 3 photos of 180x140 |" in shown
    assert [row["of"] for row in read(out, "throughput")["rows"]] == ["photos"]


def test_runtimes(run: Run, trained: tuple[Path, Path], tmp_path: Path) -> None:
    """Processes of their own with PyTorch and ONNX Runtime; torch.compile takes minutes, OpenVINO is not installed."""
    every, out = importlib.import_module("runtimes").files, tmp_path / "runtimes.json"

    def some(*arguments: Any) -> Iterator[tuple[str, str, Any]]:  # noqa: ANN401 (the script's own)
        kept = ("PyTorch", "ONNX Runtime, one size", "ONNX Runtime, int8, float: head")
        yield from (way for way in every(*arguments) if way[0] in kept)
        yield "gone", "onnxruntime", lambda: tmp_path / "gone.onnx"

    photos, more = (trained[1] / "images" / split for split in ("val", "train"))
    options = ["--calibration", more, "--count", 2, "--calibrated", 2, "--keep", "head", "--out", out]
    shown = run("runtimes", trained[0] / "model", photos, *options, files=some)
    assert "not run: gone: " in shown
    assert "gone.onnx" in shown
    found = read(out, "runtimes")
    assert list(found["not_run"]) == ["gone"]
    eager, single, small = found["runtimes"].values()
    assert eager["same_labels"] == {"all": 1, "worst": 1}
    assert single["same_labels"]["all"] > 0.999
    assert small["same_labels"]["worst"] <= small["same_labels"]["all"] < 1, "int8 is another network"
    assert single["ratios"]["processor / ONNX Runtime, one size"] == [1, 1, 1]
    assert [len(each["runs"]) for each in (eager, single, small)] == [5, 5, 5]
    assert single["peak_mib"] < 0.5 * eager["peak_mib"], "there is no PyTorch in it"


def test_step_cost_and_its_chart(run: Run, tmp_path: Path) -> None:
    out, picture = tmp_path / "step.json", tmp_path / "step.png"
    base = {"batch": 2, "image size": 64, "names": 3, "bank": 4}
    options = ["--rounds", 1, "--out", out, "--picture", picture]
    shown = run("step_cost", *options, BASE=base, AXES={"batch": (1, 2), "bank": (0, 4)})
    assert "| batch | 2 (base) | supervised baseline |" in shown
    assert "| bank | 0 | GLM + PLM |" in shown
    assert set(read(out, "step_cost")["axes"]) == {"batch", "bank"}
    assert Image.open(picture).size[0] > 500


def test_the_recorded_step_cost_is_drawn_again(run: Run, tmp_path: Path) -> None:
    picture = tmp_path / "step.png"
    recorded = ROOT / "benchmarks" / "results" / "step_cost.json"
    before = recorded.read_bytes()
    shown = run("step_cost", "--redraw", "--out", recorded, "--picture", picture)
    assert "| names | 847 | supervised baseline |" in shown
    assert picture.exists()
    assert recorded.read_bytes() == before


def test_train_step(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "train.json"
    options = ["--batch", 2, "--side", 64, "--photo", 64, "--rounds", 1, "--threads", 1, "--out", out]
    shown = run("train_step", "quickstart", *options)
    assert "| with the cache / baseline |" in shown
    assert "| student, forward |" in shown
    found = read(out, "train_step")
    assert found["seed"] == 0
    assert {"GLM", "PLM, K-means", "teacher or cache"} <= set(found["parts"]["without the cache"][0])


def test_data_workers(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "workers.json"
    options = ["--workers", 0, "--batch", 2, "--crop", 64, "--photo", 64, "--photos", 2, "--rounds", 2, "--steps", 1]
    shown = run("data_workers", *options, "--threads", 1, "--out", out)
    assert "| 0 | " in shown
    found = read(out, "data_workers")
    (row,) = found["rows"]
    assert row["crops_a_second"] == pytest.approx(2 / row["seconds"])
    low, middle, high = row["of_step"]
    assert low == middle == high == pytest.approx(row["seconds"] / found["network_seconds"][0])


def test_gpu_in_the_smallest_sizes(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every part leaves a line, and one that fails leaves the others alone."""

    def fails(_: object) -> Iterator[dict[str, Any]]:
        raise OSError("no such card")
        yield {}

    def process(command: list[str], **_: object) -> SimpleNamespace:
        assert command[-1] == "tests/gpu"
        return SimpleNamespace(returncode=0, stdout="12 passed in 3.00s\n", stderr="")

    def small(channels: int) -> nn.Module:
        return nn.Conv2d(3, channels, 4, stride=4)

    monkeypatch.setattr("subprocess.run", process)
    monkeypatch.setattr(importlib.import_module("speed"), "STUDENTS", {"SegNeXt-T": small})
    out, replaced = tmp_path / "gpu.jsonl", {"clipseg": fails, "SegNeXtStudent": lambda size, channels: small(channels)}
    shown = run("gpu", "--tiny", "--device", "cpu", "--out", out, **replaced)
    assert 'tests: {"summary": "12 passed in 3.00s"}' in shown
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    found = {line["part"]: line for line in lines}
    assert [line["part"] for line in lines if "error" in line] == ["at test, CLIPSeg"]
    assert found["at test, CLIPSeg"]["error"] == "OSError: no such card"
    assert found["K-means"]["labels_as_cpu"] == 1
    assert found["labels"]["same"] > 0.999
    rates = found["training, SegNeXt tiny"]["images_a_second"]
    assert set(rates) == {"supervised baseline", "with the cache", "without the cache"}
    assert {"fused", "closed-set", "clip", "both"} <= set(found["at test, SegNeXt-T, fp32"]["images_a_second"])
    assert found["data workers"]["rows"][0]["seconds"] > 0
    assert all(line["command"].startswith("python benchmarks/gpu.py --tiny") for line in lines)


def test_gpu_names_the_parts_that_the_time_does_not_reach(run: Run, tmp_path: Path) -> None:
    gpu, out = importlib.import_module("gpu"), tmp_path / "gpu.jsonl"
    run("gpu", "--device", "cpu", "--seconds", 0, "--out", out)
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["part"] for line in lines] == list(gpu.parts_of(gpu.Sizes()))
    assert {line["not_run"] for line in lines} == {"no time was left of 0 s"}


def test_none_of_these(run: Run, trained: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "none.json"
    model, data = trained[0] / "model", trained[1]
    options = ["--names", 1, 2, "--draws", 2, "--pixels", 50, "--out", out]
    shown = run("none_of_these", "--model", model, "--data", data, *options)
    assert "| rule | 1 name: mIoU | AUC | 2 names: mIoU | AUC |" in shown
    assert "| margin to the second | - | - |" in shown
    found = read(out, "none_of_these")
    assert found["photos"] == 3
    assert 0 <= found["found"]["1"]["cosine (`threshold`)"]["auc"] <= 1


def test_flicker(run: Run, trained: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "flicker.json"
    options = ["--sigmas", 0, 60, "--frames", 3, "--photos", 2, "--out", out]
    shown = run("flicker", "--model", trained[0] / "model", "--data", trained[1], *options)
    assert "| 0 | 0.0 |" in shown
    found = read(out, "flicker")
    assert (found["photos"], found["rows"]["0"]) == (2, [0.0, 0.0])
    assert all(0 < share < 1 for share in found["rows"]["60"])


def test_quickstart_over_seeds(run: Run, tmp_path: Path) -> None:
    scores = {"mIoU_unseen": 0.25, "hIoU": 0.5, "mIoU_seen": 0.75, "pAcc": 1.0, "of_reference": 0.8}
    keys = list(importlib.import_module("clipteacher.demo.quickstart.results").TITLES)
    metrics = {
        "protocol": "world-15-5",
        "rows": dict.fromkeys(keys, scores) | {"baseline": scores | {"of_reference": None}},
        "timings": {"images_per_second": dict.fromkeys(keys, 10.0), "seconds": {"world": 60, "student": 60}},
        "machine": {"cpu": "some", "cores": 2},
    }
    for seed in (0, 1):
        (tmp_path / f"seed{seed}").mkdir()
        (tmp_path / f"seed{seed}" / "metrics.json").write_text(json.dumps(metrics))
    out = tmp_path / "quickstart.json"
    shown = run("quickstart", "--runs", tmp_path, "--seeds", 0, 1, "--out", out)
    assert "| words said before | 25.0 ± 0.0 | 50.0 ± 0.0 | 75.0 ± 0.0 | 100.0 ± 0.0 | 10 ± 0 | 80.0 ± 0.0 |" in shown
    assert "| labels only | 25.0 ± 0.0 | 50.0 ± 0.0 | 75.0 ± 0.0 | 100.0 ± 0.0 | 10 ± 0 | - |" in shown
    assert "2.0 ± 0.0 minutes a run" in shown
    assert len(read(out, "quickstart")["runs"]) == 2
    metrics["rows"] = {"baseline": scores, "teacher": scores, "student": scores}
    (tmp_path / "seed0" / "metrics.json").write_text(json.dumps(metrics))
    with pytest.raises(ValueError, match=r"seed0 has the rows .*'student'.*, expected .*'before'"):
        run("quickstart", "--runs", tmp_path, "--seeds", 0, 1, "--out", out)


def test_counts_of_students(run: Run) -> None:
    published = importlib.import_module("clipteacher.students.published")
    smallest = [paper for paper in published.PAPER_STUDENTS if paper.name == "SegFormer-B0"]
    assert run("student_sizes", PAPER_STUDENTS=smallest).splitlines()[2].startswith("| SegFormer-B0 | 4 | 3.")
    cells = run("recipe_costs", PAPER_STUDENTS=smallest).splitlines()[2].strip("| ").split(" | ")
    assert cells[0] == "SegFormer-B0"
    assert all(float(cell) > 0 for cell in cells[1:])


def test_pseudo_labels(run: Run, trained: tuple[Path, Path]) -> None:
    teachers = importlib.import_module("clipteacher.teachers.openclip")

    def tiny() -> Any:  # noqa: ANN401
        return teachers.OpenClipTeacher("package:clipteacher.demo.tiny_clip", None)

    options = ["--data", trained[1], "--unseen", "sun", "--windows", 2, 4, "--thresholds", 0.4]
    cells = run("pseudo_labels", *options, ImageNetTeacher=tiny).splitlines()[2].strip("| ").split(" | ")
    assert cells[0] == "0.4"
    assert 0 < float(cells[1]) <= 1
    assert 0 < float(cells[2]) <= 1


def test_lists_are_drawn_from_known_names(run: Run, trained: tuple[Path, Path], tmp_path: Path) -> None:
    teachers = importlib.import_module("clipteacher.teachers.openclip")

    def tiny() -> Any:  # noqa: ANN401
        return teachers.OpenClipTeacher("package:clipteacher.demo.tiny_clip", None)

    out = tmp_path / "lists.json"
    options = ["--data", trained[1], "--least", 0, "--size", 2, "--out", out]
    shown = run("drawn_lists", *options, ImageNetTeacher=tiny, OWN=("sun",))
    first, second = read(out, "drawn_lists")["lists"]
    assert len(set(first)) == len(set(second)) == 2
    assert first != second
    assert f"list 1: {', '.join(first)}" in shown


@pytest.mark.parametrize("script", ["allocator", "kill"])
def test_the_others_can_be_imported(script: str, run: Run) -> None:
    """They measure processes for minutes."""
    assert callable(importlib.import_module(script).main)


def test_startup(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its processes take a minute: here each is a short one, and a network's two times are made up."""
    startup = importlib.import_module("startup")
    real = startup.timed
    assert real("-c", "print(1); print(2)").printed == "2"
    with pytest.raises(RuntimeError, match="got status 3"):
        real("-c", "raise SystemExit(3)")
    seconds = {"import torch": 2.0, startup.NETWORK: 5.0, "segment": 4.5}

    def short(*arguments: str) -> Any:  # noqa: ANN401 (the script's own)
        spent = next((time for word, time in seconds.items() if word in arguments), 0.5)
        return startup.Timed(2 * spent, spent, json.dumps({"library": 1.5, "network": 1.0}))

    out = tmp_path / "startup.json"
    shown = run("startup", "--rounds", 2, "--side", 32, "--names", 2, "--out", out, timed=short)
    assert "| import torch | 4.00 | 2.00 |" in shown
    assert "| clipteacher fit --help | 1.00 | 0.50 |" in shown
    assert "| segment, SegNeXt-T | 9.00 | 4.50 | 1.50, **1.50**, 1.50 | 1.00, **1.00**, 1.00 |" in shown
    assert len([each for each in read(out, "startup")["runs"] if each["what"] == "import torch"]) == 2


def test_rare_classes(run: Run, tmp_path: Path) -> None:
    """The world is drawn, and the weights are chosen; what a training would give is made up."""
    asked: list[tuple[bool, int]] = []

    def trained(root: Path, out: Path, weights: dict[str, float], seed: int, steps: int) -> dict[str, Any]:
        assert (root / "classes.txt").is_file()
        assert (out.parent, steps) == (tmp_path, 250)
        asked.append((bool(weights), seed))
        names = (root / "classes.txt").read_text().split()
        share = 0.4 if weights else 0.2
        iou = {name: share if name in ("car", "bird", "mushroom") else 0.6 for name in [*names, "brick wall"]}
        return {"IoU": iou, "mIoU_unseen": 0.5, "mIoU_seen": 0.55}

    out = tmp_path / "rare.json"
    options = ["--seeds", 3, "--train", 30, "--val", 4, "--runs", tmp_path, "--out", out]
    shown = run("rare_classes", *options, scores=trained)
    assert asked == [(False, 3), (True, 3)]
    weights = read(out, "rare_classes")["weights"]
    assert {"bird", "mushroom"} <= set(weights)
    assert min(weights.values()) > 1
    for setting, small in (("no weights", 20.0), ("weights as train chooses them", 40.0)):
        ious = [small if name in ("car", "bird", "mushroom") else 60.0 for name in weights]
        row = " | ".join(f"{iou:.1f}" for iou in [*ious, sum(ious) / len(ious)])
        assert f"| {setting} | {row} | " in shown


def test_seed_spread(run: Run, tmp_path: Path) -> None:
    """A run has the first weights of one seed and the order of another; the training itself is made up."""
    begun: list[tuple[int, int]] = []

    def session(arguments: list[str]) -> Any:  # noqa: ANN401
        seed, out = (arguments[arguments.index(word) + 1] for word in ("--seed_everything", "--out"))
        student = nn.Linear(1, 1)
        nn.init.constant_(student.weight, float(seed))

        def start() -> None:
            weights = int(student.weight)
            begun.append((weights, int(seed)))
            iou = {"a cat": 0.1 * weights, "car": 0.3}
            scores = {"mIoU_unseen": 0.1 * weights, "hIoU": 0.5, "mIoU_seen": 0.5, "pAcc": 0.5, "IoU": iou}
            Path(out, "metrics.json").write_text(json.dumps(scores))

        return SimpleNamespace(module=SimpleNamespace(framework=SimpleNamespace(student=student)), start=start)

    grid, lines = tmp_path / "grid.yaml", tmp_path / "lines.jsonl"
    held_out = {"unseen": ["cow"], "settings": {"mine": [], "other": []}}
    written = {"config": "configs/msrc21.yaml", "seeds": [5], **held_out, "held_out": [["x"], ["a cat", "car"]]}
    grid.write_text(json.dumps(written))
    words = ["--setting", "mine", "--list", 1, "--seeds", 1, 2, 3]
    options = [grid, *words, "--lines", lines, "--runs", tmp_path / "runs"]
    shown = run("seed_spread", *options, configured_session=session, data_of=lambda grid, data, runs: tmp_path)
    assert begun == [(1, 1), (2, 1), (1, 2), (3, 1), (1, 3)]
    assert "| weights | 3 | 20.0 ± 10.0 | 50.0 ± 0.0 | 50.0 ± 0.0 | 50.0 ± 0.0 | 20.0 ± 10.0 | 30.0 ± 0.0 |" in shown
    assert "| order | 3 | 10.0 ± 0.0 |" in shown
    line = json.loads(lines.read_text().splitlines()[1])
    assert (line["grid"], line["setting"], line["weights"], line["order"]) == ("grid", "mine", 2, 1)
    run("seed_spread", *options, configured_session=session, data_of=lambda grid, data, runs: tmp_path)
    assert len(begun) == 5, "what has a line is not run again"


def test_train_command(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command takes minutes: here it writes what a run leaves, and notes what was typed."""
    typed: list[list[str]] = []

    def process(command: list[str], *, check: bool) -> None:
        assert check
        typed.append(command[3:])
        out = Path(command[-1])
        out.mkdir(parents=True)
        plan = {
            "trainer": {"max_steps": 40 + len(typed)},
            "data": {"batch_size": 10, "augment": {"crop_size": [64, 96]}},
            "model": {
                "student": {"init_args": {"architecture": "FPN"}},
                "teacher": {"class_path": "clipteacher.teachers.imagenet.ImageNetTeacher"},
            },
        }
        (out / "plan.yaml").write_text(json.dumps(plan))
        metrics = {"protocol": "mine-3-1-transductive", "mIoU_unseen": 0.5, "hIoU": 0.6, "mIoU_seen": 0.7, "pAcc": 0.8}
        (out / "metrics.json").write_text(json.dumps(metrics))

    monkeypatch.setattr("subprocess.run", process)
    lines = tmp_path / "lines.jsonl"
    options = ["mine", "--want", "cat, old chair", "--seeds", 1, 2, "--runs", tmp_path / "runs", "--lines", lines]
    shown = run("train_command", *options)
    row = '| `mine --want "cat, old chair"` | mine-3-1-transductive | 1, 2 | 50.0 ± 0.0 | 60.0 ± 0.0 | 70.0 ± 0.0 |'
    assert row in shown
    assert typed[1][:6] == ["train", "mine", "--want", "cat, old chair", "--seed", "2"]
    assert run("train_command", *options) == shown
    assert len(typed) == 2, "what has a line is not run again"
    line = json.loads(lines.read_text().splitlines()[0])
    assert (line["steps"], line["calibration"], line["teacher"]) == (41, 0, "ImageNetTeacher")


def test_class_sizes(run: Run, tmp_path: Path) -> None:
    data, lines = tmp_path / "data", tmp_path / "lines.jsonl"
    masks = [[0, 0, 0, 1], [1, 1, 2, 255], [0, 1, 1, 1]]
    for number, mask in enumerate(masks):
        for kind, values in (("images", [0] * 4), ("masks", mask)):
            path = data / kind / "val" / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.frombytes("L", (4, 1), bytes(values)).save(path)
    (data / "classes.txt").write_text("cat\ndog\nsky\n")
    runs = [("a", ["sky", "cat"], 0.5, 0.25), ("a", ["sky"], 0.7, 0.75), ("b", ["cat"], 0.1, 0.1)]
    lines.write_text(
        "".join(
            json.dumps({"setting": setting, "unseen": unseen, "IoU": {"sky": sky, "cat": cat, "dog": None}}) + "\n"
            for setting, unseen, sky, cat in runs
        )
    )
    shown = run("class_sizes", data, lines, "--setting", "a")
    assert shown.splitlines()[2:] == [
        "| sky | 25.0 % | 1 | 2 | 60.0 ± 14.1 | - |",
        "| cat | 50.0 % | 2 | 1 | 25.0 | 75.0 |",
    ]
    with pytest.raises(SystemExit):
        run("class_sizes", data, lines, "--setting", "c")
