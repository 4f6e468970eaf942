"""The same network under several runtimes on a small machine: time, memory, and whether the labels are PyTorch's.

    .venv/bin/python benchmarks/runtimes.py MODEL PHOTOS --calibration MORE_PHOTOS

PyTorch as it is, torch.compile, ONNX Runtime and OpenVINO, and int8 files of the latter two (`int8.py`), each in a
process of its own (`runtime_worker.py`). In every round each labels all photos once, in turn, while the others wait;
ratios are taken within a round. Photos are those of the commonest size in the folder, labelled whole at their own size.
Memory is the process's peak, and what of it came after its libraries were imported. What is not installed is named as
such, and so is a file that does not run; OpenVINO and nncf are no dependency of clipteacher. "One size" is the exported
file with the photos' size written into it, from which the int8 files are made.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from PIL import Image

from clipteacher.data.files import IMAGE_SUFFIXES
from clipteacher.onnx.export import export_onnx
from clipteacher.segmenter.segmenter import Segmenter
from clipteacher.utils.atomic_files import write_json
from int8 import by_default, fixed_size, with_care, with_nncf
from machine import provenance
from runtime_worker import photo
from tables import spread, spread_of_ratios, table

BASE, FLOAT = "PyTorch", "ONNX Runtime, one size"
KEPT = (
    "conv_stem,/blocks.0/,/blocks.1/,/blocks.2/,/blocks.3/,/blocks.4/,segmentation_head",
    "/encoder/,segmentation_head",
)
RATIOS = (("wall", BASE), ("processor", BASE), ("processor", FLOAT))
TITLES = (
    *("runtime", "ms a photo", "/ PyTorch: wall", "processor", "/ ONNX Runtime of one size: processor"),
    *("MiB", "above libraries", "ready, s"),
    "labels as PyTorch, %: all, the worst photo",
)


class Worker:
    """A runtime in its own process, see `runtime_worker.py`.

    Raises:
        RuntimeError: It does not run; the message says why.
    """

    def __init__(self, kind: str, file: Path, threads: int, photos: Sequence[Path]) -> None:
        script = Path(__file__).with_name("runtime_worker.py")
        command = [sys.executable, str(script), kind, str(file), str(threads), *map(str, photos)]
        self._process = subprocess.Popen(  # noqa: S603 (ourselves)
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.ready_seconds: float = self._answer()["ready_seconds"]

    def ask(self, task: str) -> dict[str, Any]:
        """Give a line, and return the answer."""
        told = cast(IO[str], self._process.stdin)
        told.write(task + "\n")
        told.flush()
        return self._answer()

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def _answer(self) -> dict[str, Any]:
        line = cast(IO[str], self._process.stdout).readline()
        if not line:
            raise RuntimeError(f"it ended with status {self._process.wait()}")
        found: dict[str, Any] = json.loads(line)
        if "fault" in found:
            self._process.wait()
            raise RuntimeError(found["fault"])
        return found


def of_one_size(folder: Path, size: tuple[int, int] | None, count: int) -> list[Path]:
    """Choose photos of a size (W, H), evenly over the names; None is the commonest size of the folder."""
    sizes = {path: Image.open(path).size for path in sorted(folder.iterdir()) if path.suffix.lower() in IMAGE_SUFFIXES}
    size = size or Counter(sizes.values()).most_common(1)[0][0]
    found = [path for path in sizes if sizes[path] == size]
    return found[:: max(len(found) // count, 1)][:count]


def files(
    model: Path, folder: Path, calibration: Sequence[Path], kept: Sequence[str]
) -> Iterator[tuple[str, str, Callable[[], Path]]]:
    """Yield each runtime's name, its kind of worker, and what makes its file."""
    exported, fixed, photos = folder / "model.onnx", folder / "fixed.onnx", [photo(path) for path in calibration]
    export_onnx(Segmenter.from_pretrained(model), exported)
    fixed_size(exported, fixed, *photos[0].shape[2:])

    def made(target: str, make: Callable[..., None], *arguments: object) -> Callable[[], Path]:
        def run() -> Path:
            make(fixed, folder / target, photos, *arguments)
            return folder / target

        return run

    yield BASE, "eager", lambda: model
    yield "torch.compile", "compile", lambda: model
    yield "ONNX Runtime", "onnxruntime", lambda: exported
    yield FLOAT, "onnxruntime", lambda: fixed
    yield "OpenVINO", "openvino", lambda: exported
    yield "OpenVINO, one size", "openvino", lambda: fixed
    yield "ONNX Runtime, int8 by default", "onnxruntime", made("default.onnx", by_default)
    for number, words in enumerate(["", *kept]):
        layers, said = [word for word in words.split(",") if word], f", float: {words}" if words else ""
        yield f"ONNX Runtime, int8{said}", "onnxruntime", made(f"{number}.onnx", with_care, layers)
        yield f"OpenVINO, int8{said}", "openvino", made(f"{number}.xml", with_nncf, layers)


