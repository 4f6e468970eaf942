"""Kills `clipteacher fit` at random moments, resumes it, and compares its result with that of a run left in peace.

Each run is killed several times (SIGKILL: nothing can be tidied up), each time resumed, and then left to end. Half of
the kills come at a random time of the run, half while a file is written: a checkpoint, a model folder, metrics.json,
report.png or config.yaml. Every resume must work, no step of a whole checkpoint may be lost, and the weights, the text
features and the scores must have the bits of the run left in peace. From the project's root:

    .venv/bin/python benchmarks/kill.py

One process imports everything and forks each run from itself (POSIX), because each kill costs a start. The world is
drawn, the teacher is the packaged tiny CLIP, the student is tiny: this tests files, not learning.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import open_clip  # noqa: F401 (imported once, before the forks)
import tensorboard.summary  # type: ignore[import-untyped]  # noqa: F401
import torch
import torch.utils.tensorboard

import clipteacher.cli.fit
import clipteacher.teachers.openclip  # noqa: F401
from clipteacher.cli.main import main as clipteacher_main
from clipteacher.demo.drawn_world import write_world
from clipteacher.training.checkpoints import newest_whole
from clipteacher.training.run_folder import RunFolder
from clipteacher.utils.atomic_files import UNFINISHED, write_json
from machine import provenance

COMPARED: Final = ("metrics.json", "model/student.safetensors", "model/vocabulary.safetensors", "model/config.json")
ARGUMENTS: Final = (
    *("--data.unseen", "[sand, boat]", "--data.batch_size", "2", "--data.workers", "0", "--data.audit", "false"),
    *("--data.augment.crop_size", "[64, 64]", "--model.student", "clipteacher.students.smp.SMPStudent"),
    *("--model.student.architecture", "FPN", "--model.student.encoder", "tu-test_efficientnet"),
    *("--model.student.channels", "128", "--model.teacher", "clipteacher.teachers.openclip.OpenClipTeacher"),
    *("--model.teacher.model", "package:clipteacher.demo.tiny_clip", "--model.teacher.pretrained", "null"),
    *("--model.method.plm.windows", "[2, 4]"),
    *("--trainer.accelerator", "cpu", "--trainer.devices", "1", "--checkpoint.every_n_train_steps", "1"),
    *("--report_rows", "1"),
)
PERIOD: Final = 0.001  # seconds between two looks at the folder
LONGEST_WRITE: Final = 0.02  # seconds after which a file that is begun is mostly whole


class Kill(NamedTuple):
    """One kill.

    Attributes:
        aim: "any time", or "a write".
        seconds: Time from the start of the process.
        writing: What was unfinished then, by its name; None where nothing was.
        step: The step that the newest whole checkpoint has; 0 without one.
    """

    aim: str
    seconds: float
    writing: str | None
    step: int


def start(arguments: list[str], log: Path) -> int:
    """Fork a process that runs a command of clipteacher; its output goes to a file. Returns its id."""
    child = os.fork()
    if child:
        return child
    status = 70
    try:
        words = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(words, 1)
        os.dup2(words, 2)
        clipteacher_main(arguments)
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)  # not the parent's way out


def end_of(child: int) -> int:
    """Wait for a process; returns its exit status, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def watch(child: int, run: RunFolder, due: Callable[[float, set[str]], bool]) -> tuple[float, bool]:
    """Look at a process and its folder until a moment comes, then kill it.

    Args:
        child: The process.
        run: Its folder.
        due: Called with the seconds since the start and the names of what is unfinished.

    Returns:
        The seconds, and whether it was killed rather than ended by itself.
    """
    began = time.monotonic()
    while not due(time.monotonic() - began, unfinished(run)):
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return time.monotonic() - began, False
        time.sleep(PERIOD)
    os.kill(child, signal.SIGKILL)
    return time.monotonic() - began, True


def unfinished(run: RunFolder) -> set[str]:
    """Name what is being written into a run's folder, or was when its process was killed."""
    folders = [folder for folder in (run.path, run.checkpoints) if folder.is_dir()]
    return {name for folder in folders for name in os.listdir(folder) if UNFINISHED in name}


