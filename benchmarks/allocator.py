"""What `keep_freed_memory` saves: the same training steps without and with it, side by side, as a ratio.

.venv/bin/python benchmarks/allocator.py
"""

from __future__ import annotations

import multiprocessing
import statistics
import time
from multiprocessing.connection import Connection

import torch

from clipteacher.students.smp import SMPStudent
from clipteacher.training.allocator import keep_freed_memory

_STEPS, _ROUNDS = 4, 3


def work(pipe: Connection, keep: bool) -> None:
    """Time steps of MSRC-21's student each time that the parent process asks."""
    if keep and not keep_freed_memory():
        raise RuntimeError("allocator: the C library is not glibc; nothing can be measured")
    student = SMPStudent("DeepLabV3Plus", "tu-tf_efficientnet_lite0", 384).to(memory_format=torch.channels_last)
    images = torch.rand(10, 3, 224, 320).to(memory_format=torch.channels_last)
    student(images).sum().backward()
    while pipe.recv():
        begun = time.perf_counter()
        for _ in range(_STEPS):
            student(images).sum().backward()
        pipe.send((time.perf_counter() - begun) / _STEPS)


def main() -> None:
    """Take turns between the two processes, so that other work on the machine falls on both."""
    context = multiprocessing.get_context("spawn")
    workers = []
    for keep in (False, True):
        ours, theirs = context.Pipe()
        process = context.Process(target=work, args=(theirs, keep), daemon=True)
        process.start()
        workers.append((ours, process))
    times: list[list[float]] = [[], []]
    for _ in range(_ROUNDS):
        for (pipe, _process), taken in zip(workers, times, strict=True):
            pipe.send(True)
            taken.append(pipe.recv())
    for pipe, process in workers:
        pipe.send(False)
        process.join()
    default, kept = (statistics.median(taken) for taken in times)
    print(f"student step, default: {default:.2f} s; kept: {kept:.2f} s; ratio {default / kept:.2f}")


if __name__ == "__main__":
    main()