def started(
    ways: Iterable[tuple[str, str, Callable[[], Path]]], threads: int, photos: Sequence[Path]
) -> tuple[dict[str, Worker], dict[str, str]]:
    """Start all; return those that run, and why the others do not."""
    workers: dict[str, Worker] = {}
    faults: dict[str, str] = {}
    for name, kind, make in ways:
        try:
            workers[name] = Worker(kind, make(), threads, photos)
        except Exception as error:  # each of the tools has exceptions of its own
            faults[name] = next(iter(str(error).splitlines()), type(error).__name__)
        print(f"{name}: {faults.get(name, 'ready')}", flush=True)
    return workers, faults


def measured(workers: Mapping[str, Worker], rounds: int, folder: Path) -> dict[str, dict[str, Any]]:
    """Let each label all photos once a round, in turn, the first way first and last by turns; compare the labels."""
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in workers}
    for number in range(rounds + 1):  # the first warms up
        for name in list(workers)[:: 1 if number % 2 else -1]:
            seconds = workers[name].ask("time")
            if number:
                runs[name].append(seconds)
    labels = {}
    for number, (name, worker) in enumerate(workers.items()):
        worker.ask(f"labels {folder / f'{number}.npy'}")
        labels[name] = np.load(folder / f"{number}.npy")
    found = {}
    for name, worker in workers.items():
        same = (labels[name] == labels[BASE]).mean(axis=(1, 2))
        found[name] = {
            "runs": runs[name],
            "ratios": {
                f"{clock} / {base}": spread_of_ratios(*([one[clock] for one in runs[way]] for way in (name, base)))
                for clock, base in RATIOS
                if base in runs
            },
            "ready_seconds": worker.ready_seconds,
            "same_labels": {"all": float(same.mean()), "worst": float(same.min())},
            **worker.ask("memory"),
        }
    return found


def cells(name: str, found: Mapping[str, Any], photos: int) -> list[object]:
    """Return the cells of a row under `TITLES`."""
    milliseconds = 1000 * spread([one["wall"] for one in found["runs"]]).median / photos
    peak, above = found["peak_mib"], found["peak_mib"] - found["libraries_mib"]
    same = found["same_labels"]
    return [
        *(name, f"{milliseconds:.0f}", *found["ratios"].values()),
        *(f"{peak:.0f}", f"{above:.0f}", f"{found['ready_seconds']:.1f}"),
        f"{100 * same['all']:.2f}, {100 * same['worst']:.2f}",
    ]


def main() -> None:
    """Compare all and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="folder of a trained model")
    parser.add_argument("photos", type=Path, help="folder of photographs to label")
    parser.add_argument("--calibration", type=Path, required=True, help="folder of others, for the ranges of int8")
    parser.add_argument("--count", type=int, default=8, help="photographs to label")
    parser.add_argument("--calibrated", type=int, default=32, help="photographs for the ranges")
    parser.add_argument("--keep", nargs="*", default=KEPT, help="layers in float, words of their names, by commas")
    parser.add_argument("--rounds", type=int, default=5, help="at least 5")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/runtimes.json"))
    given = parser.parse_args()
    if given.rounds < 5:
        parser.error("expected 5 rounds or more")
    photos = of_one_size(given.photos, None, given.count)
    size = Image.open(photos[0]).size
    calibration = of_one_size(given.calibration, size, given.calibrated)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        ways = files(given.model, folder, calibration, given.keep)
        workers, faults = started(ways, given.threads, photos)
        found = measured(workers, given.rounds, folder)
        for worker in workers.values():
            worker.close()
    about = {"size": size, "photos": len(photos), "calibrated": len(calibration), "threads": given.threads}
    write_json(given.out, {**provenance(), **about, "versions_of": versions(), "runtimes": found, "not_run": faults})
    print("\n" + table(TITLES, [cells(name, each, len(photos)) for name, each in found.items()]))
    for name, fault in faults.items():
        print(f"not run: {name}: {fault}")


def versions() -> dict[str, str]:
    """Return the versions of what is installed."""
    found = {}
    for package in ("onnxruntime", "openvino", "nncf"):
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


if __name__ == "__main__":
    main()
