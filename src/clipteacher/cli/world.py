"""`clipteacher world`: draws a data set of the drawn world of any size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.progress import Progress

from clipteacher.cli.errors import user_errors
from clipteacher.cli.parser import CommandParser
from clipteacher.demo.drawn_world import UNSEEN, write_world


def world(arguments: Sequence[str]) -> None:
    """Draw scenes with masks and captions in the folder format, to train, evaluate and experiment with."""
    parser = CommandParser("world", description=world.__doc__, example="world --out world")
    parser.add_argument("--out", type=Path, required=True, help="folder to write, new or empty")
    parser.add_argument("--seed", type=int, default=0, help="same seed, same scenes")
    parser.add_argument("--train", type=int, default=600, help="scenes to train on")
    parser.add_argument("--val", type=int, default=150, help="scenes to score on")
    parser.add_argument("--size", type=int, default=128, help="height and width in pixels")
    given = parser.parse_args(list(arguments))
    with user_errors(), Progress() as progress:
        task = progress.add_task("Drawing", total=given.train + given.val)
        options = {key: given[key] for key in ("seed", "train", "val", "size")}
        write_world(given.out, **options, progress=lambda done: progress.update(task, completed=done))
    print(f"Written: {given.out}. Its unseen classes: --data.unseen '[{', '.join(UNSEEN)}]'")