def kill_once(arguments: list[str], run: RunFolder, log: Path, length: float, chance: random.Random) -> Kill | None:
    """Start a run, or go on with it, and kill it at a random moment; None where it ended before."""
    aim = chance.choice(("any time", "a write"))
    moment, which, delay = chance.uniform(0, length), chance.randint(1, 8), chance.uniform(0, LONGEST_WRITE)
    older, seen = unfinished(run), dict[str, float]()  # seconds by name, in the order of their coming

    def due(now: float, names: set[str]) -> bool:
        for name in names - older:
            seen.setdefault(name, now)
        if aim == "any time":
            return now >= moment
        return len(seen) >= which and now - list(seen.values())[which - 1] >= delay

    child = start(arguments, log)
    seconds, killed = watch(child, run, due)
    status = end_of(child)
    if not killed or status >= 0:
        if status:
            raise RuntimeError(f"a run ended with status {status}; see {log}")
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a damaged last.ckpt would be one
        found = newest_whole(run.checkpoints)
    writing = sorted(name.split(UNFINISHED)[0].removeprefix(".") for name in unfinished(run) - older)
    step = int(found[1]["global_step"]) if found else 0
    return Kill(aim, round(seconds, 3), writing[0] if writing else None, step)


def same(run: RunFolder, peace: RunFolder) -> bool:
    """Return whether a run has the same files as another, those of `COMPARED` to the bit, and nothing unfinished."""

    def files(folder: Path) -> set[str]:
        found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        return {name for name in found if not name.startswith(("logs/", "tensorboard/"))}

    bits = all((run.path / name).read_bytes() == (peace.path / name).read_bytes() for name in COMPARED)
    return bits and files(run.path) == files(peace.path)


def experiment(work: Path, kills: int, per_run: int, steps: int, seed: int) -> dict[str, object]:
    """Kill runs until so many kills are done, and compare each with the run left in peace."""
    chance, world = random.Random(seed), work / "world"  # noqa: S311 (no secret)
    write_world(world, seed=0, train=5, val=2, size=64)
    common = ["fit", "--data.root", str(world), "--trainer.max_steps", str(steps), *ARGUMENTS]
    peace, began = RunFolder(work / "peace"), time.monotonic()
    if status := end_of(start([*common, "--out", str(peace.path)], work / "peace.log")):
        raise RuntimeError(f"the run left in peace ended with status {status}; see {work / 'peace.log'}")
    length, done, endings, lost = time.monotonic() - began, list[Kill](), list[bool](), 0
    while len(done) < kills:
        run, log, before = RunFolder(work / f"run{len(endings)}"), work / f"run{len(endings)}.log", 0
        arguments = [*common, "--out", str(run.path), "--resume"]
        for _ in range(min(per_run, kills - len(done))):
            killed = kill_once(arguments, run, log, length, chance)
            if killed is None:
                break
            done.append(killed)
            lost, before = lost + (killed.step < before), killed.step
            print(f"{len(done)}: {killed}", file=sys.stderr, flush=True)
        if status := end_of(start(arguments, log)):
            raise RuntimeError(f"a resumed run ended with status {status}; see {log}")
        endings.append(same(run, peace))
        print(f"run {len(endings)}: {'same' if endings[-1] else 'DIFFERENT'}", file=sys.stderr, flush=True)
    return {
        "kills": len(done),
        "runs": len(endings),
        "runs_that_ended_with_the_same_bits": sum(endings),
        "resumes_that_failed": 0,  # one would have ended the experiment with an error
        "steps_lost_from_whole_checkpoints": lost,
        "by_aim": dict(Counter(kill.aim for kill in done)),
        "while_writing": dict(Counter(kill.writing or "nothing" for kill in done)),
        "by_step_reached": dict(sorted(Counter(kill.step for kill in done).items())),
        "each": [kill._asdict() for kill in done],
    }


def main() -> None:
    """Run the experiment and write its result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("runs/kill"), help="new folder for the runs")
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--per_run", type=int, default=6, help="kills of one run before it is left to end")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/kill.json"))
    given = parser.parse_args()
    torch.set_num_threads(1)
    given.work.mkdir(parents=True)
    began = time.monotonic()
    found = experiment(given.work, given.kills, given.per_run, given.steps, given.seed)
    minutes = round((time.monotonic() - began) / 60, 1)
    write_json(given.out, {**provenance(), "minutes": minutes, "steps": given.steps, **found})
    print({key: value for key, value in found.items() if key != "each"})
    if found["runs_that_ended_with_the_same_bits"] != found["runs"] or found["steps_lost_from_whole_checkpoints"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
