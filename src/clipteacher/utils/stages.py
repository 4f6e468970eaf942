"""Stages of a command: a live bar for each, and how long each took."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text


class Stages(Progress):
    """Runs stages one after another, as a context manager.

    On a terminal each has a live bar with its steps and the time left; elsewhere each begins with a line.

    Args:
        console: Where to.
        count: Number of stages to come.

    Attributes:
        seconds: How long each finished stage took, by its key.
    """

    def __init__(self, console: Console, count: int) -> None:
        columns = TextColumn("{task.description}"), BarColumn(bar_width=16), _State()
        super().__init__(*columns, console=console, disable=not console.is_terminal)
        self.seconds: dict[str, float] = {}
        self.count = count

    def show(self, done: int, total: int) -> None:
        """Show how far the running stage has come: steps done of all."""
        self.update(self.task_ids[-1], completed=done, total=total)

    def say(self, what: str) -> None:
        """Say what the running stage does now; the steps shown so far stay."""
        self.update(self.task_ids[-1], doing=what)

    @contextmanager
    def stage(self, key: str, title: str) -> Iterator[Self]:
        """Run one stage and time it; while it runs, `show` and `say` are its own.

        Args:
            key: Its name in `seconds`.
            title: Its name on the screen.
        """
        label = f"{len(self.seconds) + 1}/{self.count} {title}"
        if self.disable:
            self.console.print(label)
        task = self.add_task(label, total=None, doing="")
        start = perf_counter()
        yield self
        self.seconds[key] = perf_counter() - start
        done = max(1, int(self.tasks[task].completed))
        self.update(task, completed=done, total=done, doing="")


class _State(ProgressColumn):
    """Steps done of all, where a stage counts any; then what it does now, or the time left, so far or taken."""

    def render(self, task: Task) -> Text:
        steps = f"{int(task.completed)}/{int(task.total)}" if task.total is not None and task.total > 1 else ""
        seconds, word = task.elapsed, ""
        if task.finished:
            seconds, word = task.finished_time, " taken"
        elif task.time_remaining is not None:
            seconds, word = task.time_remaining, " left"
        time = f"{int(seconds or 0) // 60}:{int(seconds or 0) % 60:02d}{word}"
        return Text.assemble(f"{steps:>7} ", (task.fields["doing"] or time, "green"), no_wrap=True)
